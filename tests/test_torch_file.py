"""Torch files are read as torch reads them, and nothing in them is run."""

import collections
import os
import pickle
import zipfile

import numpy as np
import pytest
import torch_form
from torch_form import Storage, Tensor

from wsjax.exchange.torch_file import read_torch


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file.pt"


def arrays():
    generator = np.random.default_rng(0)
    numbers = 10 * generator.normal(size=(3, 4))
    types = ("float64", "float32", "float16", "int64", "bool")
    return {name: numbers.astype(name) for name in types}


def test_tensors_of_all_types_come_back(path):
    wanted = arrays()
    whole = {"state_dict": torch_form.state(wanted), "psnr": 31.5, "idx": [3, None]}
    path.write_bytes(torch_form.to_bytes(whole))
    found = read_torch(path)
    assert (found["psnr"], found["idx"]) == (31.5, [3, None])
    assert isinstance(found["state_dict"], collections.OrderedDict)
    for name, array in wanted.items():
        assert found["state_dict"][name].dtype == array.dtype
        np.testing.assert_array_equal(found["state_dict"][name], array)


def test_bfloat16_is_the_upper_half_of_a_float(path):
    numbers = np.array([1.0, -2.5, 3.0e38, np.inf, 1.0 / 3.0], np.float32)
    bits = (numbers.view(np.uint32) >> 16).astype(np.uint16)
    path.write_bytes(torch_form.to_bytes({"x": torch_form.tensor(bits, "0")}))
    found = read_torch(path)["x"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[:4], [1.0, -2.5, found[2], np.inf])
    np.testing.assert_allclose(found, numbers, rtol=2**-7)


def test_views_into_one_storage_come_back(path):
    storage = Storage(np.arange(12.0), "7")
    content = {
        "whole": Tensor(storage, (3, 4), (4, 1)),
        "turned": Tensor(storage, (4, 3), (1, 4)),
        "inner": Tensor(storage, (2, 2), (4, 1), 5),
        "column": Tensor(storage, (3,), (4,), 3),
        "number": Tensor(storage, (), (), 11),
        "empty": Tensor(storage, (0, 4), (4, 1)),
        "trained": torch_form.Parameter(Tensor(storage, (12,), (1,))),
    }
    path.write_bytes(torch_form.to_bytes(content))
    found, whole = read_torch(path), np.arange(12.0).reshape(3, 4)
    wanted = (
        whole,
        whole.T,
        whole[1:, 1:3],
        whole[:, 3],
        whole[2, 3],
        whole[:0],
        np.arange(12.0),
    )
    for name, array in zip(content, wanted, strict=True):
        np.testing.assert_array_equal(found[name], array)
        assert found[name].shape == array.shape


@pytest.mark.parametrize(
    ("size", "stride", "offset"),
    [
        ((13,), (1,), 0),
        ((3, 4), (5, 1), 0),
        ((2,), (1,), 11),
        ((2,), (-1,), 5),
        ((2,), (1,), -1),
        ((10**9, 10**9), (0, 0), 0),
        ((0,), (1,), 13),
    ],
)
def test_a_tensor_beyond_its_storage_is_refused(size, stride, offset, path):
    content = {"x": Tensor(Storage(np.arange(12.0), "0"), size, stride, offset)}
    path.write_bytes(torch_form.to_bytes(content))
    with pytest.raises(ValueError, match="a tensor inside its storage of 12 numbers"):
        read_torch(path)


def test_a_storage_of_another_length_is_refused(path):
    pickled, storages = {}, {"0": np.arange(12.0)}
    content = {"x": Tensor(Storage(storages["0"], "0"), (12,), (1,))}
    with zipfile.ZipFile(_file(path, torch_form.to_bytes(content))) as members:
        pickled = members.read("model/data.pkl")
    path.write_bytes(torch_form.archive(pickled, {"0": np.arange(11.0)}))
    with pytest.raises(ValueError, match="expected 12 numbers in storage 0, found 11"):
        read_torch(path)
    packed = torch_form.archive(pickled, storages, zipfile.ZIP_DEFLATED)
    path.write_bytes(packed)
    with pytest.raises(
        ValueError, match="expected model/.* uncompressed; save it again"
    ):
        read_torch(path)
    path.write_bytes(torch_form.archive(pickled, {}))
    with pytest.raises(ValueError, match="model/data/0"):
        read_torch(path)


def _file(path, data):
    path.write_bytes(data)
    return path


class Call:
    """Pickled as the call of any function."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    "call",
    [
        Call(os.system, "touch ran"),
        Call(eval, "open('ran', 'w')"),
        Call(os.mkdir, "ran"),
        Call(getattr, os.system, "__call__"),
        collections.Counter,
    ],
)
def test_a_pickle_that_calls_is_refused_and_not_run(call, path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        pickled = pickle.dumps({"x": call}, protocol)
        path.write_bytes(torch_form.archive(pickled, {}))
        with pytest.raises(ValueError, match="asks for .*; nothing of it was run"):
            read_torch(path)
    assert not (tmp_path / "ran").exists()


def test_what_is_refused_is_named(path):
    path.write_bytes(torch_form.archive(pickle.dumps(Call(os.mkdir, "x")), {}))
    with pytest.raises(ValueError, match=f"asks for {os.mkdir.__module__}.mkdir;"):
        read_torch(path)


def test_no_file_changes_how_the_next_is_read(path):
    good = torch_form.to_bytes(torch_form.state(arrays()))
    # Sets an attribute of the function that rebuilds tensors.
    state = pickle.dumps((None, {"__defaults__": (0,), "mine": 1}), 2)[2:-1]
    bad = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n" + state + b"b."
    path.write_bytes(torch_form.archive(bad, {}))
    first = read_torch(path)
    assert first.mine == 1
    path.write_bytes(torch_form.archive(b"ctorch._utils\n_rebuild_tensor_v2\n.", {}))
    assert not hasattr(read_torch(path), "mine")
    path.write_bytes(good)
    assert set(read_torch(path)) == set(arrays())


def test_a_file_cut_short_or_damaged_is_refused(path):
    whole = torch_form.to_bytes(torch_form.state(arrays()))
    for size in range(0, len(whole), 97):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="found something else or part of one"):
            read_torch(path)
    for place in range(0, len(whole), 13):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        try:
            read_torch(path)
        except (ValueError, OSError) as error:
            assert str(error)


def test_numbers_in_another_order_are_refused(path):
    with zipfile.ZipFile(path, "w") as members:
        members.writestr("a/data.pkl", pickle.dumps({}))
        members.writestr("a/byteorder", "big")
    with pytest.raises(ValueError, match="expected little-endian numbers"):
        read_torch(path)


def test_another_zip_is_refused(path):
    with zipfile.ZipFile(path, "w") as members:
        members.writestr("word.xml", "")
    with pytest.raises(ValueError, match="one data.pkl, found .*word.xml"):
        read_torch(path)
