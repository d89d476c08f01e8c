"""The verdicts of the audit."""

__all__ = ["FAILED", "PASSED", "TRIVIAL", "UNDECIDED"]

PASSED = "passed"
"""Samples are no copies and better than what is trivial."""

FAILED = "failed"
"""Samples are copies, or worse than something trivial."""

UNDECIDED = "undecided"
"""No copies, but the sets cannot tell the samples from something trivial."""

TRIVIAL = "trivial"
"""A trivial generator, by definition."""
