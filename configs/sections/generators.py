"""The section `generators`: rivals from the literature, and variants of our generator.

`experiments.generation` trains and judges all of them; with
`--config.generator=paper_ddpm`, any binary uses that one. Four representations meet two
generators: `mlp`, `lora`, `mlora` and the recipe's own go through our latent and flow,
`paper_mlp`, `paper_lora`, `paper_mlora` and `paper_ddpm` through the paper's model of
raw weights. A name that ends in `_long` is the same generator, trained until its loss
on validation instances no longer falls.
"""

from collections.abc import Mapping

from ml_collections import ConfigDict

__all__ = ["generators", "shape_generators"]

_RAW = {"process": "ddpm", "latent": "none", "clusters": 0}
_DDIM = {"sampler": "ddim", "steps": 100, "spacing": "uniform"}
# Evaluations of a long training, and how many without a choice end it.
_EVALUATIONS, _PATIENCE = 24, 4


def generators(
    *,
    steps: int,
    paper_steps: int,
    hyperdiffusion_steps: int,
    longer: int = 8,
    guidance: float = 1.5,
    tuned: Mapping[str, Mapping[str, float]] | None = None,
    factors: bool = True,
) -> ConfigDict:
    """The values of the recipe that each generator overrides, section by section.

    Args:
      steps: training steps of the recipe's own denoiser.
      paper_steps: training steps of the paper's denoisers, chosen so that they take as
        much CPU time as the recipe's own denoiser and its latent, compilation left out.
      hyperdiffusion_steps: training steps of HyperDiffusion, chosen so that it takes as
        much CPU time as the recipe's base, fits and denoiser together.
      longer: how many times as many steps generators `_long` take at most.
      guidance: weight of classifier-free guidance of the generator "conditional", which
        is conditioned on the class; 1: none.
      tuned: by generator, keys of the section `diffusion` as `experiments.tune` found
        them.
      factors: whether the recipe's own representation has factors; without, generators
        that read factors, or other factors on the recipe's base, are left out.
    """
    rows: dict[str, dict] = {
        # The recipe's own generator on other representations.
        **{name: {"adapter": {"name": name}} for name in _OTHERS},
        **_paper(paper_steps),
        # Erkoç et al. 2023: whole weights, one token per tensor.
        "hyperdiffusion": {
            "adapter": {"name": "mlp"},
            "diffusion": {
                **_raw(hyperdiffusion_steps, "tensor_transformer"),
                "ddpm": {"steps": 500, "predicts": "clean"},
            },
            "sample": _DDIM,
        },
    }
    if not factors:
        rows = {name: rows[name] for name in _WITHOUT_FACTORS}
    for name, settings in (tuned or {}).items():
        rows[name]["diffusion"] = {**rows[name].get("diffusion", {}), **settings}
    long = {f"{name}_long": _long(x, steps, longer) for name, x in rows.items()}
    return ConfigDict(
        {
            **rows,
            "ours_long": _long({}, steps, longer),
            **long,
            "one_step": _ONE_STEP,
            # `experiments.generation` skips this one for data without classes.
            "conditional": {
                "diffusion": {"conditional": True, "clusters": 0},
                "sample": {"guidance": guidance},
            },
        }
    )


def shape_generators(
    steps: int,
    *,
    paper_steps: int = 2000,
    hyperdiffusion_steps: int = 36000,
    longer: int = 8,
    tuned: Mapping[str, Mapping[str, float]] | None = None,
) -> ConfigDict:
    """The generators for shapes; arguments as those of `generators`."""
    return generators(
        steps=steps,
        paper_steps=paper_steps,
        hyperdiffusion_steps=hyperdiffusion_steps,
        longer=longer,
        tuned=tuned,
        guidance=1.0,  # None: the classifier recognises every sample without it.
    )


_WITHOUT_FACTORS = ("mlp", "paper_mlp", "paper_flat", "hyperdiffusion")
_OTHERS = ("mlp", "lora", "lora_asym", "mlora")


def _paper(steps: int) -> dict[str, dict]:
    """The denoiser of the paper's section 3.5 on four representations.

    Whole weights have no factors for its encoder: they are one token per tensor. The
    control `paper_flat` has a transformer that is not hierarchical.
    """
    adapters = {
        "paper_mlp": ("mlp", "tensor_transformer"),
        "paper_lora": ("lora", "lora_transformer"),
        "paper_mlora": ("mlora", "lora_transformer"),
        "paper_ddpm": (None, "lora_transformer"),
        "paper_flat": (None, "flat_transformer"),
    }
    return {
        name: {
            **({} if adapter is None else {"adapter": {"name": adapter}}),
            "diffusion": _raw(steps, denoiser),
            "sample": _DDIM,
        }
        for name, (adapter, denoiser) in adapters.items()
    }


def _raw(steps: int, denoiser: str) -> dict:
    trained = {"steps": steps, "every": max(1, steps // 10)}
    return {**_RAW, **trained, "denoiser": denoiser, "learning_rate": 5e-4, "batch": 64}


def _long(row: Mapping[str, dict], steps: int, longer: int) -> dict:
    """The same generator, trained until its validation loss no longer falls."""
    own = row.get("diffusion", {})
    most = longer * own.get("steps", steps)
    every = max(1, most // _EVALUATIONS)
    trained = {"steps": most, "every": every, "patience": _PATIENCE}
    return {**row, "diffusion": {**own, **trained}}


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
