"""The notebook for teachers runs from top to bottom, and says as much as it shows in the handbook."""

import contextlib
import io
import json
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[2] / "docs" / "teaching.ipynb"


@pytest.mark.slow
def test_the_notebook_runs_and_what_it_says_holds(monkeypatch):
    """Each code cell prints as many lines as are stored with it; the donor matters by over three standard errors."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figures = []
    monkeypatch.setattr(plt, "show", lambda: (figures.append(plt.gcf()), plt.close("all")))
    cells = [cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert len(cells) >= 6
    space: dict = {}
    for cell in cells:
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile("".join(cell["source"]), NOTEBOOK.name, "exec"), space)
        stored = "".join("".join(out.get("text", "")) for out in cell["outputs"] if out["output_type"] == "stream")
        assert len(said.getvalue().splitlines()) == len(stored.splitlines())
    assert len(figures) == sum(out["output_type"] == "display_data" for cell in cells for out in cell["outputs"])
    start = space["start"]
    ff = space["lysis_of"]("An FF donor")
    gain = ff - start
    assert gain.mean() < -3 * gain.std(ddof=1) / len(gain) ** 0.5  # what the words around it say
