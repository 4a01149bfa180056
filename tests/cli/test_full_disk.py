"""What commands and examples write on a full disk: a sentence that names the file, and the old file as it was."""

import runpy
import sys
from pathlib import Path

import pytest

from modeling_finemoltex.data import load_table
from tests.faults import full_disk

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def library(tmp_path):
    file = tmp_path / "library.csv"
    file.write_text("\n".join(["smiles", *("C" * length for length in range(1, 9))]))
    load_table(str(file))  # into the cache, which is on that disk too
    return file


@pytest.fixture
def write(run, index_folder, library, capsys):
    """Functions that write a file of each kind and return what is said about it; `capsys` keeps prints in memory."""

    def write_results(output):
        words = ["measure_overlap.py", "--train", library, "--sets", library, "--output", output]
        with pytest.MonkeyPatch.context() as patch, pytest.raises(OSError) as error:
            patch.setattr(sys, "argv", [str(word) for word in words])
            runpy.run_path(str(EXAMPLES / "measure_overlap.py"), run_name="__main__")
        return f"Error: {error.value}"

    return {
        "vocab.json": lambda output: run("vocab", library, "--min_count", 1, "--output", output, code=1).stderr,
        "hits.html": lambda output: run("search", index_folder, "an acid", "--html", output, code=1).stderr,
        "results.json": write_results,
    }


@pytest.mark.parametrize("old", [None, "old"])
@pytest.mark.parametrize("name", ["vocab.json", "hits.html", "results.json"])
def test_a_full_disk_leaves_what_was_there(tmp_path, write, name, old):
    output = tmp_path / name
    if old:
        output.write_text(old)
    with full_disk(20):
        said = write[name](output)
    kept = " What was there is unchanged." if old else ""
    assert f"Error: {output} cannot be written: " in said and said.rstrip().endswith(f".{kept}")
    assert (output.read_text() if output.exists() else None) == old
    assert not list(tmp_path.glob(".*"))
