"""Features from an ONNX file: any network that was trained elsewhere.

Needs onnxruntime, which the extra `[onnx]` installs.
"""

import pathlib
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

__all__ = ["onnx_features"]

_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
}


class _Input(NamedTuple):
    """The input that a file declares; None stands where it takes any number."""

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
    """A feature function: the first output of an ONNX graph that takes one picture.

    The file declares the layout: `[N, C, H, W]` or `[N, H, W, C]` with 1 or 3 channels,
    of fixed or free size. Where both layouts fit, channels come first.

    Args:
      path: of the file.
      mean: subtracted from the pixels in [0, 1], one number or one per channel.
      std: the difference is divided by it, one number or one per channel.
      batch: pictures per call, where the file leaves that free.

    Returns:
      `features(pictures [N, H, W, C] in [0, 1]) -> [N, F]`. Pictures are resized to the
      size that the file declares (bilinear, antialiased). A graph of 3 channels gets
      pictures of 1 channel repeated; a graph of 1 channel gets the mean of several. An
      output map `[N, ., ., .]` is averaged over space, any other output flattened.

    Raises:
      ValueError: if onnxruntime is missing, if the file cannot be read, or if its graph
        takes anything but one picture; from `features`, if they are no pictures, or if
        the graph does not take them.
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
        fed: np.ndarray = np.ascontiguousarray(ready[rows], wanted.dtype)
        try:
            (made,) = session.run([output], {wanted.name: fed})
        except Exception as error:  # onnxruntime's errors have no other base.
            raise ValueError(
                f"{path} does not take pictures {ready.shape[1:]}: {_line(error)}"
            ) from error
        return _flat(path, np.asarray(made, np.float32), size, wanted)[: len(ready)]

    def features(pictures: np.ndarray) -> np.ndarray:
        if np.ndim(pictures) != 4 or not len(pictures):
            raise ValueError(
                f"{path} reads pictures [N, H, W, C], got {np.shape(pictures)}; leave "
                "ONNX files out of the features of other data"
            )
        channels = np.shape(pictures)[3]
        if wanted.channels == 3 and channels not in (1, 3):
            raise ValueError(
                f"{path} reads pictures of 3 channels, or of 1 which it repeats, got "
                f"{channels}; leave it out of the features of these data"
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
    except Exception as error:  # onnxruntime's errors have no other base.
        raise ValueError(
            f"{path} cannot be read as an ONNX file ({_line(error)}); export it again"
        ) from error


def _line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def _input(path: pathlib.Path, inputs: list) -> _Input:
    declared = ", ".join(f"{x.name} {x.type} {list(x.shape)}" for x in inputs)
    wrong = ValueError(
        f"{path} should have one input, floats [N, C, H, W] or [N, H, W, C] with 1 or 3"
        f" channels, found {declared or 'none'}; export the picture encoder alone"
    )
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type not in _TYPES:
        raise wrong
    batch, *sizes = (x if isinstance(x, int) else None for x in inputs[0].shape)
    name, dtype = inputs[0].name, _TYPES[inputs[0].type]
    for first in (True, False):
        channels, *sides = sizes if first else [sizes[2], *sizes[:2]]
        if channels in (1, 3):
            return _Input(name, dtype, batch, (sides[0], sides[1]), channels, first)
    raise wrong


def _resized(pictures: np.ndarray, wanted: _Input) -> np.ndarray:
    """Pictures `[n, H, W, C]` in the size and with the channels that a file wants."""
    pictures = np.asarray(pictures, np.float32)
    if wanted.channels == 1:
        pictures = pictures.mean(axis=-1, keepdims=True)
    n, *sides, _ = pictures.shape
    sides = [side or own for side, own in zip(wanted.sides, sides, strict=True)]
    if pictures.shape[1:3] != tuple(sides):
        shape = (n, *sides, pictures.shape[-1])
        pictures = np.asarray(jax.image.resize(pictures, shape, "linear"))
    return np.broadcast_to(pictures, (n, *sides, wanted.channels))


def _flat(path: pathlib.Path, made: np.ndarray, n: int, wanted: _Input) -> np.ndarray:
    """What a graph made of `n` pictures, as one row `[F]` for each."""
    if made.ndim < 2 or len(made) != n:
        raise ValueError(
            f"{path} makes {made.shape} of {n} pictures, expected a row for each; "
            "export an encoder whose first output is [N, F]"
        )
    if made.ndim == 4:
        made = made.mean(axis=(2, 3) if wanted.channels_first else (1, 2))
    return made.reshape(n, -1)
