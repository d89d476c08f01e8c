"""Features from any ONNX file: a network that was trained elsewhere, on what you like.

Needs onnxruntime, the extra `[onnx]`.
"""

import pathlib
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
}


class _Input(NamedTuple):
    """What a file wants: `batch` and `sides` are None where any number goes."""

    name: str
    dtype: type
    batch: int | None
    sides: tuple[int | None, int | None]
    channels: int
    channels_first: bool


def onnx_features(
    path: str | pathlib.Path,
    *,
    mean: tuple[float, ...] = (0.0,),
    std: tuple[float, ...] = (1.0,),
    batch: int = 64,
) -> Callable[[np.ndarray], np.ndarray]:
    """The first output of an ONNX graph of one picture input.

    The layout is read off the file: `[N, C, H, W]` or `[N, H, W, C]` with 1 or 3
    channels, of fixed or free size; where both fit, channels come first.

    Args:
      path: of the file.
      mean: taken off the pixels in [0, 1], one number or one per channel.
      std: what they are divided by then, likewise.
      batch: pictures per call, where the file leaves it free.

    Returns:
      `features(pictures [N, H, W, C] in [0, 1]) -> [N, F]`. Pictures are resized to the
      size of the file (bilinear, antialiased), grey ones repeated to 3 channels, those
      of several averaged to 1; an output map `[N, ., ., .]` is averaged over space, any
      other one flattened.

    Raises:
      ValueError: if onnxruntime is missing, the file cannot be read, or it has other
        inputs than one picture; from `features`, if they are no pictures, or the graph
        does not take them.
      FileNotFoundError: if there is no such file.
    """
    path = pathlib.Path(path)
    session = _session(path)
    wanted = _input(path, session.get_inputs())
    output, size = session.get_outputs()[0].name, wanted.batch or batch
    shift, scale = (np.asarray(x, np.float32) for x in (mean, std))
    if not {shift.size, scale.size} <= {1, wanted.channels} or not scale.all():
        raise ValueError(
            f"{path} wants {wanted.channels} channels; give one number or one per "
            f"channel as mean and, none of them 0, as std, got {mean} and {std}"
        )

    def call(pictures: np.ndarray) -> np.ndarray:
        ready = (_resized(pictures, wanted) - shift) / scale
        if wanted.channels_first:
            ready = np.moveaxis(ready, -1, 1)
        rows = np.append(np.arange(len(ready)), np.zeros(size - len(ready), int))
        fed = {wanted.name: np.ascontiguousarray(ready[rows], wanted.dtype)}
        try:
            (found,) = session.run([output], fed)
        except Exception as error:  # Its own kinds have nothing else in common.
            raise ValueError(
                f"{path} does not take pictures {ready.shape[1:]}: {_line(error)}"
            ) from error
        return _flat(path, np.asarray(found, np.float32), size, wanted)[: len(ready)]

    def features(pictures: np.ndarray) -> np.ndarray:
        if np.ndim(pictures) != 4 or not len(pictures):
            raise ValueError(
                f"{path} reads pictures [N, H, W, C], got {np.shape(pictures)}; leave "
                "ONNX files out of the features of other data"
            )
        begins = range(0, len(pictures), size)
        return np.concatenate([call(pictures[i : i + size]) for i in begins])

    return features


def _session(path: pathlib.Path):
    try:
        import onnxruntime
    except ImportError as error:
        raise ValueError(
            "ONNX features need onnxruntime, which is not installed; run "
            "`pip install onnxruntime`"
        ) from error
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; give the path of an ONNX file")
    try:
        return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    except Exception as error:  # Its own kinds have nothing else in common.
        raise ValueError(
            f"{path} cannot be read as an ONNX file ({_line(error)}); export it again"
        ) from error


def _line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def _input(path: pathlib.Path, inputs: list) -> _Input:
    found = ", ".join(f"{x.name} {x.type} {list(x.shape)}" for x in inputs)
    wrong = ValueError(
        f"{path} should have one input, floats [N, C, H, W] or [N, H, W, C] with 1 or 3"
        f" channels, found {found or 'none'}; export the picture encoder alone"
    )
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type not in _TYPES:
        raise wrong
    batch, *others = (x if isinstance(x, int) else None for x in inputs[0].shape)
    first = others[0] in (1, 3)
    if not first and others[2] not in (1, 3):
        raise wrong
    channels, *sides = others if first else (others[2], *others[:2])
    dtype = _TYPES[inputs[0].type]
    return _Input(inputs[0].name, dtype, batch, tuple(sides), channels, first)


def _resized(pictures: np.ndarray, wanted: _Input) -> np.ndarray:
    """Pictures `[n, H, W, C]` in the size and the channels of the file."""
    pictures = np.asarray(pictures, np.float32)
    if wanted.channels == 1:
        pictures = pictures.mean(axis=-1, keepdims=True)
    n, *sides, _ = pictures.shape
    sides = [side or own for side, own in zip(wanted.sides, sides, strict=True)]
    if pictures.shape[1:3] != tuple(sides):
        shape = (n, *sides, pictures.shape[-1])
        pictures = np.asarray(jax.image.resize(pictures, shape, "linear"))
    return np.broadcast_to(pictures, (n, *sides, wanted.channels))


def _flat(path: pathlib.Path, found: np.ndarray, n: int, wanted: _Input) -> np.ndarray:
    if found.ndim < 2 or len(found) != n:
        raise ValueError(
            f"{path} makes {found.shape} of {n} pictures, expected a row for each; "
            "export an encoder whose first output is [N, F]"
        )
    if found.ndim == 4:
        found = found.mean(axis=(2, 3) if wanted.channels_first else (1, 2))
    return found.reshape(n, -1)
