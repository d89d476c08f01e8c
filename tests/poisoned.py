"""Runs of one recipe on pictures of which some may be others."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from configs import digits, images
from experiments import (
    analyze,
    evaluate,
    fit,
    sample,
    train_base,
    train_diffusion,
)
from experiments.recipe import dataset
from wsjax.metrics import features

N, TOLERANCE = 48, 0.02


def recipe(path):
    """All that may learn does: a rehearsal, a guess, a latent by function, clusters."""
    config = images.get_config("tiny")
    config.data.path = str(path)
    config.adapter.name = "mlora_asym"
    config.base.update(factors=(1,), batches=(4,), points=(9,), steps=(20,))
    config.base.rehearsal.update(episodes=2, steps=2)
    config.diffusion.update(latent="function_pca", components=6, clusters=3)
    # So long that the loss on held-out weights rises while that on the others falls.
    config.diffusion.update(learning_rate=0.01, steps=800, every=200)
    config.diffusion.update(patience=0, tolerance=TOLERANCE)
    config.evaluate.features = ("pixel_pca",)
    config.structure.n = 0
    return config


def pictures():
    """Digits `[N, 12, 12]` uint8, and their labels."""
    config = digits.get_config("tiny")
    config.data.n = N
    data = dataset.load(config)
    pixels = np.round(data.pictures(np.arange(N))[..., 0] * 255)
    return pixels.astype(np.uint8), data.labels


def ran(folder, pixels, labels):
    """The folder of a finished run, and what its classifier says of the digits."""
    config, said = recipe(folder / "x.npz"), []
    np.savez(config.data.path, x=pixels, y=labels)
    train, probe = features.classifier, pictures()[0][:, :, :, None] / 255

    def listened(*args, **options):
        trained = train(*args, **options)
        said.append(trained.probabilities(probe))
        return trained

    with threadpool_limits(1), pytest.MonkeyPatch.context() as patched:
        patched.setattr(features, "classifier", listened)
        for binary in (train_base, fit, train_diffusion, sample, evaluate, analyze):
            binary.run(config, str(folder))
    return folder, said
