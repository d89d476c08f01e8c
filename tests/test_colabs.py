"""Every notebook is executed whole, by a real kernel."""

import pathlib

import nbformat
import pytest
from nbclient import NotebookClient

# Fewer pictures and steps than a reader's, so that it ends in a fraction of the time.
BRIEF = {
    "quickstart": {
        "n=1000": "n=240",
        "(2, 128, 700), (1, 64, 800)": "(2, 128, 20), (1, 64, 20)",
        "advance(jax.random.key(8), state, seen, steps=500)": (
            "advance(jax.random.key(8), state, seen, steps=10)"
        ),
    }
}
COLABS = sorted((pathlib.Path(__file__).parents[1] / "colabs").glob("*.ipynb"))


@pytest.mark.parametrize("path", COLABS, ids=lambda p: p.stem)
def test_notebook_runs_from_top_to_bottom(path, environment):
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(notebook.cells) <= 15
    assert not any(cell.outputs for cell in code)  # Stored without outputs.
    for cell in code:
        for written, brief in BRIEF[path.stem].items():
            cell.source = cell.source.replace(written, brief)
    whole = "".join(cell.source for cell in code)
    assert all(brief in whole for brief in BRIEF[path.stem].values())
    client = NotebookClient(notebook, timeout=400, kernel_name="python3")
    client.execute(env=environment)
    shown = [output for cell in code for output in cell.outputs]
    pictures = [o for o in shown if "image/png" in o.get("data", {})]
    assert len(pictures) == 3, "originals, reconstructions and samples"


def test_there_is_a_notebook_to_run():
    assert COLABS
