"""Optimisation of fields: one instance, many instances, and the base they share."""

from wsjax.fit.instance import adam, make_fit
from wsjax.fit.parallel import over_instances

__all__ = ["adam", "make_fit", "over_instances"]
