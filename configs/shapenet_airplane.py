"""ShapeNet airplanes as the paper has them: ShapeNetSDF parquet, 3D base, 27k numbers.

  python -m experiments.pipeline --config=configs/shapenet_airplane.py \
      --workdir=runs/airplane --config.data.path=ShapeNetSDF/data/airplane

The size of the paper (section 4, Tables 1 and 3), for a GPU; it has not been run, as
the data are not ours to ship. `:tiny` runs the same code on the built-in shapes. What
is not named here is as in configs/meshes.py.
"""

from ml_collections import ConfigDict

from configs import meshes, shapes


def get_config(variant: str = "full") -> ConfigDict:
    """Returns the recipe; `variant` is "full" or "tiny"."""
    if variant == "tiny":
        return shapes.get_config("tiny")
    config = meshes.get_config(variant)
    config.data.update(preset="paper", size=32)
    config.mesh.update(resolution=256, coarse=32, chunk=65536)
    config.evaluate.update(points=2048, references=405)
    config.base.field.update(width=128, blocks=6, latent_dim=256, style_dim=256)
    # As many points per step as the paper's images have pixels.
    config.base.update(
        factors=(1, 1, 1), batches=(64, 16, 8), points=(2048, 8192, 16384), chunk=8
    )
    config.base.update(steps=(70000, 105000, 175000), every=5000, learning_rate=1e-3)
    config.base.rehearsal.update(episodes=80, chunk=8)
    for name in ("lora", "lora_asym", "mlora", "mlora_asym"):
        config.adapter[name].rank = 8
        config.adapter[name].biases = False
    config.adapter.mlp.field.update(features=210, width=128, depth=1)
    config.adapter.mlp_asym.field.update(features=222, width=128, depth=1)
    config.fit.update(steps=2000, points=16384, compare=100)
    config.diffusion.update(components=256, steps=200000, every=5000, batch=128)
    config.sample.n = 450
    return config
