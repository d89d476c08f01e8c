"""The table that an evaluation prints at its end."""

__all__ = ["print_table"]

# Columns of the closing table: keys of metrics; F stands for the feature space.
_COLUMNS = {
    "FD": "fd_F_test",
    "MMD-G": "mmd_gaussian_F_test",
    "MMD-P": "mmd_polynomial_F_test",
    "told apart": "two_sample_accuracy",
    "precision": "precision_F_test",
    "recall": "recall_F_test",
    "novelty": "novelty_function",
    "in weights": "novelty_weights",
    "failed": "failed_fraction",
    "audit": "audit_passed",
}


def print_table(feature: str, rows: dict[str, dict]) -> None:
    """Prints quality and novelty per generator, and of real data.

    Args:
      feature: name of the feature space.
      rows: metrics by generator; floors and ceilings are those of the first.
    """
    own = next(iter(rows.values()))
    for end in ("floor", "ceiling"):
        ends = {key: f"{key}_{end}".replace("F", feature) for key in _COLUMNS.values()}
        rows[end] = {
            key.replace("F", feature): own[full]
            for key, full in ends.items()
            if full in own
        }
    print(f"Against the test part, features {feature}", flush=True)
    print(" " * 20 + "".join(f"{column:>11}" for column in _COLUMNS))
    for name, row in rows.items():
        cells = [row.get(key.replace("F", feature)) for key in _COLUMNS.values()]
        shown = [f"{'' if x is None else format(x, '.3g'):>11}" for x in cells]
        print(f"{name:20}{''.join(shown)}", flush=True)
