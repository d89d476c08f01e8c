import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.known_flows import denoiser, end_point, of_modes
from wsjax import diffusion
from wsjax.diffusion import sample

START = np.array([0.7, -1.2, 1.5], np.float32)
ORDERS = {"ddim": 1, "heun": 2, "multistep": 2}


def recorded(sampler, denoise, start):
    """The sample, and what the denoiser was asked and answered, call by call."""
    seen = []

    def watched(noisy, t):
        seen.append((float(t), noisy, denoise(noisy, t)))
        return seen[-1][2]

    with jax.disable_jit():
        return sampler(watched, start), seen


@pytest.mark.parametrize("name", diffusion.PROCESSES)
@pytest.mark.parametrize("sampler", diffusion.SAMPLERS)
def test_samplers_converge_to_the_exact_flow_of_a_gaussian(name, sampler, double):
    """On times that the discrete process has too."""
    process, order = diffusion.PROCESSES[name](), ORDERS[sampler]
    steps = (25, 50, 100) if order == 1 else (10, 20, 40)
    start = START.astype(float)
    ends = [
        diffusion.SAMPLERS[sampler](process, steps=s)(denoiser(name, process), start)
        for s in steps
    ]
    errors = [np.linalg.norm(end - end_point(process, start)) for end in ends]
    assert errors[-1] < (0.1 if order == 1 else 0.02)
    np.testing.assert_allclose(np.divide(errors[1:], errors[:-1]), 0.5**order, rtol=0.2)


@pytest.mark.parametrize("spacing", sample.SPACINGS)
@pytest.mark.parametrize("sampler", ["heun", "multistep"])
def test_second_order_holds_between_modes_with_either_spacing(sampler, spacing, double):
    process = diffusion.flow()
    denoise = of_modes("flow", process)
    starts = np.random.default_rng(0).normal(size=(40, 3))

    def ends(steps):
        one = diffusion.SAMPLERS[sampler](process, steps=steps, spacing=spacing)
        return jax.jit(jax.vmap(lambda start: one(denoise, start)))(starts)

    best = ends(1000)
    errors = [np.linalg.norm(ends(s) - best, axis=1).mean() for s in (50, 100, 200)]
    np.testing.assert_allclose(np.divide(errors[1:], errors[:-1]), 0.25, rtol=0.25)


@pytest.mark.parametrize("name", diffusion.PROCESSES)
def test_at_few_calls_two_steps_of_memory_beat_none(name, double):
    process = diffusion.PROCESSES[name]()
    denoise = of_modes(name, process)
    starts = np.random.default_rng(0).normal(size=(40, 3))

    def ends(sampler, calls):
        steps = sample.steps_within(sampler, calls=calls)
        one = diffusion.SAMPLERS[sampler](process, steps=steps)
        return jax.jit(jax.vmap(lambda start: one(denoise, start)))(starts)

    best = ends("heun", 200)
    for calls in (5, 8, 10, 20):
        errors = {
            name: np.linalg.norm(ends(name, calls) - best, axis=1).mean()
            for name in diffusion.SAMPLERS
        }
        assert errors["multistep"] < 0.85 * min(errors["ddim"], errors["heun"])


@pytest.mark.parametrize("options", [{}, {"begin": 0.3, "spacing": "cosine"}])
@pytest.mark.parametrize("steps", [2, 3, 8])
@pytest.mark.parametrize("sampler", diffusion.SAMPLERS)
def test_the_denoiser_is_called_as_often_and_when_it_is_said(sampler, steps, options):
    process = diffusion.flow()
    _, seen = recorded(
        diffusion.SAMPLERS[sampler](process, steps=steps, **options),
        denoiser("flow", process),
        START,
    )
    said = sample.call_times(sampler, steps=steps, **options)
    np.testing.assert_allclose([t for t, _, _ in seen], said, rtol=1e-6)
    assert len(said) == (2 * steps - 1 if sampler == "heun" else steps)


@pytest.mark.parametrize("sampler", diffusion.SAMPLERS)
@pytest.mark.parametrize("calls", [1, 2, 3, 64])
def test_the_most_steps_are_taken_that_a_number_of_calls_allows(sampler, calls):
    steps = sample.steps_within(sampler, calls=calls)
    needed = [len(sample.call_times(sampler, steps=s)) for s in (steps, steps + 1)]
    assert needed[0] <= calls < needed[1]


