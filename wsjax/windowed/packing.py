"""The gains of a picture as few numbers: one bit for each, and those that are kept."""

import jax
import jax.numpy as jnp

from wsjax import bits

__all__ = ["kept", "packed", "unpacked", "words"]


def words(numbers: int, candidates: int) -> int:
    """Numbers, of N, that say which of M candidates are kept; 0 if all of them are."""
    return 0 if candidates <= numbers else -(-candidates // bits.WORD)


def kept(numbers: int, candidates: int) -> int:
    """How many gains N numbers hold, of M candidates."""
    return min(numbers, candidates) - words(numbers, candidates)


def packed(gains: jax.Array, numbers: int) -> jax.Array:
    """The largest of the gains `[M]` and their places, in N numbers `[min(N, M)]`."""
    count = kept(numbers, len(gains))
    if count == len(gains):
        return gains
    _, places = jax.lax.top_k(jnp.abs(gains), count)
    places = jnp.sort(places)
    marks = jnp.zeros(len(gains), int).at[places].set(1)
    return jnp.concatenate([bits.to_numbers(marks), gains[places]])


def unpacked(numbers: jax.Array, candidates: int) -> jax.Array:
    """The gains `[M]` that numbers `[N]` hold, 0 where none is kept; undoes `packed`.

    Numbers that nothing was packed into may mark more gains than there are: these are
    0, too.
    """
    numbers = jnp.asarray(numbers)  # Those from disk are NumPy arrays.
    begin = words(len(numbers), candidates)
    if not begin:
        return numbers
    marks = bits.from_numbers(numbers[:begin])[:candidates]
    order = jnp.cumsum(marks) - 1
    found = numbers[begin:].at[order].get(mode="fill", fill_value=0.0)
    return jnp.where(marks == 1, found, 0.0)
