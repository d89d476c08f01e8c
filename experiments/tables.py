r"""Writes the tables of a results page from the figures of a study.

  python -m experiments.tables --page=configs/digits.md \
      --study=configs/results/digits.json

`--study` is the study/metrics.json of `experiments.study`, or a run folder. The page
says by comments which tables it has (`experiments.page.results`); everything else stays
as it is. Tables that name a study, such as `study=faces`, are written with
`--study=faces=PATH`.
"""

import pathlib

from absl import flags

from experiments.page import results
from experiments.running import launch, run_folder
from wsjax import files

_PAGE = flags.DEFINE_string("page", None, "Markdown file; it is rewritten.")
_STUDY = flags.DEFINE_string("study", None, "PATH or NAME=PATH.")


def run(page: str, study: str) -> str:
    """Rewrites the page; returns it.

    Args:
      page: path of the page.
      study: `PATH` or `NAME=PATH`, of a study/metrics.json or a run folder.

    Raises:
      ValueError: if the page names what the study lacks.
      OSError: if a file cannot be read or written.
    """
    path, (name, _, place) = pathlib.Path(page), study.rpartition("=")
    found = pathlib.Path(place)
    if found.is_dir():
        run_folder.need(found / "recipe.json", "pipeline")
        rows = results.summary([found], [0])
    else:
        rows = files.read_json(found, keys=("rows", "seeds"))
    page = path.read_bytes().decode()  # As it is: line ends are the author's.
    try:
        text = results.filled(page, rows, name=name)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(
            f"{found}: expected what experiments.study writes, found another form "
            f"({error!r})"
        ) from error
    files.write_bytes(path.resolve(), text.encode())
    return text


if __name__ == "__main__":
    flags.mark_flags_as_required(["page", "study"])
    launch.main(lambda: run(_PAGE.value, _STUDY.value), recipe=False)
