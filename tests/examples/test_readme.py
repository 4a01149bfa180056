"""What a newcomer copies from the README works as printed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from modeling_finemoltex import FineMolTexForPreTraining

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
# An editable install would answer from anywhere: nothing of ours can be imported but what the folder brings.
WITHOUT_PACKAGE = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("modeling_finemoltex", "processors"):
            raise ModuleNotFoundError(name=name)
sys.meta_path.insert(0, Absent())
"""
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


def test_quickstart_finds_what_each_text_describes(tmp_path):
    """In a process that cannot import the package, with the shipped weights."""
    (quickstart,) = re.findall(r"## Quickstart\n.*?```python\n(.*?)```", README, flags=re.DOTALL)
    (tmp_path / "hub_cards").symlink_to(ROOT / "hub_cards")
    command = [sys.executable, "-I", "-c", WITHOUT_PACKAGE + quickstart]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    caffeine, stearic_acid, aspirin = "Cn1c(=O)c2c(ncn2C)n(C)c1=O", "CCCCCCCCCCCCCCCCCC(=O)O", "CC(=O)Oc1ccccc1C(=O)O"
    assert done.stdout.split() == [caffeine, stearic_acid, aspirin]


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
