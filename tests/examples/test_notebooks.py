"""The notebooks run from top to bottom on the shipped model; what they show was produced by that, and is small."""

import json
import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
MOST_BYTES = 200_000

each_notebook = pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)


def code_cells(notebook: dict) -> list[dict]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_there_are_notebooks():
    assert [file.stem for file in NOTEBOOKS] == ["fine_tune_and_edit", "search_and_explain"]


@each_notebook
def test_it_is_small_and_was_run_in_order(file):
    assert file.stat().st_size < MOST_BYTES
    cells = code_cells(json.loads(file.read_text(encoding="utf-8")))
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert not [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"]
    assert str(Path.home()) not in json.dumps(outputs) and str(FOLDER.parents[1]) not in json.dumps(outputs)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@each_notebook
def test_it_runs_from_top_to_bottom(file, monkeypatch):
    pytest.importorskip("nbclient", reason="needs nbclient")
    pytest.importorskip("ipykernel", reason="needs ipykernel")
    for name in ("faiss", "chemicals", "sklearn", "matplotlib"):
        pytest.importorskip(name)
    monkeypatch.setenv("PYTHONPATH", "")  # put back afterwards
    notebook = runpy.run_path(str(FOLDER / "execute.py"))["execute"](file)
    shipped = code_cells(json.loads(file.read_text(encoding="utf-8")))
    ran = code_cells(notebook)
    kinds = [
        [[output["output_type"] for output in cell["outputs"]][-1:] for cell in cells] for cells in (ran, shipped)
    ]
    assert kinds[0] == kinds[1]
