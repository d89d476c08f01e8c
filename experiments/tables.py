r"""Writes the tables of a results page from the figures of a study.

  python -m experiments.tables --page=configs/digits.md \
      --study=configs/results/digits.json

`--study` is the study/metrics.json of `experiments.study`, or a run folder. The page
says by comments which tables it has (`experiments.page.results`); everything else stays
as it is. Tables that name a study, such as `study=faces`, are written with
`--study=faces=PATH`, which may be given beside others.
"""

import os
import pathlib
import stat

from absl import flags

from experiments.page import results
from experiments.running import launch, run_folder
from wsjax import files

_PAGE = flags.DEFINE_string("page", None, "Markdown file; it is rewritten.")
_STUDY = flags.DEFINE_multi_string("study", None, "PATH or NAME=PATH; repeatable.")


def run(page: str, *studies: str) -> str:
    """Rewrites the page; returns it.

    Args:
      page: path of the page.
      studies: each `PATH` or `NAME=PATH`, of a study/metrics.json or a run folder.

    Raises:
      ValueError: if the page names what the study lacks, or a file has another form.
      OSError: if a file cannot be read or written.
    """
    path = pathlib.Path(page)
    text = _text(path)
    for name, found in map(_named, studies):
        rows = _figures(found)
        try:
            text = results.filled(text, rows, name=name)
        except ValueError as error:
            raise ValueError(f"{path}, from {found}: {error}") from error
    mode = stat.S_IMODE(path.stat().st_mode)
    files.write_bytes(path.resolve(), text.encode(), mode=mode)
    return text


def _named(study: str) -> tuple[str, pathlib.Path]:
    """The name of a study, "" without one, and the path of its figures."""
    path = pathlib.Path(study)
    if "=" not in study or path.exists():
        return "", path
    name, _, place = study.partition("=")
    return name, pathlib.Path(place)


def _text(path: pathlib.Path) -> str:
    """The text of a page that may be rewritten; its line ends are its author's."""
    if path.is_dir():
        raise IsADirectoryError(
            f"--page={path}: expected a Markdown file, not a folder"
        )
    if not path.exists():
        raise FileNotFoundError(
            f"--page={path}: expected a Markdown file, found nothing there"
        )
    # The superuser may write any file: a page without the permission is kept all the
    # same.
    if not path.stat().st_mode & 0o222 or not os.access(path, os.W_OK):
        raise PermissionError(
            f"--page={path} is read-only; permit writing, as by chmod u+w, or name "
            "another page"
        )
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"--page={path}: expected UTF-8, found the byte "
            f"{error.object[error.start]:#x} at {error.start}; save the page as UTF-8"
        ) from error


def _figures(path: pathlib.Path) -> dict:
    """The summary of a study, from its file or from a run folder."""
    if path.is_dir():
        if not (path / "plan" / "recipe.json").exists():
            run_folder.need(path / "recipe.json", "pipeline")
        return results.summary([path], [0])
    if not path.exists():
        raise FileNotFoundError(
            f"--study={path}: expected a study/metrics.json or a run folder, found "
            "nothing there"
        )
    return files.read_json(path, keys=("rows", "seeds"))


if __name__ == "__main__":
    flags.mark_flags_as_required(["page", "study"])
    launch.main(lambda: run(_PAGE.value, *_STUDY.value), recipe=False)
