"""Generators beside a recipe's own: rivals from the literature and variants of ours.

`experiments.generation` trains and judges them all; `--config.generator=paper_ddpm`
makes any binary work for one.
"""

from ml_collections import ConfigDict

_PAPER = {
    "process": "ddpm",
    "latent": "none",
    "clusters": 0,
    "learning_rate": 5e-4,
    "batch": 64,
}

_FORMS = ("lora", "lora_asym", "mlora")  # Through the recipe's own model.


def beside(*, paper_steps: int, hyperdiffusion_steps: int) -> ConfigDict:
    """The section `generators` of a recipe: what each changes of it.

    Args:
      paper_steps: of the paper's denoisers, for about the CPU time of the recipe's own.
      hyperdiffusion_steps: of HyperDiffusion's, for that of base, fits and denoiser.
    """
    ddim = {"sampler": "ddim", "steps": 100, "spacing": "uniform"}
    paper = {**_PAPER, "steps": paper_steps, "every": max(1, paper_steps // 10)}
    found = {
        # Section 3.5 of the paper, and its control without the hierarchy.
        "paper_ddpm": {
            "diffusion": {**paper, "denoiser": "lora_transformer"},
            "sample": ddim,
        },
        "paper_flat": {
            "diffusion": {**paper, "denoiser": "flat_transformer"},
            "sample": ddim,
        },
        # Erkoç et al. 2023: whole weights, a token per tensor, clean prediction.
        "hyperdiffusion": {
            "adapter": {"name": "mlp"},
            "diffusion": {
                **_PAPER,
                "ddpm": {"steps": 500, "predicts": "clean"},
                "denoiser": "tensor_transformer",
                "steps": hyperdiffusion_steps,
                "every": max(1, hyperdiffusion_steps // 10),
            },
            "sample": ddim,
        },
        **{name: {"adapter": {"name": name}} for name in _FORMS},
        # Rectified flow: what the recipe's own draws, learnt along straight paths.
        "one_step": {
            "diffusion": {
                "teacher": "ours",
                # The map is exact, so nothing is dropped; it begins at pure noise.
                "residual_mlp": {"dropout": 0.0},
                "flow": {"location": 1.0, "scale": 2.0},
            },
            "sample": {"sampler": "ddim", "steps": 1},
        },
        # Told the class; of data without classes it is left out.
        "conditional": {
            "diffusion": {"conditional": True, "clusters": 0},
            "sample": {"guidance": 1.5},
        },
    }
    return ConfigDict(found)
