"""The section `generators`: rivals from the literature, and variants of our own.

`experiments.generation` trains and judges them all; with
`--config.generator=paper_ddpm` any binary works for one of them.
"""

from ml_collections import ConfigDict

__all__ = ["generators"]

_RAW = {
    "process": "ddpm",
    "latent": "none",
    "clusters": 0,
    "learning_rate": 5e-4,
    "batch": 64,
}
_DDIM = {"sampler": "ddim", "steps": 100, "spacing": "uniform"}


def generators(
    *, paper_steps: int, hyperdiffusion_steps: int, guidance: float = 1.5
) -> ConfigDict:
    """What each generator changes of the recipe, section by section.

    Args:
      paper_steps: training steps of the paper's denoisers, chosen so that they take as
        much CPU time as the recipe's own denoiser.
      hyperdiffusion_steps: training steps of HyperDiffusion, chosen so that it takes as
        much CPU time as the recipe's base, fits and denoiser together.
      guidance: weight of the guidance of the generator that is told the class.
    """
    paper = {**_RAW, **_trained(paper_steps)}
    hyperdiffusion = {
        **_RAW,
        **_trained(hyperdiffusion_steps),
        "ddpm": {"steps": 500, "predicts": "clean"},
        "denoiser": "tensor_transformer",
    }
    return ConfigDict(
        {
            # Section 3.5 of the paper, and its control without the hierarchy.
            "paper_ddpm": {
                "diffusion": {**paper, "denoiser": "lora_transformer"},
                "sample": _DDIM,
            },
            "paper_flat": {
                "diffusion": {**paper, "denoiser": "flat_transformer"},
                "sample": _DDIM,
            },
            # Erkoç et al. 2023: whole weights, one token per tensor.
            "hyperdiffusion": {
                "adapter": {"name": "mlp"},
                "diffusion": hyperdiffusion,
                "sample": _DDIM,
            },
            # The recipe's own model on other representations.
            "lora": {"adapter": {"name": "lora"}},
            "lora_asym": {"adapter": {"name": "lora_asym"}},
            "mlora": {"adapter": {"name": "mlora"}},
            "one_step": _ONE_STEP,
            # Conditioned on the class; left out for data without classes.
            "conditional": {
                "diffusion": {"conditional": True, "clusters": 0},
                "sample": {"guidance": guidance},
            },
        }
    )


def _trained(steps: int) -> dict[str, int]:
    return {"steps": steps, "every": max(1, steps // 10)}


# Rectified flow: the recipe's own generator, distilled into one step.
_ONE_STEP = {
    "diffusion": {
        "teacher": "ours",
        # The map from noise to sample is exact, so nothing is dropped; it starts at
        # pure noise, so most training times lie there.
        "residual_mlp": {"dropout": 0.0},
        "flow": {"location": 1.0, "scale": 2.0},
    },
    "sample": {"sampler": "ddim", "steps": 1},
}
