"""The section `generators`: rivals from the literature, and variants of our generator.

`experiments.generation` trains and judges all of them; with
`--config.generator=paper_ddpm`, any binary uses that one.
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
    """The values of the recipe that each generator overrides, section by section.

    Args:
      paper_steps: training steps of the paper's denoisers, chosen so that they take as
        much CPU time as the recipe's own denoiser.
      hyperdiffusion_steps: training steps of HyperDiffusion, chosen so that it takes as
        much CPU time as the recipe's base, fits and denoiser together.
      guidance: weight of classifier-free guidance of the generator "conditional", which
        is conditioned on the class; 1: none.
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
            # The denoiser of the paper's section 3.5, and the control whose transformer
            # is not hierarchical.
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
            # The recipe's own generator on other representations.
            "lora": {"adapter": {"name": "lora"}},
            "lora_asym": {"adapter": {"name": "lora_asym"}},
            "mlora": {"adapter": {"name": "mlora"}},
            "one_step": _ONE_STEP,
            # `experiments.generation` skips this one for data without classes.
            "conditional": {
                "diffusion": {"conditional": True, "clusters": 0},
                "sample": {"guidance": guidance},
            },
        }
    )


def _trained(steps: int) -> dict[str, int]:
    return {"steps": steps, "every": max(1, steps // 10)}


# The recipe's own generator, distilled into one step by rectified flow.
_ONE_STEP = {
    "diffusion": {
        "teacher": "ours",
        # The teacher maps each noise to one sample, so there is nothing to regularise
        # by dropout. Sampling is a single step from pure noise, so most training times
        # are drawn near there.
        "residual_mlp": {"dropout": 0.0},
        "flow": {"location": 1.0, "scale": 2.0},
    },
    "sample": {"sampler": "ddim", "steps": 1},
}
