"""Files of torch before 1.6 are read like those after it, and as guardedly."""

import numpy as np
import pytest

from tests import torch_form
from wsjax.exchange import torch_file


def arrays():
    draw = np.random.default_rng(0).normal
    return {
        "a.weight": draw(size=(3, 4)).astype(np.float32),
        "a.bias": draw(size=3),
        "steps": np.arange(5),
    }


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.pth"


def test_both_forms_hold_the_same(path):
    content = {"epoch": 7, "net": torch_form.state(arrays())}
    path.write_bytes(torch_form.to_bytes(content))
    expected = torch_file.read_torch(path)
    path.write_bytes(torch_form.to_legacy(content))
    found = torch_file.read_torch(path)
    assert found["epoch"] == expected["epoch"] == 7
    assert list(found["net"]) == list(expected["net"]) == list(arrays())
    for name, x in arrays().items():
        np.testing.assert_array_equal(found["net"][name], x)
        assert found["net"][name].dtype == expected["net"][name].dtype == x.dtype


def test_views_share_a_storage(path):
    storage = torch_form.Storage(np.arange(12, dtype=np.float32), "0")
    views = {
        "rows": torch_form.Tensor(storage, (3, 4), (4, 1)),
        "turned": torch_form.Tensor(storage, (4, 3), (1, 4)),
    }
    path.write_bytes(torch_form.to_legacy(views))
    found = torch_file.read_torch(path)
    np.testing.assert_array_equal(found["turned"], found["rows"].T)


@pytest.mark.parametrize("kept", [0.2, 0.9, 0.999])
def test_a_file_cut_short_is_refused(path, kept):
    whole = torch_form.to_legacy(torch_form.state(arrays()))
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(ValueError, match="whole file of torch.save"):
        torch_file.read_torch(path)


def test_what_would_run_is_refused(path):
    class Evil:
        def __reduce__(self):
            return (print, ("run",))

    path.write_bytes(torch_form.to_legacy({"x": Evil()}))
    with pytest.raises(ValueError, match="asks for builtins.print|__builtin__.print"):
        torch_file.read_torch(path)


def test_numbers_that_the_file_cannot_hold_fill_no_memory(path):
    class Claim(torch_form.Storage):
        def __init__(self):
            super().__init__(np.zeros(3, np.float32), "0")

    whole = torch_form.to_legacy(torch_form.state({"a": np.zeros(3, np.float32)}))
    (at,) = [i for i in range(len(whole)) if whole[i : i + 6] == b"cuda:0"]
    # The count behind the place, as pickle writes small numbers: K and one byte.
    count = whole.index(b"K\x03", at)
    path.write_bytes(
        whole[:count] + b"\x8a\x05\xff\xff\xff\xff\x7f" + whole[count + 2 :]
    )
    with pytest.raises(ValueError, match="numbers in storage 0, found too few"):
        torch_file.read_torch(path)


def test_another_count_than_that_of_the_tensors_is_refused(path):
    whole = bytearray(torch_form.to_legacy(torch_form.state({"a": np.zeros(3)})))
    whole[-(3 * 8) - 8] = 2
    path.write_bytes(whole)
    with pytest.raises(ValueError, match="expected 3 numbers in storage 0"):
        torch_file.read_torch(path)
