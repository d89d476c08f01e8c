"""Handwritten digits: 1,797 pictures that ship with scikit-learn, at 28x28.

  python -m experiments.pipeline --config=configs/digits.py --workdir=runs/digits

`configs/digits.py:tiny` runs the same code on 48 digits in seconds;
`configs/digits.py:speed` is for `experiments.sweep`: what makes fits fast, one lever
after the other; `configs/digits.py:large` fits 20,000 drawn shapes of this size.
"""

from ml_collections import ConfigDict, config_dict

from configs import denoising, generators, judging, sampling, tuning

VARIANTS = ("full", "tiny", "speed", "large")


def get_config(variant: str = "full") -> ConfigDict:
    """Returns the recipe; `variant` is a key of `VARIANTS`."""
    if variant not in VARIANTS:
        raise ValueError(f"variant must be one of {VARIANTS}, got {variant!r}")
    config = ConfigDict()
    config.seed = 0
    config.generator = "ours"  # Or a rival that `generators` names.
    config.generators = generators.beside(paper_steps=1800, hyperdiffusion_steps=5000)
    config.data = config_dict.create(
        name="digits",
        size=28,  # Pixels per side, upsampled bicubically from 8.
        n=config_dict.placeholder(int),  # First n instances only.
        heldout=0.2,  # Share that nothing is trained on.
    )
    config.base = _base()
    config.adapter = _adapter()
    config.fit = _fit()
    config.diffusion = denoising.diffusion()
    config.sample = sampling.sample()
    config.evaluate = judging.evaluate()
    config.analyze = config_dict.create(perplexity=30.0)
    config.structure = config_dict.create(
        n=30,  # Held-out instances, fitted from one start and perturbed ones.
        points=0,  # Per step; 0: every pixel.
        start="ones",  # Of mLoRA here: the one with a linear mode.
        spread=0.01,
        learning_rate=0.08,  # Of mLoRA from this start.
    )
    config.sweep = _sweep()
    config.benchmark = config_dict.create(
        target=31.0,  # dB to reach.
        steps=(30, 60, 90, 120, 160, 240),  # Of our fit; the fewest that reach it.
        n=256,  # Held-out instances that are timed,
        repeats=3,  # so often.
        plain_steps=(40, 55, 75, 100, 150, 200, 300, 450),  # Of the plain reference,
        plain_rates=(0.01, 0.02, 0.04, 0.08),  # its learning rates,
        plain_n=32,  # and its instances.
    )
    if variant == "tiny":
        _shrink(config)
    if variant == "large":
        config.data = config_dict.create(
            name="discs", size=28, n=20000, channels=1, classes=4, heldout=0.2
        )
        config.base.n = 1000
        config.fit.compare = 0
    if variant == "speed":
        tuning.levers(config, rates=(0.04, 0.08, 0.16), target=31.5)
    return config


def _base() -> ConfigDict:
    base = ConfigDict()
    base.field = config_dict.create(
        width=30,
        blocks=1,
        omega=3.0,  # Digits are smooth: larger values cost several dB.
        latent_dim=64,
        style_dim=64,
        mapping_depth=2,
    )
    # Training instances of the autodecoder, the first ones; None: all. A few that are
    # visited often teach it faster than many.
    base.n = config_dict.placeholder(int)
    base.factors = (4, 2, 1)  # Pictures shrunk by this, low resolution first.
    base.batches = (256, 128, 32)  # Instances per step.
    base.points = (0, 0, 0)  # Random points of each; 0: the whole picture.
    base.chunk = 8  # Instances whose gradients are computed at once.
    base.steps = (800, 1200, 2000)
    base.every = 400  # Steps between checkpoints.
    base.learning_rate = 0.03
    base.penalty = 1e-4  # lambda_r of Eq. 4.
    base.decay = 0.995  # Of the moving average that later stages use.
    base.rehearsal = config_dict.create(
        episodes=0,  # Batches of fits that are rehearsed; 0: none.
        adapter="mlora_asym",  # Whose fits are rehearsed.
        batch=32,  # Instances per episode.
        steps=60,  # Of every fit, and of the base along with it.
        points=512,  # Random points of an instance per step.
        chunk=2,  # Instances whose gradients are computed at once.
        fit_learning_rate=0.08,  # Of the fits that are rehearsed.
        b2=0.9,  # Second-moment decay of their Adam.
        learning_rate=2e-3,  # Of the base.
        every=10,  # Episodes between checkpoints.
    )
    return base


def _adapter() -> ConfigDict:
    """Options of each representation: 381 to 391 trainable numbers per digit."""
    adapter = ConfigDict()
    adapter.name = "mlora_asym"
    mlp = {"width": 19, "depth": 1}
    adapter.mlp = config_dict.create(field={**mlp, "features": 18, "scale": 2.0})
    adapter.mlp_asym = config_dict.create(field={**mlp, "features": 22, "scale": 1.0})
    # Without a mask, one component less in the last layer makes up for the mask.
    adapter.lora = config_dict.create(rank=2, ranks={"output": 1})
    adapter.lora_asym = config_dict.create(rank=2)
    mlora = {"rank": 2, "start": "ones", "spread": 0.1}
    adapter.mlora = config_dict.create(ranks={"output": 1}, **mlora)
    adapter.mlora_asym = config_dict.create(**mlora)
    return adapter


