"""Trials: values that a sweep or a plan tries, and the recipe with these values."""

from ml_collections import ConfigDict

from experiments.recipe import ranges
from experiments.recipe.fits import BY_NAME
from experiments.recipe.representation import family_of, representation_name, with_name
from wsjax import adapters, fields

__all__ = ["check_trial", "trials_of", "with_trial"]


def trials_of(variants: list[dict]) -> list[dict]:
    """All trials of some variants, such as `{"learning_rate": 0.02, "steps": 9}`.

    A variant is one trial per rate in its `learning_rate`; without that key it is one
    trial, at the recipe's rate.
    """
    return [
        {**options, **rate}
        for options in variants
        for rate in (
            [{"learning_rate": rate} for rate in options["learning_rate"]]
            if "learning_rate" in options
            else [{}]
        )
    ]


def with_trial(config: ConfigDict, name: str, trial: dict) -> ConfigDict:
    """The recipe for one representation, with the values of one trial.

    Args:
      config: the recipe.
      name: of the representation.
      trial: a dict of keys of the recipe's `fit`, and of `adapter`, a dict of options
        of the representation.

    Raises:
      ValueError: if the recipe's `fit` has no such key.
    """
    own = with_name(config, name)
    representation_name(own)
    for key, value in trial.items():
        if key in BY_NAME:
            own.fit[key][name] = value
        elif key in own.fit:
            own.fit[key] = value
        elif key != "adapter":
            raise ValueError(
                f"a trial of {name} changes {key!r}, which is no key of the recipe's "
                f"fit: {sorted(own.fit)}"
            )
    with own.adapter[name].unlocked():
        own.adapter[name].update(trial.get("adapter", {}))
    return own


def check_trial(
    config: ConfigDict, name: str, trial: dict, shape: tuple[int, ...]
) -> None:
    """Refuses a trial that cannot be fitted to instances of a `shape`.

    `shape`: cells per axis of the common grid, and C.

    Raises:
      ValueError: if there is no representation `name`, if the trial has an unknown key
        or option, or a number out of range.
    """
    own = with_trial(config, name, trial)
    ranges.check(own)
    try:
        if family_of(own, shape) is None:
            options = own.adapter[name].to_dict()
            if "field" in options:
                fields.mlp(**options.pop("field"), channels=shape[-1])
            adapters.by_name(name, **options)
    except TypeError as error:
        raise ValueError(
            f"a trial of {name} has an option that it does not take: {error}; it "
            f"changes {trial.get('adapter', {})}"
        ) from None
