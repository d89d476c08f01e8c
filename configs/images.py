"""Your own pictures: a folder (classes as subfolders) or an npz, at 32x32.

  python -m experiments.pipeline --config=configs/images.py --workdir=runs/mine \
      --config.data.path=pictures

An npz holds pictures `x` `[N, H, W]` or `[N, H, W, C]` and optionally labels `y` `[N]`;
in place of `x` it may hold the bytes of JPEG files, concatenated as `jpeg`, with their
`offsets` `[N + 1]`. About 120 pictures or more are needed.

A picture is cut into windows and stored as gains of the atoms that training windows
have in common (`wsjax.windowed`): base and fits are computed in closed form.
`experiments.pipeline` first measures on validation pictures how many gains they need
for 35 dB (`experiments.plan`), and goes on with these. Results: configs/images.md.

Variants: `configs/images.py:tiny` runs the same code on small pictures; with `:curves`,
`experiments.plan` measures all representations at four sizes, and with `:functa` shifts
of biases by latents of `--config.adapter.shifts.latent` numbers; with `:starts`,
`experiments.starts` compares where fits can start after a short training.
"""

from ml_collections import ConfigDict

from configs import sections

VARIANTS = ("full", "tiny", "curves", "functa", "starts")


def get_config(variant: str = "full") -> ConfigDict:
    """Returns the recipe; `variant` is one of `VARIANTS`."""
    sections.check_variant(__file__, variant, VARIANTS)
    if variant == "tiny":
        config = sections.tiny_pictures(
            sections.image_data(size=12), windowed=True, name="gains"
        )
        config.plan = sections.tiny_plan("gains")
        return config
    config = ConfigDict()
    config.seed = 0
    config.budget = sections.budget()
    config.data = sections.image_data(size=32)
    config.base, config.adapter = _base(), _adapter()
    # Gains are solved. The others, which `experiments.plan` compares them with, take
    # steps, on all points and without a pull, neither of which is a constant of a set.
    config.fit = sections.fit(
        steps=150, points=0, pull=0.0, compare=0, solved=("gains",)
    )
    config.diffusion = sections.diffusion()
    # Atoms are orthonormal: components of gains are components of the pictures.
    config.diffusion.latent = "pca"
    config.sample = sections.sample()
    config.evaluate = sections.evaluate()
    config.analyze = sections.analyze()
    config.structure = sections.structure(n=0)  # A solved fit has no other start.
    config.sweep = sections.sweep()
    config.plan = sections.picture_plan()
    config.reconstruction = sections.reconstruction(episodes=60)
    config.tune = sections.tune()
    config.benchmark = sections.benchmark()
    config.generator = "ours"  # Or a key of `config.generators`.
    config.generators = sections.generators(
        steps=config.diffusion.steps,
        paper_steps=1800,
        hyperdiffusion_steps=5000,
        factors=False,
    )
    if variant != "full":
        {"curves": _curves, "functa": _functa, "starts": _starts}[variant](config)
    return config


def _base() -> ConfigDict:
    return sections.base(
        field=sections.field(
            width=64, blocks=2, omega=8.0, latent_dim=64, style_dim=64
        ),
        steps=(800, 1200, 2000),
        batches=(256, 128, 32),
        points=(0, 0, 0),  # All pixels of a picture in every step.
        learning_rate=0.03,
        rehearsal=sections.rehearsal(episodes=0, steps=60, batch=32, points=512),
    )


def _adapter() -> ConfigDict:
    return sections.adapter(
        mlp={"features": 32, "width": 38, "depth": 1, "scale": 3.0},
        mlp_asym={"features": 38, "width": 38, "depth": 1, "scale": 3.0},
        factors={"rank": 2, "biases": True},
        unmasked={"ranks": {"output": 1}},
        multiplicative={"start": "skip"},
        more=sections.gains(),
        name="gains",
    )


def _curves(config: ConfigDict) -> None:
    """All representations at four sizes; those with factors share a rehearsed base."""
    config.base.update(steps=(400, 400, 400), batches=(128, 64, 32))
    config.base.rehearsal.update(episodes=40, batch=16, points=256)
    config.plan = sections.picture_curves()


def _functa(config: ConfigDict) -> None:
    """Shifts that a base maps from a latent, which rehearsed them (functa)."""
    _curves(config)
    config.adapter.name = config.base.rehearsal.adapter = "shifts"
    with config.unlocked():
        config.adapter.shifts = {"latent": 256}
        config.fit.learning_rate.shifts = 0.08
        config.fit.pull.shifts = 0.0
    config.plan = sections.functa_plan()


def _starts(config: ConfigDict) -> None:
    """A short training of the base and of an encoder, which takes the same adapter."""
    short = {"steps": (300,) * 3, "batches": (128, 64, 32), "points": (0, 0, 256)}
    config.base.update(short)
    config.base.encoder = sections.encoder(steps=1500)
    own = {"of": "mlora_asym", "rank": 2, "start": "ones", "spread": 0.1}
    with config.unlocked():
        config.adapter.encoded = {**own, "size": (32, 32), "width": 16, "hidden": 256}
        config.adapter.shifts = {"latent": 256}
        for name in ("encoded", "shifts"):
            config.fit.learning_rate[name] = config.fit.learning_rate.mlora_asym
            config.fit.pull[name] = 1e-4
    config.adapter.name = "encoded"
    config.sweep.n = 256
    config.fit.update(steps=100, points=196, consensus=48, rounds=2)
