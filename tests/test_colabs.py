"""Every notebook is executed whole, by a real kernel."""

import pathlib

import nbformat
import pytest
from nbclient import NotebookClient

COLABS = sorted((pathlib.Path(__file__).parents[1] / "colabs").glob("*.ipynb"))


@pytest.mark.parametrize("path", COLABS, ids=lambda p: p.stem)
def test_notebook_runs_from_top_to_bottom(path):
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(notebook.cells) <= 15
    assert not any(cell.outputs for cell in code)  # Stored without outputs.
    NotebookClient(notebook, timeout=400, kernel_name="python3").execute()
    shown = [output for cell in code for output in cell.outputs]
    pictures = [o for o in shown if "image/png" in o.get("data", {})]
    assert len(pictures) == 3, "originals, reconstructions and samples"


def test_there_is_a_notebook_to_run():
    assert COLABS