def _fit() -> ConfigDict:
    fit = ConfigDict()
    fit.n = config_dict.placeholder(int)  # First n instances only.
    fit.steps = 120
    fit.points = 196  # Per step, in passes over all; 0: every pixel, every step.
    fit.b1 = 0.7  # First-moment decay of Adam.
    fit.b2 = 0.8  # Second-moment decay of Adam.
    # The learning rate falls as this power of the steps left; 0: as a cosine.
    fit.power = 1.0
    fit.target = config_dict.placeholder(float)  # dB at which a fit ends early.
    fit.floor = config_dict.placeholder(float)  # dB below which a fit is marked.
    fit.retries = 2  # New starts of a fit that diverges,
    fit.slower = 0.3  # each at this share of the learning rate before.
    # The best that `experiments.sweep` found, the MLPs' along with their Fourier scale.
    fit.learning_rate = config_dict.create(
        mlp=0.08, mlp_asym=0.16, lora=0.06, lora_asym=0.01, mlora=0.08, mlora_asym=0.08
    )
    pull = 1e-4  # Weight of the squared distance to the start.
    fit.pull = config_dict.create(
        mlp=pull, mlp_asym=pull, lora=pull, lora_asym=pull, mlora=pull, mlora_asym=pull
    )
    fit.consensus = 96  # Training instances that make the common start.
    fit.rounds = 4
    fit.guess = (
        512  # Training fits that a start of each one's own is learnt from; 0: no.
    )
    fit.chunk = 0  # Instances that one device works on at once; 0: measured.
    fit.precision = "auto"  # Of kernels; bfloat16 on accelerators if it costs little.
    fit.group = 64  # Instances per shard.
    fit.compare = 256  # Instances that `pipeline` fits with the other five.
    return fit


def _sweep() -> ConfigDict:
    """What `experiments.sweep` tries; what a trial leaves out is as above."""
    sweep = ConfigDict()
    sweep.folder = "sweep"  # In the run folder.
    sweep.target = config_dict.placeholder(float)  # dB to reach at least cost.
    sweep.n = 64  # Training instances, the last ones, that trials are judged by.
    sweep.consensus = 48
    sweep.rounds = 2
    slow = (0.04, 0.08, 0.16)
    rates = {"learning_rate": slow}
    fast = {"learning_rate": (0.08, 0.16, 0.32)}

    mlora = [
        {**rates, "adapter": {"start": "ones", "spread": spread}}
        for spread in (0.01, 0.1, 0.3)
    ]
    mlora += [
        {**fast, "adapter": {"start": start}} for start in ("normal", "skip", "exp")
    ]
    mlora += [{**fast, "pull": 0.0}]
    sweep.variants = {
        "mlp": [*tuning.scales(slow, 1.0, 2.0, 4.0), {**rates, "pull": 0.0}],
        "mlp_asym": tuning.scales(slow, 0.5, 1.0, 2.0),
        "lora": [{"learning_rate": (0.03, 0.06, 0.12)}],
        "lora_asym": [{"learning_rate": (0.005, 0.01, 0.02)}],
        "mlora": mlora,
        "mlora_asym": mlora,
    }
    return sweep


def _shrink(config: ConfigDict) -> None:
    config.data.update(n=48, size=12)
    config.base.field.update(width=8, blocks=1, latent_dim=4, style_dim=8)
    config.base.update(factors=(2, 1), batches=(8, 4), points=(0, 9), steps=(20, 20))
    config.base.update(every=10, chunk=4)
    for name in ("mlp", "mlp_asym"):
        config.adapter[name].field.update(features=4, width=6)
    config.fit.update(steps=8, points=48, consensus=8, rounds=1, guess=16)
    config.fit.update(chunk=2, group=8, compare=8)
    config.fit.learning_rate.mlp_asym = 0.02
    config.diffusion.update(components=6, steps=40, every=10, batch=16, draws=2)
    config.diffusion.residual_mlp.update(width=16, depth=1)
    config.diffusion.lora_transformer.update(width=16, rank_width=8, depth=1, heads=2)
    for name in ("flat_transformer", "tensor_transformer"):
        config.diffusion[name].update(width=16, depth=1, heads=2)
    config.diffusion.pairs = 40
    config.generators = generators.beside(paper_steps=40, hyperdiffusion_steps=40)
    config.base.rehearsal.update(batch=4, steps=3, points=6, every=2)
    config.structure.n = 2
    one = [{"learning_rate": (0.01,)}]
    config.benchmark.update(
        target=10.0, steps=(4, 8), n=8, repeats=1, plain_steps=(4, 8), plain_n=4
    )
    variants = {name: one for name in config.fit.pull}
    config.sweep.update(n=4, consensus=4, rounds=1)
    config.sweep.variants = variants
    config.sample.update(n=20, steps=4, chunk=5, calls=(1, 3), weights=(1.0, 2.0))
    config.evaluate.update(components=4, repeats=2, noise=(0.0, 1.0))
