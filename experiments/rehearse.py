"""The second half of `train_base`: rehearses fits, and the base learns along them."""

import pathlib

import jax
import numpy as np
from ml_collections import ConfigDict
from tqdm import tqdm

from experiments import dataset, parts
from wsjax import adapters, checkpoint, costs, files, fit
from wsjax.fit import autodecoder, rehearsal
from wsjax.types import Field, Params


def run(
    config: ConfigDict,
    folder: pathlib.Path,
    field: Field,
    base: Params,
    data: dataset.Data,
    rows: np.ndarray,
) -> Params:
    """Rehearses on the training instances `rows`; returns the base.

    Writes rehearsal/ and rehearsal.jsonl into `folder` and goes on from there.
    """
    keys, options = parts.keys(config), config.base.rehearsal
    state, episode = _prepare(config, field, base, data.loss)
    places, values = data.train_on(rows, 1)
    newest = checkpoint.latest(folder / "rehearsal")
    if newest is not None:
        state = checkpoint.restore(folder / "rehearsal", newest, state)
    done = int(state.episode)
    lines = files.read_lines(folder / "rehearsal.jsonl")[:done]
    bar = tqdm(range(done, options.episodes), desc="rehearsal", unit="episode")
    for number in bar:
        clock = costs.now()
        key = jax.random.fold_in(keys["rehearsal"], number)
        chosen = jax.random.choice(key, len(values), (options.batch,), replace=False)
        own = places if places.ndim == 2 else places[chosen]
        state, losses = episode(keys["episodes"], state, own, values[chosen])
        loss = float(losses[-1])
        if not np.isfinite(loss):
            raise ValueError(
                f"rehearsal diverged in episode {number}; lower --config.base."
                f"rehearsal.learning_rate={options.learning_rate}"
            )
        lines.append({"step": number + 1, "loss_train": loss, **costs.since(clock)})
        bar.set_postfix(loss=f"{loss:.4f}")
        if (number + 1) % options.every == 0 or number + 1 == options.episodes:
            # Lines first: a resumed run drops those behind its newest checkpoint.
            files.write_lines(folder / "rehearsal.jsonl", lines)
            checkpoint.save(folder / "rehearsal", number + 1, state)
    return state.base


def _prepare(config: ConfigDict, field: Field, base: Params, loss):
    """State before the first episode, and the compiled episode."""
    options = config.base.rehearsal
    name = options.adapter
    adapter = adapters.by_name(name, **config.adapter[name].to_dict())
    inner = fit.adam(
        learning_rate=options.fit_learning_rate,
        steps=options.steps,
        b2=options.b2,
        final=0.1,
    )
    outer = autodecoder.adam(
        learning_rate=options.learning_rate, steps=options.steps * options.episodes
    )
    episode = rehearsal.make_episode(
        field,
        adapter,
        inner,
        outer,
        steps=options.steps,
        points=options.points,
        chunk=options.chunk,
        loss=loss,
    )
    start = adapter.init(parts.keys(config)["start"], base)
    return rehearsal.begin(base, start, outer), episode
