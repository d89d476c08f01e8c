"""Prints the metrics of a benchmark: ours, the plain fit, and their ratio."""

__all__ = ["show"]


def show(metrics: dict, ours: dict, plain: dict) -> None:
    """Prints one line per metric.

    Args:
      metrics: of the whole benchmark, with a `_ratio` of some metrics.
      ours: metrics of our fit.
      plain: of the plain fit, some of the same names.
    """
    print(f"  {'':28} {'ours':>12} {'plain':>12} {'ratio':>8}")
    for key, value in ours.items():
        beside = plain.get(key)
        ratio = metrics.get(f"{key}_ratio")
        cells = [_cell(x) for x in (value, beside, ratio)]
        print(f"  {key:28} {cells[0]:>12} {cells[1]:>12} {cells[2]:>8}")
    print(f"  {'base_cpu_seconds':28} {metrics['base_cpu_seconds']:12.4g}", flush=True)
    for name, side in (("ours", ours), ("plain", plain)):
        if not side["reached_target"]:
            print(f"  {name}: no setting reached {metrics['target_psnr_db']} dB")


def _cell(value: float | bool | None) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else f"{value:.4g}"
