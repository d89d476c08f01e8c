"""Parametric shapes in ten categories, made on the spot: nothing to download.

  python -m experiments.pipeline --config=configs/shapes.py --workdir=runs/shapes

1,000 shapes, 200 of them held out, of 2,949 numbers each, seed 0: IoU 0.971; of 1,000
samples 1-NNA 68 % (floor 50), held-out FD 37.0 (floor 32.4) at novelty 0.96.
CPU-seconds, beside other jobs: base 709, fits 472, denoiser 129.

`configs/shapes.py:tiny` runs the same code on twenty shapes in seconds;
`configs/shapes.py:hyperdiffusion` is the rival: whole weights of a larger field, one
token for each of its tensors. What is not named here is as in configs/digits.py.
"""

from ml_collections import ConfigDict, config_dict

from configs import digits, generators, tuning

VARIANTS = ("full", "tiny", "hyperdiffusion")


def get_config(variant: str = "full") -> ConfigDict:
    """Returns the recipe; `variant` is a key of `VARIANTS`."""
    if variant not in VARIANTS:
        raise ValueError(f"variant must be one of {VARIANTS}, got {variant!r}")
    config = digits.get_config("tiny" if variant == "tiny" else "full")
    config.data = config_dict.create(
        name="shapes",
        n=1000,  # Instances, categories in turn.
        size=20,  # Cells per side of the grid that all shapes share.
        preset="compact",  # Of sampling: points of each shape's own.
        cache=config_dict.placeholder(str),  # Folder of samples; None: the user's.
        heldout=0.2,
    )
    config.mesh = config_dict.create(
        resolution=64,  # Cells per side that surfaces are taken from,
        coarse=16,  # and those that are always looked at.
        slope=15.0,  # Largest change of a value per unit; 1 / clamp and some more.
        chunk=4096,  # Points per call.
        suffix=".glb",  # Of generated meshes.
    )
    config.evaluate.update(points=1024, references=200)  # Of Chamfer distances.
    config.base.field.dim = 3
    for name in ("mlp", "mlp_asym"):
        config.adapter[name].field.update(dim=3, depth=2)
    config.diffusion.gram = config_dict.create(instances=48, points=512)
    if variant == "tiny":
        _shrink(config)
        return config
    _base(config.base)
    _adapter(config.adapter)
    _fit(config.fit)
    _sweep(config.sweep)
    config.diffusion.update(decays=(0.998,), clusters=28)
    config.diffusion.flow.update(location=1.0, scale=1.5)  # As in configs/faces.py.
    config.generators = generators.beside(paper_steps=2000, hyperdiffusion_steps=36000)
    config.generators.conditional.sample.guidance = 1.0  # All are recognised anyway.
    config.structure.update(n=8, points=512)
    if variant == "hyperdiffusion":
        _rival(config)
    return config


def _base(base: ConfigDict) -> None:
    base.field.update(width=64, blocks=2, omega=5.0, latent_dim=128, style_dim=128)
    base.update(factors=(1, 1), batches=(64, 32), points=(1024, 2048), chunk=4)
    base.update(steps=(500, 500), every=250, learning_rate=0.01)
    # It brings more than anything else: IoU 0.92 without, 0.95 after 30 episodes.
    base.rehearsal.update(episodes=48, steps=160, batch=32, points=480, chunk=2)
    base.rehearsal.fit_learning_rate = 0.08


def _adapter(adapter: ConfigDict) -> None:
    """Options of each representation: about 2,950 trainable numbers per shape."""
    adapter.mlp.field.update(features=36, width=38, scale=1.5)
    adapter.mlp_asym.field.update(features=40, width=41, scale=0.5)
    # Without a mask, a thinner last layer makes up for the mask.
    factors = {"rank": 4, "biases": True}
    adapter.lora = config_dict.create(ranks={"output": 1}, **factors)
    adapter.lora_asym = config_dict.create(**factors)
    mlora = {**factors, "start": "skip"}
    adapter.mlora = config_dict.create(ranks={"output": 1}, **mlora)
    adapter.mlora_asym = config_dict.create(**mlora)


def _fit(fit: ConfigDict) -> None:
    fit.update(steps=300, points=512, group=50, consensus=32, rounds=2, guess=200)
    fit.compare = 0  # The others are fitted by commands of their own.
    for name in fit.pull:
        fit.pull[name] = 1e-5
    fit.learning_rate.update(
        mlp=0.04, mlp_asym=0.04, lora=0.04, lora_asym=0.005, mlora=0.08, mlora_asym=0.08
    )


def _sweep(sweep: ConfigDict) -> None:
    sweep.update(n=24, consensus=16, rounds=1)
    sweep.variants = {
        "mlp": tuning.scales((0.02, 0.04, 0.08), 1.0, 1.5, 2.0),
        "mlp_asym": tuning.scales((0.02, 0.04, 0.08), 0.5, 1.0, 1.5),
        "lora": [{"learning_rate": (0.01, 0.02, 0.04)}],
        "lora_asym": [{"learning_rate": (0.0025, 0.005, 0.01)}],
        "mlora": [{"learning_rate": (0.04, 0.08, 0.16)}],
        "mlora_asym": [{"learning_rate": (0.04, 0.08, 0.16)}],
    }


def _rival(config: ConfigDict) -> None:
    """Erkoç et al. 2023 in small: their field, start, tokens and process.

    The signals are those of the recipe. CPU-seconds of fits and denoiser together are
    about what the recipe's base, fits and denoiser take.
    """
    config.adapter.name = "mlp"
    config.adapter.mlp.field.update(features=26, width=128, depth=3)
    # Everyone starts where the first fit ended.
    config.fit.update(consensus=1, rounds=1, guess=0, compare=0, steps=200)
    config.fit.update(b1=0.9, b2=0.99, power=0.0)
    config.fit.pull.mlp = 0.0
    config.fit.learning_rate.mlp = 0.004
    config.sweep.variants = {"mlp": [{"learning_rate": (0.002, 0.004, 0.008)}]}
    config.structure.n = 0
    config.diffusion.update(
        process="ddpm", latent="none", clusters=0, denoiser="tensor_transformer"
    )
    config.diffusion.ddpm.update(steps=500, predicts="clean")
    config.diffusion.tensor_transformer = config_dict.create(
        width=128, depth=6, heads=4, dropout=0.0
    )
    config.diffusion.update(steps=9000, batch=32, learning_rate=2e-4, every=500)
    config.sample.update(sampler="ddim", steps=100)


def _shrink(config: ConfigDict) -> None:
    config.data.update(n=20, size=8, preset="coarse")
    config.mesh.update(resolution=16, coarse=8, chunk=512)
    config.base.update(factors=(1, 1), points=(32, 64))
    config.evaluate.update(points=64, references=4)
    config.diffusion.gram.update(instances=4, points=16)
    config.fit.update(points=64, consensus=4, compare=4, group=4, guess=8)
    config.diffusion.components = 4
    config.sample.n = 8
