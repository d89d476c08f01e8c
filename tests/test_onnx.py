import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from wsjax.metrics.onnx_features import onnx_features

WEIGHT = np.array([[1.0, 0.0], [0.5, 2.0], [0.0, -1.0]], np.float32)  # [C, F]


def saved(path, nodes, shape, output, initializers=(), inputs=1, dtype="FLOAT"):
    """A graph of inputs of one shape, written as a file."""
    kind = getattr(TensorProto, dtype)
    values = [
        helper.make_tensor_value_info(f"x{i}", kind, shape) for i in range(inputs)
    ]
    made = helper.make_tensor_value_info("y", kind, output)
    tensors = [
        helper.make_tensor(name, TensorProto.FLOAT, x.shape, x.ravel())
        for name, x in initializers
    ]
    graph = helper.make_graph(nodes, "encoder", values, [made], tensors)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    return path


def pooled(path, shape):
    """Mean over space, then `WEIGHT`: channels first or last, by the shape."""
    axes = [2, 3] if shape[1] == 3 else [1, 2]
    nodes = [
        helper.make_node("ReduceMean", ["x0"], ["m"], axes=axes, keepdims=0),
        helper.make_node("MatMul", ["m", "w"], ["y"]),
    ]
    return saved(path, nodes, shape, [shape[0], 2], [("w", WEIGHT)])


def identity(path, shape, **options):
    return saved(
        path, [helper.make_node("Identity", ["x0"], ["y"])], shape, shape, **options
    )


def pictures(n, *shape, seed=0):
    return np.random.default_rng(seed).uniform(size=(n, *shape)).astype(np.float32)


@pytest.mark.parametrize(
    "shape",
    [
        ["n", 3, 6, 5],
        ["n", 6, 5, 3],
        ["n", 3, "h", "w"],
        [4, "h", "w", 3],
        [1, 3, 6, 5],
    ],
)
def test_the_layout_is_read_off_the_file_and_changes_nothing(tmp_path, shape):
    colour, mean, std = pictures(9, 6, 5, 3), (0.1, 0.2, 0.3), (0.5, 1.0, 2.0)
    features = onnx_features(pooled(tmp_path / "a.onnx", shape), mean=mean, std=std)
    expected = ((colour.mean(axis=(1, 2)) - mean) / std) @ WEIGHT
    np.testing.assert_allclose(features(colour), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("shape", [["n", 3, 6, 5], [4, 3, 6, 5]])
def test_each_row_belongs_to_its_picture_alone(tmp_path, shape):
    colour = pictures(9, 6, 5, 3)
    features = onnx_features(pooled(tmp_path / "a.onnx", shape), batch=4)
    found = features(colour)
    for i in (0, 3, 4, 8):
        alone = features(colour[i : i + 1])
        np.testing.assert_allclose(alone, found[i : i + 1], rtol=1e-6)


def test_grey_is_repeated_and_colour_averaged_to_what_the_file_wants(tmp_path):
    grey, colour = pictures(2, 4, 4, 1), pictures(2, 4, 4, 3)
    three = onnx_features(pooled(tmp_path / "three.onnx", ["n", 3, 4, 4]))
    np.testing.assert_array_equal(three(grey), three(np.repeat(grey, 3, axis=-1)))
    one = onnx_features(identity(tmp_path / "one.onnx", ["n", 1, "h", "w"]))
    np.testing.assert_allclose(
        one(colour)[:, 0], colour.mean(axis=(1, 2, 3)), rtol=1e-5
    )


@pytest.mark.parametrize("channels", [2, 4])
def test_pictures_of_other_channels_are_averaged_to_grey_and_no_colours(
    tmp_path, channels
):
    odd = pictures(2, 4, 4, channels)
    one = onnx_features(identity(tmp_path / "one.onnx", ["n", 1, "h", "w"]))
    np.testing.assert_allclose(one(odd)[:, 0], odd.mean(axis=(1, 2, 3)), rtol=1e-5)
    three = onnx_features(pooled(tmp_path / "three.onnx", ["n", 3, 4, 4]))
    with pytest.raises(ValueError, match=f"three.onnx reads .* got {channels}; leave"):
        three(odd)


def test_pictures_are_resized_bilinearly_to_a_fixed_size(tmp_path):
    # Between the centres of pixels a ramp stays the ramp that it is.
    ramp = np.broadcast_to(np.linspace(0, 1, 8)[:, None, None], (1, 8, 8, 3))
    nodes = [helper.make_node("Flatten", ["x0"], ["y"])]
    file = saved(tmp_path / "a.onnx", nodes, ["n", 16, 8, 3], ["n", 16 * 8 * 3])
    found = onnx_features(file)(ramp).reshape(16, 8, 3)
    centres = ((np.arange(16) + 0.5) / 2 - 0.5).clip(0, 7) / 7
    np.testing.assert_allclose(
        found, np.broadcast_to(centres[:, None, None], found.shape), atol=1e-6
    )


@pytest.mark.parametrize("shape", [["n", 3, 5, 4], ["n", 5, 4, 3]])
def test_an_output_map_is_averaged_over_space(tmp_path, shape):
    colour = pictures(3, 5, 4, 3)
    found = onnx_features(identity(tmp_path / "a.onnx", shape))(colour)
    np.testing.assert_allclose(found, colour.mean(axis=(1, 2)), rtol=1e-5)


@pytest.mark.parametrize("dtype", ["FLOAT16", "DOUBLE"])
def test_other_floats_do_as_well(tmp_path, dtype):
    file = identity(tmp_path / "a.onnx", ["n", "h", "w", 3], dtype=dtype)
    colour = pictures(3, 5, 4, 3)
    found = onnx_features(file)(colour)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, colour.mean(axis=(1, 2)), atol=1e-3)


