r"""Writes the tables of a results page from the figures of a study.

  python -m experiments.tables --page=configs/digits.md \
      --study=configs/results/digits.json

`--study` is the study/metrics.json of `experiments.study`. The page says by comments
which tables it has (`experiments.page.results`); everything else stays as it is.
"""

import pathlib

from absl import flags

from experiments.page import results
from experiments.running import launch
from wsjax import files

_PAGE = flags.DEFINE_string("page", None, "Markdown file; it is rewritten.")
_STUDY = flags.DEFINE_string("study", None, "A study/metrics.json.")


def run(page: str, study: str) -> str:
    """Rewrites the page; returns it.

    Raises:
      ValueError: if the page names what the study lacks.
      OSError: if a file cannot be read or written.
    """
    path = pathlib.Path(page)
    text = results.filled(path.read_text(), files.read_json(study, keys=("rows",)))
    files.write_bytes(path, text.encode())
    return text


if __name__ == "__main__":
    flags.mark_flags_as_required(["page", "study"])
    launch.main(lambda: run(_PAGE.value, _STUDY.value), recipe=False)
