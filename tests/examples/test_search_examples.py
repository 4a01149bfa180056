"""The search script does what its first line says, on a tiny model."""

from pathlib import Path

import pytest
import torch

pytest.importorskip("faiss")

from modeling_finemoltex import FineMolTexModel

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def run(run_file):
    """Function that runs a script, which may set the number of threads."""
    threads = torch.get_num_threads()
    yield lambda script, *words: run_file(EXAMPLES / script, *words)
    torch.set_num_threads(threads)


def test_search_your_library_skips_what_is_no_molecule(run, tmp_path, config, processor, molecules):
    FineMolTexModel(config).save_pretrained(tmp_path / "model")
    processor.save_pretrained(tmp_path / "model")
    (tmp_path / "library.csv").write_text("\n".join(["smiles", "no molecule", *molecules]), encoding="utf-8")
    words = (tmp_path / "library.csv", "a ring", "--model", tmp_path / "model", "--index", tmp_path / "index", "-k", 3)
    first, *hits = run("search_your_library.py", *words, "--smarts", "c1ccccc1").splitlines()
    assert first == "10 of 11 molecules embedded"
    (hit,) = hits
    assert hit.endswith("row 3         CC(=O)Oc1ccccc1C(=O)O")
    assert len(run("search_your_library.py", *words).splitlines()) == 3
    assert len((EXAMPLES / "search_your_library.py").read_text().splitlines()) < 60
