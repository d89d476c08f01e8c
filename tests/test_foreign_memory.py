"""Memory of a reader follows the size of a file, whatever the file claims."""

import io
import pickle
import struct
import tracemalloc
import zipfile

import h5py
import numpy as np
import pytest
import safetensors.numpy
import torch_form

from wsjax import exchange

GIB = 2**30
MOST = 80 * 2**20  # Bytes: what a reader of a small file may use.


def member(shape, *, content=b""):
    """A member of an .npz that claims a shape."""
    file = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + content


def zipped(members, compression=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def torch_of(pickled, storages=(), compression=zipfile.ZIP_STORED):
    return torch_form.archive(pickled, dict(storages), compression)


def shared(count, *, listed):
    """One tensor of a MiB under many names, or in many state dicts."""
    tensor = torch_form.tensor(np.ones(2**18, np.float32), "0")
    if listed:
        return torch_form.to_bytes([{"x": tensor}] * count)
    return torch_form.to_bytes({str(i): tensor for i in range(count)})


def slices(count):
    """Many tensors, each a view of the whole of one storage."""
    storage = torch_form.Storage(np.ones(2**18, np.float32), "0")
    views = {str(i): torch_form.Tensor(storage, (2**18,), (1,)) for i in range(count)}
    return torch_form.to_bytes(views)


def hdf5(**options):
    file = io.BytesIO()
    with h5py.File(file, "w") as archive:
        text = h5py.special_dtype(vlen=str)
        archive.create_dataset("param_config", (1,), dtype=text)[0] = '[["x", [1024]]]'
        archive.create_dataset("params", dtype="f4", **options)
    return file.getvalue()


def header(length, content=b""):
    return struct.pack("<Q", length) + content


BOMBS = {
    "pickle.pt": lambda: torch_of(
        pickle.dumps("x" * (256 * 2**20)), compression=zipfile.ZIP_DEFLATED
    ),
    "order.pt": lambda: zipped(
        {"a/data.pkl": pickle.dumps({}), "a/byteorder": bytes(256 * 2**20)}
    ),
    "memo.pt": lambda: torch_of(b"\x80\x02}r" + struct.pack("<I", 2**24) + b"."),
    "bytes.pt": lambda: torch_of(b"\x80\x05\x96" + struct.pack("<Q", GIB) + b"."),
    "names.pt": lambda: shared(512, listed=False),
    "list.pt": lambda: shared(512, listed=True),
    "views.pt": lambda: slices(512),
    "zeros.npz": lambda: zipped({"x.npy": member((2**26,), content=bytes(2**28))}),
    "claim.npz": lambda: zipped({"x.npy": member((2**28,), content=bytes(64))}),
    "large.npz": lambda: zipped({"x.npy": member((2**62,))}),
    "fill.h5": lambda: hdf5(shape=(2**18, 1024), chunks=(1, 1024)),
    "piece.h5": lambda: hdf5(
        shape=(1, 1024), maxshape=(None, 1024), chunks=(2**17, 1024), compression=9
    ),
    "head.safetensors": lambda: header(2**60),
    "long.safetensors": lambda: header(99 * 2**20, b"{}"),
    "data.safetensors": lambda: header(
        64,
        b'{"x":{"dtype":"F32","shape":[268435456],"data_offsets":[0,4]}}  ' + bytes(4),
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_file_that_claims_much_is_refused_with_little_memory(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(BOMBS[name]())
    assert path.stat().st_size < 3 * 2**20
    tracemalloc.start()
    with pytest.raises(ValueError, match="the first, .*: expected"):
        exchange.read_foreign(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < MOST


def test_a_bomb_stops_no_other_file(tmp_path):
    for name in ("zeros.npz", "names.pt"):
        (tmp_path / name).write_bytes(BOMBS[name]())
    np.savez(tmp_path / "good.npz", bias=np.ones(3))
    found = exchange.read_foreign(tmp_path)
    assert [x["name"] for x in found.instances] == ["good.npz"]
    assert set(found.skipped) == {"zeros.npz", "names.pt"}


def test_a_file_that_points_into_another_is_not_followed(tmp_path):
    (tmp_path / "secret").write_bytes(np.arange(1024, dtype="f4").tobytes())
    other = tmp_path / "other" / "params.hdf5"
    other.parent.mkdir()
    other.write_bytes(hdf5(shape=(1, 1024)))
    path = tmp_path / "x.h5"
    for link in (True, False):
        path.write_bytes(hdf5(shape=(1, 1024)))
        with h5py.File(path, "a") as file:
            del file["params"]
            if link:
                file["params"] = h5py.ExternalLink(str(other), "params")
            else:
                place = [(str(tmp_path / "secret"), 0, 4096)]
                file.create_dataset("params", (1, 1024), "f4", external=place)
        with pytest.raises(ValueError, match=r"expected datasets params \[n, d\]"):
            exchange.read_foreign(path)


@pytest.mark.parametrize("suffix", ["npz", "h5", "pt", "safetensors"])
def test_weights_that_compress_well_are_still_read(suffix, tmp_path):
    # Sixteen MiB of zeros: a frozen factor, say.
    zeros, path = np.zeros((1, 2**22), np.float32), tmp_path / f"x.{suffix}"
    if suffix == "npz":
        np.savez_compressed(path, x=zeros)
    elif suffix == "h5":
        with h5py.File(path, "w") as file:
            file.create_dataset("params", data=zeros, compression=9, chunks=(1, 2**20))
            text = h5py.special_dtype(vlen=str)
            file.create_dataset("param_config", (1,), dtype=text)[0] = (
                f'[["x", [{zeros.size}]]]'
            )
    elif suffix == "pt":
        path.write_bytes(torch_form.to_bytes(torch_form.state({"x": zeros})))
    else:
        safetensors.numpy.save_file({"x": zeros}, path)
    assert exchange.read_foreign(path).weights["x"].size == zeros.size
