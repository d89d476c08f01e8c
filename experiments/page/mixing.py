"""Pictures of interpolated and of averaged weights: a part of `analyze`."""

import pathlib

import jax
import numpy as np
from matplotlib.figure import Figure

from experiments.domain.data import Data
from experiments.domain.representation import Representation, start
from experiments.page import figures
from wsjax import merging, store, symmetry, tree

__all__ = ["aligner", "paths"]

_STEPS = 7  # Points of a path, including both ends.
_SOUP = 32  # Most instances that are averaged.


def paths(forms: list[Representation], root: pathlib.Path, data: Data) -> Figure | None:
    """Draws the straight line between two instances' weights, one row a representation.

    The last two columns show the mean of the weights of up to 32 instances, without and
    with alignment of each to the first. A representation with fewer than two fits that
    did not fail has no row.

    Args:
      forms: the representations that were fitted.
      root: the run folder.
      data: the data set.

    Returns:
      The figure; None if no representation has a row.
    """
    drawn = {form.name: _row(form, root, data) for form in forms}
    rows = {name: row for name, row in drawn.items() if row is not None}
    if not rows:
        return None
    captions = [f"{t:.2g}" for t in np.linspace(0, 1, _STEPS)] + ["mean", "aligned"]
    figure = Figure(figsize=(0.8 * len(captions), 0.85 * len(rows) + 0.3))
    panels = figure.subplots(len(rows), len(captions), squeeze=False)
    for axes, (name, pictures) in zip(panels, rows.items(), strict=True):
        for panel, picture in zip(axes, pictures, strict=True):
            panel.imshow(figures.drawable(picture), cmap="gray", vmin=0, vmax=1)
            panel.set(xticks=[], yticks=[])
        axes[0].set_ylabel(name, fontsize=6)
    for panel, caption in zip(panels[0], captions, strict=True):
        panel.set_title(caption, fontsize=7)
    return figure


def _row(form: Representation, root: pathlib.Path, data: Data) -> np.ndarray | None:
    """Pictures `[_STEPS + 2, H, W, C]` of a row; None with fewer than two fits."""
    folder = root / "fit" / form.name
    first = start(folder, form)
    done = np.flatnonzero(store.done(store.manifest(folder)["instances"]))[:_SOUP]
    if len(done) < 2:
        return None
    weights, _ = store.load(folder, like=first, rows=slice(done[-1] + 1))
    weights = tree.row(weights, done)
    pair = tree.row(weights, 0), tree.row(weights, 1)
    between = jax.device_get(merging.path(*pair, _STEPS))
    means = [merging.mean(weights), merging.soup(weights, align=aligner(form))]
    stacked = tree.concatenate(
        [between, *(jax.tree.map(lambda x: x[None], mean) for mean in means)]
    )
    return data.domain.views(form).of_adapters(stacked)


def aligner(form: Representation):
    """Builds `align(adapter, reference) -> adapter`, which undoes symmetries.

    It reorders the neurons of a standalone field, or the rank components of an adapter
    (with their signs and scales), to match the reference. None for a masked
    representation: its frozen entries leave no such symmetry.
    """
    if form.masked:
        return None
    if form.standalone:
        return lambda x, reference: symmetry.neurons_to(x, reference, form.wiring)
    return symmetry.permuted_to
