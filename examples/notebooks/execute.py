"""Run the notebooks of this folder from top to bottom, and keep what they show in them.

Needs: `pip install -e ".[docs,explain,properties]"`. Takes: three minutes on a CPU core.
Try `python examples/notebooks/execute.py`, after another model was put into `hub_cards/finemoltex-small`.
"""

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parent
CELL_SECONDS = 900  # far above what any cell takes; a hanging one must end


def execute(file: Path) -> nbformat.NotebookNode:
    """Run a notebook in its folder, against this checkout, without a network."""
    roots = [str(FOLDER.parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ.update(PYTHONPATH=os.pathsep.join(roots), HF_HUB_OFFLINE="1")
    notebook = nbformat.read(file, as_version=4)
    client = NotebookClient(notebook, timeout=CELL_SECONDS, resources={"metadata": {"path": str(file.parent)}})
    client.execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # times of this machine
        if cell.cell_type == "code":  # progress bars
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    return notebook


if __name__ == "__main__":
    for given in sys.argv[1:] or sorted(map(str, FOLDER.glob("*.ipynb"))):
        nbformat.write(execute(Path(given)), given)
        print(f"{given}: {Path(given).stat().st_size / 1e3:.0f} kB")
