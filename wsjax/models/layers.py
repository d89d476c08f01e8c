"""Building blocks of the denoisers, for one example; batch axes come from vmap."""

import flax.linen as nn
import jax
import jax.numpy as jnp

__all__ = [
    "DitBlock",
    "InputSkip",
    "LabelEmbedding",
    "Modulation",
    "TimeEmbedding",
    "TokenMlp",
    "condition",
    "modulate",
    "modulate_tokens",
    "norm",
    "time_features",
]


def time_features(t: jax.Array, width: int) -> jax.Array:
    """Sinusoidal features of a time in [0, 1], `[] -> [width]`; DiT's, times 1000."""
    half = width // 2
    rates = jnp.exp(-jnp.log(1e4) * jnp.arange(half) / half)
    angles = 1000.0 * t * rates
    return jnp.concatenate([jnp.cos(angles), jnp.sin(angles)])


class TimeEmbedding(nn.Module):
    """Time `[]` to a conditioning vector `[width]`."""

    width: int

    @nn.compact
    def __call__(self, t: jax.Array) -> jax.Array:
        """Two layers over sinusoidal features."""
        x = nn.silu(nn.Dense(self.width)(time_features(t, self.width)))
        return nn.silu(nn.Dense(self.width)(x))


class LabelEmbedding(nn.Module):
    """Label `[]` to a vector `[width]` that is added to the condition.

    The table has one row per class and, last, one for the label -1: none. With
    `classes` 0 there is nothing to learn, and the vector is zero.
    """

    width: int
    classes: int

    @nn.compact
    def __call__(self, label: jax.Array) -> jax.Array:
        """The row of the label; -1 counts from the end, as everywhere."""
        if not self.classes:
            return jnp.zeros(self.width)
        shape = self.classes + 1, self.width
        return self.param("table", nn.initializers.normal(0.02), shape)[label]


def condition(t: jax.Array, label: jax.Array, *, width: int, classes: int) -> jax.Array:
    """What a denoiser is told beside the noisy vector: time and label, `[width]`.

    To be called inside a module, which owns the two embeddings.
    """
    return TimeEmbedding(width)(t) + LabelEmbedding(width, classes)(label)


class Modulation(nn.Module):
    """adaLN-Zero (DiT): `parts` vectors `[width]` from the condition, zero at start."""

    width: int
    parts: int

    @nn.compact
    def __call__(self, condition: jax.Array) -> list[jax.Array]:
        """One zero-initialised layer, split into its parts."""
        zeros = nn.initializers.zeros
        out = nn.Dense(self.parts * self.width, kernel_init=zeros)(condition)
        return jnp.split(out, self.parts)


class InputSkip(nn.Module):
    """The noisy input times a gate that depends on time; the gate starts at zero.

    Layer norms hide the length of the input from the rest of the network. Noise
    prediction needs that length: near pure noise the answer is the input itself.
    """

    @nn.compact
    def __call__(self, noisy: jax.Array, condition: jax.Array) -> jax.Array:
        """`[K]`, `[width]` -> `[K]`."""
        return nn.Dense(1, kernel_init=nn.initializers.zeros)(condition) * noisy


def norm(x: jax.Array) -> jax.Array:
    """Layer norm without parameters over the last axis."""
    centred = x - jnp.mean(x, axis=-1, keepdims=True)
    variance = jnp.mean(jnp.square(centred), axis=-1, keepdims=True)
    return centred * jax.lax.rsqrt(variance + 1e-6)


def modulate(x: jax.Array, shift: jax.Array, scale: jax.Array) -> jax.Array:
    """`x * (1 + scale) + shift`, for one vector `[width]`."""
    return x * (1.0 + scale) + shift


def modulate_tokens(x: jax.Array, shift: jax.Array, scale: jax.Array) -> jax.Array:
    """`modulate` of each token `[T, width]`, all alike."""
    return jax.vmap(modulate, in_axes=(0, None, None))(x, shift, scale)


class TokenMlp(nn.Module):
    """Two layers with GELU on one token."""

    width: int
    expansion: int = 4
    dropout: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """`[..., width] -> [..., width]`."""
        x = nn.gelu(nn.Dense(self.expansion * self.width)(x))
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return nn.Dense(self.width)(x)


class DitBlock(nn.Module):
    """Transformer block over tokens `[T, width]`, adaLN-Zero conditioned."""

    width: int
    heads: int
    dropout: float = 0.0

    @nn.compact
    def __call__(
        self, tokens: jax.Array, condition: jax.Array, *, train: bool
    ) -> jax.Array:
        """`[T, width]`, `[width]` -> `[T, width]`; the identity at the start."""
        parts = Modulation(self.width, 6)(condition)
        shift, scale, gate, shift_mlp, scale_mlp, gate_mlp = parts
        x = modulate_tokens(norm(tokens), shift, scale)
        x = nn.MultiHeadDotProductAttention(self.heads)(x)
        tokens = tokens + gate[None] * x
        x = modulate_tokens(norm(tokens), shift_mlp, scale_mlp)
        x = TokenMlp(self.width, dropout=self.dropout)(x, train=train)
        return tokens + gate_mlp[None] * x
