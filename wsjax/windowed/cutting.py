"""Cut a picture into windows, and join windows to a picture."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["Layout", "cut", "joined", "layout"]

_LARGEST = 16  # Pixels per side of the windows that follow from the picture's size.
_MOMENTS = 2**27  # Second moments that are held at once: 1 GiB.


class Layout(NamedTuple):
    """How a picture is cut.

    `size`: its height and width in pixels; `side`: height and width of a window;
    `channels`: C. Windows at the lower and right edges may reach beyond the picture,
    where the pixels of its edge are repeated.
    """

    size: tuple[int, int]
    side: tuple[int, int]
    channels: int

    @property
    def counts(self) -> tuple[int, int]:
        """Windows from top to bottom, and from left to right."""
        rows, columns = (-(-n // s) for n, s in zip(self.size, self.side, strict=True))
        return rows, columns

    @property
    def windows(self) -> int:
        """K, how many windows a picture has."""
        return self.counts[0] * self.counts[1]

    @property
    def numbers(self) -> int:
        """M, values in a window."""
        return self.side[0] * self.side[1] * self.channels

    @property
    def groups(self) -> int:
        """G, groups of windows that share atoms: one for each place, or one for all.

        One for all where moments of each place, from which atoms are learnt, would fill
        memory: such pictures have many windows.
        """
        return self.windows if self.windows * self.numbers**2 <= _MOMENTS else 1

    @property
    def inside(self) -> np.ndarray:
        """`[G, M]` booleans: which values of a group's windows lie in the picture.

        All of them where windows share their atoms.
        """
        if self.groups == 1:
            return np.ones((1, self.numbers), bool)
        (rows, columns), (h, w) = self.counts, self.side
        y = np.arange(rows * h).reshape(rows, h) < self.size[0]
        x = np.arange(columns * w).reshape(columns, w) < self.size[1]
        found = y[:, None, :, None, None] & x[None, :, None, :, None]
        found = np.broadcast_to(found, (rows, columns, h, w, self.channels))
        return found.reshape(self.windows, self.numbers)


def layout(size: tuple[int, int], channels: int, *, side: int | None = None) -> Layout:
    """Windows of about `side` pixels that fill the picture, where there are such.

    Without a side, a quarter of the picture's shorter one is taken, 16 pixels at most.
    On each axis the divisor of the picture's length that is nearest to `side`, from
    half to twice as long, is taken; without one, `side` itself. So 8 cuts 32 pixels
    into windows of 8, and 28 into windows of 7.

    Raises:
      ValueError: if `side` is below 1, or far too large.
    """
    if side is None:
        side = min(max(min(size) // 4, 1), _LARGEST)
    if side < 1:
        raise ValueError(f"side={side} should be 1 pixel or more, such as 8")

    def fitting(length: int) -> int:
        near = [n for n in range(-(-side // 2), 2 * side + 1) if length % n == 0]
        return min(near, key=lambda n: abs(n - side), default=min(side, length))

    form = Layout((size[0], size[1]), (fitting(size[0]), fitting(size[1])), channels)
    if form.numbers**2 > _MOMENTS:
        most = int((_MOMENTS**0.5 / channels) ** 0.5)
        raise ValueError(
            f"side={side} makes windows of {form.numbers} values, whose second moments "
            f"would fill memory; take {most} or less, such as 16"
        )
    return form


def cut(values: jax.Array, form: Layout) -> jax.Array:
    """Windows `[K, M]` of a picture, from its values `[H * W, C]`."""
    (height, width), (h, w), (rows, columns) = form.size, form.side, form.counts
    picture = values.reshape(height, width, form.channels)
    beyond = ((0, rows * h - height), (0, columns * w - width), (0, 0))
    picture = jnp.pad(picture, beyond, mode="edge")
    windows = picture.reshape(rows, h, columns, w, form.channels)
    return windows.transpose(0, 2, 1, 3, 4).reshape(form.windows, form.numbers)


def joined(windows: jax.Array, form: Layout) -> jax.Array:
    """The picture `[H, W, C]` of the windows `[K, M]`; undoes `cut`."""
    (height, width), (h, w), (rows, columns) = form.size, form.side, form.counts
    picture = windows.reshape(rows, columns, h, w, form.channels)
    picture = picture.transpose(0, 2, 1, 3, 4)
    picture = picture.reshape(rows * h, columns * w, form.channels)
    return picture[:height, :width]
