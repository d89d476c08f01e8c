"""What a table says of the values of several seeds."""

import pytest

from experiments.page import entries


@pytest.mark.parametrize(
    ("values", "digits", "text"),
    [
        ([0.0, 1.0, 1.0], "0%", "0 to 100"),
        ([0.004, 0.0, 0.002], "1%", "0.0 to 0.4"),
        ([0.985, 0.98, 0.995], "1%", "98.0 to 99.5"),
        ([0.9991, 0.9999, 0.9995], "0%", "100"),
        ([0.5, 0.5, 0.5], "0%", "50 ± 0"),
        ([1.0, 1.0, 1.0], "0%", "100 ± 0"),
        ([0.6, 0.5, 0.7], "0%", "60 ± 25"),
        ([0.0, 1.0, 1.0], "1", "0.7 ± 1.4"),  # No share.
        ([-0.1, 0.1, 0.3], "0%", "10 ± 50"),  # A difference of shares.
        ([-1e-9, 0.0, 1e-9], "2", "0.00 ± 0.00"),
    ],
)
def test_no_share_has_an_interval_beyond_all_or_nothing(values, digits, text):
    entry = entries.described(dict(enumerate(values)))
    assert entries.shown(entry, digits, 3) == text
    assert entries.shown(entry, digits, 4) == f"{text} (3 of 4)"


def test_a_difference_of_shares_has_an_interval_whatever_its_values_are():
    """From 0 to 1 in every seed, it might still be below 0 in another."""
    first, second = (
        entries.described(dict(enumerate(values)))
        for values in ([0.5, 1.0, 1.0], [0.5, 0.0, 0.0])
    )
    found = entries.difference(first, second)
    assert entries.shown(found, "0%", 3) == "67 ± 143"
    assert entries.shown(entries.described({0: 0.0, 1: 1.0, 2: 1.0}), "0%", 3) == (
        "0 to 100"
    )
