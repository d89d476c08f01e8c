"""How denoisers are trained, in every recipe that does not say otherwise."""

from ml_collections import ConfigDict, config_dict


def diffusion() -> ConfigDict:
    """The section `diffusion` of a recipe."""
    diffusion = ConfigDict()
    diffusion.process = "flow"  # Or "ddpm", the paper's, sampled with "ddim".
    diffusion.flow = config_dict.create(location=0.0, scale=1.0, floor=0.1)
    diffusion.ddpm = config_dict.create(
        steps=1000, first=1e-4, last=2e-2, predicts="noise"
    )
    diffusion.latent = "function_pca"  # Or "pca", or "none" for raw factors.
    diffusion.components = 96  # Numbers in the latent.
    diffusion.gram = config_dict.create(
        instances=48,  # Over which the decoder's Gram matrix is averaged.
        shrink=1,  # Pixels per side of the picture for each one of the matrix.
    )
    diffusion.denoiser = "residual_mlp"  # Raw factors: "lora_transformer".
    diffusion.residual_mlp = config_dict.create(width=256, depth=4, dropout=0.1)
    diffusion.lora_transformer = config_dict.create(
        width=128, rank_width=64, depth=4, heads=4, dropout=0.1
    )
    diffusion.flat_transformer = config_dict.create(
        width=128, depth=4, heads=4, dropout=0.1
    )
    diffusion.tensor_transformer = config_dict.create(
        width=128, depth=4, heads=4, dropout=0.0
    )
    # Another generator whose noise and samples are learnt in place of fits; "": none.
    diffusion.teacher = ""
    diffusion.pairs = 20000  # Of noise and sample.
    diffusion.steps = 3000
    diffusion.every = 250  # Steps between held-out losses and checkpoints.
    diffusion.batch = 128
    diffusion.learning_rate = 1e-3
    # Of moving averages of the parameters; the best on held-out weights is sampled.
    diffusion.decays = (0.99, 0.998)
    diffusion.conditional = False  # Whether the denoiser is told the labels,
    diffusion.clusters = 0  # or else the cluster in the latent, of so many; 0: neither.
    diffusion.drop_label = 0.1  # Share of instances of which it is told nothing.
    diffusion.accumulate = 1  # Parts that a batch is worked on in, to save memory.
    diffusion.devices = 0  # Of each process; 0: every accelerator, of a CPU one.
    diffusion.jitter = 0.0  # Noise on the data, in standard deviations.
    diffusion.draws = 8  # Noises per instance in the held-out loss.
    # The last parameters whose held-out loss is this near the lowest are sampled.
    diffusion.tolerance = 0.02
    diffusion.patience = 0  # Such losses without one that near, and it ends; 0: never.
    return diffusion
