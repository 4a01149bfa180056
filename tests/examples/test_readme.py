"""What a newcomer copies from the README works as printed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from modeling_finemoltex import FineMolTexForPreTraining, assemble_folder

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TEST_COMMAND = 'pip install -e ".[test]" && pytest'


@pytest.fixture(scope="module")
def folder(tmp_path_factory, config, processor) -> Path:
    """A model folder such as `examples/pretrain.py` writes."""
    folder = tmp_path_factory.mktemp("runs") / "demo"
    FineMolTexForPreTraining(config).save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def test_continuous_integration_runs_the_command_of_the_readme():
    assert f"\n{TEST_COMMAND}\n" in README
    assert TEST_COMMAND in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def run_quickstart(folder: Path, *options: str, before: str = "", **environment: str) -> list[str]:
    """Run the first lines of the README in a process of its own and return what they print."""
    (quickstart,) = re.findall(r"## Quickstart\n.*?```python\n(.*?)```", README, flags=re.DOTALL)
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    settings = {**inherited, "HF_MODULES_CACHE": str(folder / "modules"), **environment}
    command = [sys.executable, *options, "-c", before + quickstart]
    done = subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.split()


FOUND = ["Cn1c(=O)c2c(ncn2C)n(C)c1=O", "CCCCCCCCCCCCCCCCCC(=O)O", "CC(=O)Oc1ccccc1C(=O)O"]


def test_quickstart_finds_what_each_text_describes(tmp_path):
    """In a checkout, where the shipped folder points to the package beside it."""
    (tmp_path / "hub_cards").symlink_to(ROOT / "hub_cards")
    assert run_quickstart(tmp_path, PYTHONPATH=str(ROOT)) == FOUND


def test_quickstart_works_without_the_package_on_the_assembled_folder(tmp_path):
    assemble_folder(ROOT / "hub_cards" / "finemoltex-small", tmp_path / "hub_cards" / "finemoltex-small")
    absent = (ROOT / "tests" / "hub" / "without_package.py").read_text(encoding="utf-8")
    assert run_quickstart(tmp_path, "-I", before=absent) == FOUND


PAGES = ["README.md", "CONTRIBUTING.md", *(page.relative_to(ROOT).as_posix() for page in ROOT.glob("docs/*/*.md"))]


@pytest.mark.parametrize("page", PAGES)
def test_every_local_link_leads_somewhere(page):
    text = re.sub(r"```.*?```|`[^`\n]+`", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    found = map("".join, re.findall(r'\]\(([^)#\s]+)[^)]*\)|href="([^"]+)"', text))
    targets = [target for target in found if "://" not in target]
    assert [target for target in targets if not ((ROOT / page).parent / target).exists()] == []


def test_readme_is_read_in_five_minutes():
    assert len(README.splitlines()) <= 150
    assert len(README.split()) <= 1200


def test_embed_and_compare_prints_a_table(folder):
    script = ROOT / "examples" / "embed_and_compare.py"
    command = [sys.executable, script, "--model", folder, "--molecules", "CCO", "C", "--texts", "an alcohol", "a gas"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    first, second, _, header, *rows = done.stdout.rstrip().splitlines()
    assert (first, second, header.split()) == ("[1] an alcohol", "[2] a gas", ["[1]", "[2]"])
    assert [row.split()[0] for row in rows] == ["CCO", "C"]
    assert all(row.count("*") == 1 for row in rows)