@pytest.mark.parametrize(
    ("shape", "options", "wrong"),
    [
        (["n", 7], {}, r"found x0 tensor\(float\) \['n', 7\]"),
        (["n", 4, 8, 8], {}, "1 or 3 channels"),
        (["n", 3, 8, 8], {"inputs": 2}, "one input.*x0 .*x1 .*encoder alone"),
        (["n", 3, 8, 8], {"dtype": "INT64"}, r"tensor\(int64\)"),
    ],
)
def test_a_file_that_reads_no_picture_is_refused(tmp_path, shape, options, wrong):
    file = identity(tmp_path / "odd.onnx", shape, **options)
    with pytest.raises(ValueError, match=f"odd.onnx.*{wrong}"):
        onnx_features(file)


def test_a_graph_that_cannot_take_the_pictures_says_so(tmp_path):
    nodes = [helper.make_node("Add", ["x0", "w"], ["y"])]
    constant = ("w", np.zeros((1, 3, 6, 6), np.float32))
    shape = ["n", 3, "h", "w"]
    file = saved(tmp_path / "picky.onnx", nodes, shape, shape, [constant])
    with pytest.raises(ValueError, match=r"picky.onnx does not take .*\(3, 4, 4\)"):
        onnx_features(file)(pictures(2, 4, 4, 3))
    nodes = [helper.make_node("ReduceSum", ["x0"], ["y"], keepdims=0)]
    file = saved(tmp_path / "sum.onnx", nodes, shape, [])
    with pytest.raises(ValueError, match=r"sum.onnx makes \(\) of 64 pictures"):
        onnx_features(file)(pictures(2, 4, 4, 3))


def test_other_mistakes_are_named(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="none.onnx is missing"):
        onnx_features(tmp_path / "none.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"no graph")
    with pytest.raises(ValueError, match="bad.onnx cannot be read as an ONNX file"):
        onnx_features(tmp_path / "bad.onnx")
    file = pooled(tmp_path / "a.onnx", ["n", 3, 4, 4])
    with pytest.raises(ValueError, match=r"wants 3 channels.*\(0.5, 0.5\)"):
        onnx_features(file, mean=(0.5, 0.5))
    with pytest.raises(ValueError, match="none of them 0"):
        onnx_features(file, std=(1.0, 0.0, 1.0))
    with pytest.raises(ValueError, match=r"reads pictures .* got \(2, 4, 4, 4, 1\)"):
        onnx_features(file)(np.zeros((2, 4, 4, 4, 1)))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ValueError, match="pip install onnxruntime"):
        onnx_features(file)
