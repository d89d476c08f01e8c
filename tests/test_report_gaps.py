"""The report where figures, labels or classes are missing."""

import handmade
import numpy as np
import pytest
from handmade import OWN

from configs import digits
from experiments import report
from wsjax import costs, files


@pytest.mark.parametrize(
    ("labels", "share"),
    [(None, None), ([1, 2, 2, 1, 2], 0.4), ([-1, 7, 7, 7], 0.25), ([5, 5], 1.0)],
)
def test_the_smallest_class_is_one_that_occurs(labels, share):
    labels = None if labels is None else np.array(labels)
    assert report._smallest_class(labels) == share


def test_figures_that_are_null_show_as_dashes(tmp_path):
    """All at once: no figure of an evaluation is needed for the page."""
    config, folder = digits.get_config("tiny"), tmp_path / "run"
    handmade.write(folder, config)
    for name in ("metrics", "baselines"):
        path = folder / "evaluate" / OWN / f"{name}.json"
        nothing = {
            key: x
            if key in costs.KEYS
            else dict.fromkeys(x)
            if name != "metrics"
            else None
            for key, x in files.read_json(path).items()
        }
        files.write_json(path, nothing)
    text = handmade.text(report.run(config, str(folder)).read_text())
    assert "Novelty ratio" in text and "None" not in text and "nan" not in text


def test_damaged_files_end_with_their_name_and_the_way_out(tmp_path):
    config, folder = digits.get_config("tiny"), tmp_path / "run"
    handmade.write(folder, config)
    path = folder / "analyze" / OWN / "metrics.json"
    whole = path.read_text()
    path.write_text("{")
    with pytest.raises(ValueError, match=r"analyze.*metrics\.json is not valid JSON"):
        report.run(config, str(folder))
    path.write_text(whole)
    (folder / "analyze" / OWN / "tsne.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"tsne\.png is no readable picture; delete"):
        report.run(config, str(folder))
