"""Progress of a fit: a progress bar, TensorBoard scalars, and a closing table."""

import os
import pathlib
import time

import numpy as np
from absl import logging
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.summary import scalar
from tqdm import tqdm

from wsjax import costs, store

__all__ = ["Progress", "table"]

_FLUSH = 5.0  # Seconds between two flushes of the scalars to disk.


class _Scalars:
    """Writes TensorBoard scalars; on a full disk it warns, so that the fit goes on."""

    def __init__(self, folder: pathlib.Path):
        self._folder, self._writer, self._next = folder, None, 0.0

    def write(self, values: dict[str, float], step: int) -> None:
        try:
            if self._writer is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                # File names hold the time in seconds; the process id makes them unique.
                prefix, suffix = str(self._folder / "events"), f".{os.getpid()}"
                self._writer = EventsWriter(prefix, suffix)
            for name, value in values.items():
                summary = scalar(name, float(value))
                event = Event(wall_time=time.time(), step=step, summary=summary)
                self._writer.write_event(event)
            if time.perf_counter() > self._next:
                self._writer.flush()
                self._next = time.perf_counter() + _FLUSH
        except OSError as error:
            logging.warning("no scalars in %s: %s", self._folder, error)

    def close(self) -> None:
        if self._writer is not None:
            try:
                self._writer.close()
            except OSError as error:
                logging.warning("scalars are lost in %s: %s", self._folder, error)


class Progress:
    """Context manager that counts the fits of one run and displays the progress.

    The bar shows fields per second, the time left, the mean PSNR in dB so far and the
    number of failed fits. `folder` gets TensorBoard scalars: fields per second, failed
    fits, peak memory in MiB and the mean PSNR of the newest group.
    """

    def __init__(self, folder: pathlib.Path, name: str, total: int):
        """Shows a bar for `total` instances that representation `name` is fitted to."""
        self._bar = tqdm(total=total, desc=f"fit {name}", unit="field")
        self._scalars = _Scalars(folder)
        self._sum, self._good, self._failed, self._fitted = 0.0, 0, 0, 0
        self._begin = time.perf_counter()

    def __enter__(self) -> "Progress":
        """Returns itself."""
        return self

    def __exit__(self, *error) -> None:
        """Closes the bar and the TensorBoard event file."""
        self._bar.close()
        self._scalars.close()

    def kept(self, instances: list[dict]) -> None:
        """Counts instances that an earlier run fitted, given their manifest entries."""
        self._count(instances)

    def fitted(self, instances: list[dict]) -> None:
        """Counts instances that this run has just fitted, and writes the scalars."""
        self._count(instances)
        self._fitted += len(instances)
        scalars = {
            "fields_per_second": self._fitted / (time.perf_counter() - self._begin),
            "failed": self._failed,
            "peak_memory_mib": costs.peak_memory_mib(),
        }
        measured = [i["psnr_db"] for i in instances if i["psnr_db"] is not None]
        if measured:
            scalars["psnr_db"] = np.mean(measured)
        self._scalars.write(scalars, self._bar.n)

    def _count(self, instances: list[dict]) -> None:
        measured = [i["psnr_db"] for i in instances if i["psnr_db"] is not None]
        self._sum += sum(measured)
        self._good += len(measured)
        self._failed += sum(i["status"] != store.DONE for i in instances)
        self._bar.update(len(instances))
        mean = f"{self._sum / self._good:.2f}" if self._good else "-"
        self._bar.set_postfix(psnr_db=mean, failed=self._failed)


def table(instances: list[dict], skipped: dict[str, str]) -> str:
    """Table of how many instances have each status, most frequent first.

    Args:
      instances: manifest entries, with `status`, `rate` and `psnr_db`.
      skipped: reasons by instance that was not fitted, counted as "unreadable".

    Returns:
      Lines such as `  done                      1790    31.20`: the status, the number
      of fields and their mean PSNR in dB, "-" if none was measured.
    """
    qualities: dict[str, list] = {}
    for entry in instances:
        kind = entry["status"].partition(":")[0]
        if entry["status"] == store.DONE and entry["rate"] < 1:
            kind = "done, after a lower learning rate"
        qualities.setdefault(kind, []).append(entry["psnr_db"])
    if skipped:
        qualities["unreadable"] = [None] * len(skipped)
    lines = [f"  {'status':36} {'fields':>8} {'psnr_db':>8}"]
    for kind, quality in sorted(qualities.items(), key=lambda x: -len(x[1])):
        known = [x for x in quality if x is not None]
        mean = f"{np.mean(known):.2f}" if known else "-"
        lines.append(f"  {kind:36} {len(quality):8} {mean:>8}")
    return "\n".join(lines)