@pytest.mark.parametrize("name", diffusion.PROCESSES)
@pytest.mark.parametrize("sampler", diffusion.SAMPLERS)
def test_the_sample_is_the_last_clean_prediction(sampler, name):
    process = diffusion.PROCESSES[name]()
    found, seen = recorded(
        diffusion.SAMPLERS[sampler](process, steps=5), denoiser(name, process), START
    )
    t, noisy, prediction = seen[-1]
    clean = process.clean(noisy, prediction, t)
    np.testing.assert_allclose(found, clean, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("sampler", diffusion.SAMPLERS)
def test_one_step_is_one_call(sampler):
    process = diffusion.flow()
    denoise = denoiser("flow", process)
    found = diffusion.SAMPLERS[sampler](process, steps=1)(denoise, START)
    np.testing.assert_allclose(found, denoise(START, 1.0), rtol=1e-6)
    assert list(sample.call_times(sampler, steps=1)) == [1.0]


def test_the_first_step_of_multistep_is_the_one_of_ddim():
    process = diffusion.flow()
    asked = [
        recorded(
            diffusion.SAMPLERS[name](process, steps=4), denoiser("flow", process), START
        )[1]
        for name in ("ddim", "multistep")
    ]
    np.testing.assert_allclose(asked[0][1][1], asked[1][1][1], rtol=1e-5)
    assert np.abs(asked[0][2][1] - asked[1][2][1]).max() > 1e-3


@pytest.mark.parametrize("steps", [7, 1003])
@pytest.mark.parametrize("sampler", diffusion.SAMPLERS)
def test_steps_that_a_discrete_process_does_not_have_do_no_harm(sampler, steps):
    process = diffusion.ddpm()
    found = diffusion.SAMPLERS[sampler](process, steps=steps)(
        denoiser("ddpm", process), START
    )
    error = np.linalg.norm(found - end_point(process, START))
    assert error < (1.0 if steps == 7 else 0.03)


@pytest.mark.parametrize("name", diffusion.PROCESSES)
@pytest.mark.parametrize("sampler", diffusion.SAMPLERS)
def test_a_sampler_may_take_over_in_the_middle_of_the_flow(sampler, name):
    process = diffusion.PROCESSES[name]()
    half = diffusion.SAMPLERS[sampler](process, steps=50, begin=0.5)
    found = half(denoiser(name, process), START)
    expected = end_point(process, START, t=0.5)
    atol = 0.03 if ORDERS[sampler] == 1 else 0.002
    np.testing.assert_allclose(found, expected, atol=atol)


@pytest.mark.parametrize("name", diffusion.PROCESSES)
@pytest.mark.parametrize("sampler", diffusion.SAMPLERS)
def test_near_an_instance_the_sample_is_that_instance_in_the_limit(sampler, name):
    """The distance falls with the noise at the beginning, and as fast."""
    process = diffusion.PROCESSES[name]()
    instance = np.array([0.3, 1.0, -2.0], np.float32)
    ratios = []
    for begin in (0.2, 0.02, 0.002):
        start = diffusion.noised(jax.random.key(0), process, instance, t=begin)
        one = diffusion.SAMPLERS[sampler](process, steps=10, begin=begin)
        distance = np.linalg.norm(one(denoiser(name, process), start) - instance)
        ratios.append(distance / process.levels(jnp.asarray(begin))[1])
    assert np.all(np.array(ratios) < 5.0) and ratios[-1] > 0.1


def test_a_noised_instance_has_the_levels_of_its_time():
    process, instance = diffusion.flow(), np.full(4000, 2.0, np.float32)
    found = diffusion.noised(jax.random.key(0), process, instance, t=0.25)
    np.testing.assert_allclose([found.mean(), found.std()], [1.5, 0.25], atol=0.02)


@pytest.mark.parametrize("sampler", diffusion.SAMPLERS)
@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"steps": 0}, "a step or more, got steps=0"),
        ({"steps": 4, "begin": 0.0}, "begin=0.0 should lie above 0"),
        ({"steps": 4, "begin": 1.5}, "begin=1.5 .* at most at 1"),
        ({"steps": 4, "spacing": "log"}, "spacing='log'; choose one of .*'cosine'"),
    ],
)
def test_what_no_sampler_can_do_is_refused(sampler, options, line):
    with pytest.raises(ValueError, match=line):
        diffusion.SAMPLERS[sampler](diffusion.flow(), **options)
