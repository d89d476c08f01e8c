"""ShapeNet airplanes at the size of the paper, from ShapeNetSDF parquet files.

  python -m experiments.pipeline --config=configs/shapenet_airplane.py \
      --workdir=runs/airplane --config.data.path=ShapeNetSDF/data/airplane

The sizes are those of section 4 and Tables 1 and 3 of the paper: a base of 128 channels
and six blocks, about 27,000 numbers per shape. The data cannot be shipped, so
the recipe has not been run and there are no results; configs/shapes.md has those of
smaller fields. Cost: not measured; the recipe is meant for a GPU.

Variant: `configs/shapenet_airplane.py:tiny` runs the same code on the built-in shapes.
"""

from ml_collections import ConfigDict

from configs import sections

VARIANTS = ("full", "tiny")


def get_config(variant: str = "full") -> ConfigDict:
    """Returns the recipe; `variant` is one of `VARIANTS`."""
    sections.check_variant(__file__, variant, VARIANTS)
    if variant == "tiny":
        return sections.tiny_shapes()
    config = ConfigDict({"seed": 0})
    config.budget = sections.budget()
    config.data = sections.mesh_data(size=32, preset="paper")
    config.mesh = sections.mesh(resolution=256, coarse=32, chunk=65536)
    config.base = _base()
    # About 27,000 trainable numbers per shape.
    config.adapter = sections.adapter(
        mlp={"features": 210, "width": 128, "depth": 1, "dim": 3, "scale": 1.5},
        mlp_asym={"features": 222, "width": 128, "depth": 1, "dim": 3, "scale": 0.5},
        factors={"rank": 8, "biases": False},
        unmasked={"ranks": {"output": 1}},
        multiplicative={"start": "skip"},
    )
    config.fit = sections.fit(
        steps=2000,
        points=16384,
        learning_rate={"mlp": 0.04, "mlp_asym": 0.04, "lora": 0.04, "lora_asym": 0.005},
        pull=1e-5,
        consensus=32,
        rounds=2,
        guess=200,
        group=50,
        compare=100,
    )
    config.diffusion = sections.diffusion(
        components=256,
        location=1.0,  # For the reason given in configs/faces.py.
        scale=1.5,
        gram_shrink=None,
        gram_points=512,
        steps=200000,
        every=5000,
        decays=(0.998,),
    )
    config.sample = sections.sample(n=450)
    config.evaluate = sections.evaluate_shapes(points=2048, references=405)
    config.analyze = sections.analyze(refits=0)
    config.structure = sections.structure(
        n=8, points=512, learning_rate={"normal": 0.08, "skip": 0.08}
    )
    config.sweep = sections.shape_sweep()
    config.reconstruction = sections.reconstruction(episodes=80)
    config.tune = sections.tune()
    config.benchmark = sections.benchmark()
    config.generator = "ours"  # Or a key of `config.generators`.
    config.generators = sections.shape_generators(config.diffusion.steps)
    return config


def _base() -> ConfigDict:
    return sections.base(
        field=sections.field(
            width=128, blocks=6, omega=5.0, latent_dim=256, style_dim=256, dim=3
        ),
        factors=(1, 1, 1),
        steps=(70000, 105000, 175000),
        batches=(64, 16, 8),
        # In the last stage, as many as the paper's 128x128 pictures have pixels.
        points=(2048, 8192, 16384),
        every=5000,
        learning_rate=1e-3,
        rehearsal=sections.rehearsal(
            episodes=80, steps=160, batch=32, points=480, chunk=8
        ),
    )
