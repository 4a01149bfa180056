"""Every figure of the documentation is the one in the raw results."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = "examples/write_results.py"
PAGE = "docs/explanation/results.md"


def run(checkout: Path, *options: str) -> subprocess.CompletedProcess:
    """Run the script of a checkout."""
    return subprocess.run([sys.executable, checkout / SCRIPT, *options], capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def script():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("write_results", ROOT / SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A copy whose pages can be changed."""
    (tmp_path / "examples").mkdir()
    for name in (SCRIPT, "README.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("examples/results", "hub_cards"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    return tmp_path


def test_pages_are_what_the_raw_results_give():
    done = run(ROOT, "--check")
    assert done.returncode == 0, done.stderr


def test_page_is_written_anew_from_the_raw_results(checkout):
    (checkout / PAGE).unlink()
    assert f"{PAGE} differs" in run(checkout, "--check").stderr
    assert run(checkout).returncode == 0
    assert (checkout / PAGE).read_text(encoding="utf-8") == (ROOT / PAGE).read_text(encoding="utf-8")


def test_changed_figure_is_found_and_mended(checkout):
    readme = checkout / "README.md"
    before = readme.read_text(encoding="utf-8")
    changed = re.sub(r"\d+\.\d %", "12.3 %", before, count=1)
    assert changed != before
    readme.write_text(changed, encoding="utf-8")
    done = run(checkout, "--check")
    assert done.returncode == 1
    assert done.stderr == "README.md differs from the raw results: run `make results` and commit what it wrote.\n"
    assert run(checkout).returncode == 0
    assert readme.read_text(encoding="utf-8") == before


def test_percentage_by_hand_has_no_source(checkout):
    guide = checkout / "docs" / "guides" / "edit.md"
    lines = len(guide.read_text(encoding="utf-8").splitlines())
    with guide.open("a", encoding="utf-8") as stream:
        stream.write("\n`97 %` is code, 83.4 % is not.\n")
    done = run(checkout, "--check")
    assert done.returncode == 1
    assert done.stderr.startswith(f"docs/guides/edit.md, line {lines + 2}: 83.4 % has no source.")
    assert run(checkout).returncode == 1  # writing does not mend it


def test_block_whose_file_is_missing_is_left_out(script, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "ROOT", tmp_path)
    script.read.cache_clear()
    table = {"file": "new.json", "columns": {"MRR": "mrr | decimal"}, "rows": {"one": {"from": "runs"}}}
    page = [{"text": "Before."}, {"needs": "new.json", "text": "Now."}, {"needs": "new.json", "table": "new"}]
    spec = {"page": page, "tables": {"new": table}}
    assert script.write_page(spec) == f"{script.HEADER}Before."
    (tmp_path / "examples" / "results").mkdir(parents=True)
    (tmp_path / "examples" / "results" / "new.json").write_text('{"runs": [{"mrr": 0.25}, {"mrr": 0.75}]}')
    assert "Now." in script.write_page(spec) and "| one | 0.500 |" in script.write_page(spec)
    script.read.cache_clear()


def test_rows_of_the_objectives_are_those_of_the_comparison(script):
    page = yaml.safe_load((ROOT / script.SPEC).read_text(encoding="utf-8"))
    rows = page["tables"]["objectives"]["rows"].values()
    compared = yaml.safe_load((ROOT / "examples" / "ablations" / "objectives.yaml").read_text(encoding="utf-8"))
    measured = json.loads((ROOT / "examples" / "results" / "objectives.json").read_text(encoding="utf-8"))
    ran = {run["variant"] for run in measured["runs"]}
    assert ran <= set(compared)
    assert [row["from"] for row in rows] == [f"runs > [variant={name}]" for name in compared if name in ran]


def test_key_that_is_not_there_is_named(script):
    with pytest.raises(SystemExit, match=r"generator.json has no 'no_such_key': nothing is found at 'no_such_key'"):
        script.parse_figure("generator.json > no_such_key | percent")


def test_figures_are_written_as_asked(script, tmp_path, monkeypatch):
    (tmp_path / "examples" / "results").mkdir(parents=True)
    runs = [{"name": "a", "x": 0.25}, {"name": "a", "x": 0.75}, {"name": "b", "x": 1.0}]
    raw = '{"runs": %s, "gain": -0.0314, "gain_low": -0.05, "gain_high": 0.01, "rows": 12345}'
    text = raw % str(runs).replace("'", '"')
    (tmp_path / "examples" / "results" / "raw.json").write_text(text, encoding="utf-8")
    monkeypatch.setattr(script, "ROOT", tmp_path)
    written = {
        "raw.json > gain | points interval": "−3.1 [−5.0, +1.0]",
        "raw.json > rows | count": "12,345",
        "raw.json > runs > [name=a] > x | percent deviation": "50.0 ± 35.4 %",
        "raw.json > runs > [name=b] > x | percent deviation": "100.0 %",
        "raw.json > runs > 1 > x | share": "0.75",
    }
    assert {reference: script.parse_figure(reference).text for reference in written} == written


def test_every_figure_of_a_table_has_a_source(script):
    table = script.Table(
        {"file": "generator.json", "columns": {"share": "reconstruction | percent"}, "rows": {"a": None}}
    )
    assert str(table) == "| | share |\n| --- | --- |\n| a | – |\n"
    spec = {
        "file": "generator.json",
        "columns": {"share": None},
        "rows": {"a": {"share": "{generator.json > validity | share}"}},
    }
    assert "generator.json</a>, <code>validity</code>" in script.Table(spec).list_sources(PAGE)
