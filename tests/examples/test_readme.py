"""What a newcomer copies from the README works as printed."""

import re
from pathlib import Path
from types import MappingProxyType

import pytest

from modeling_finemoltex import FineMolTexForPreTraining, assemble_folder, default_model

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


@pytest.fixture
def run_quickstart(forked_python):
    """Function that runs the first lines of the README in a process of their own and returns what they print."""
    (quickstart,) = re.findall(r"## Quickstart\n.*?```python\n(.*?)```", README, flags=re.DOTALL)

    def run(folder: Path, before: str = "", path: tuple[Path, ...] = (), changes=MappingProxyType({})) -> list[str]:
        code = quickstart
        for old, new in changes.items():
            assert old in code
            code = code.replace(old, new)
        done = forked_python.run(before + code, cwd=folder, path=path)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout.split()

    return run


FOUND = ["Cn1c(=O)c2c(ncn2C)n(C)c1=O", "CCCCCCCCCCCCCCCCCC(=O)O", "CC(=O)Oc1ccccc1C(=O)O"]


def test_quickstart_finds_what_each_text_describes(run_quickstart, tmp_path):
    assert run_quickstart(tmp_path, path=(ROOT,)) == FOUND


def test_quickstart_works_without_the_package_on_the_assembled_folder(run_quickstart, tmp_path):
    """With the name of the folder, and the code in it."""
    assemble_folder(default_model(), tmp_path / "model")
    absent = (ROOT / "tests" / "hub" / "without_package.py").read_text(encoding="utf-8")
    changes = {
        "from modeling_finemoltex import default_model\n": "",
        "default_model()": "'model'",
        "from_pretrained(folder)": "from_pretrained(folder, trust_remote_code=True)",
    }
    assert run_quickstart(tmp_path, before=absent, changes=changes) == FOUND


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


def test_embed_and_compare_prints_a_table(folder, run_file):
    words = ("--model", folder, "--molecules", "CCO", "C", "--texts", "an alcohol", "a gas")
    printed = run_file(ROOT / "examples" / "embed_and_compare.py", *words)
    first, second, _, header, *rows = printed.rstrip().splitlines()
    assert (first, second, header.split()) == ("[1] an alcohol", "[2] a gas", ["[1]", "[2]"])
    assert [row.split()[0] for row in rows] == ["CCO", "C"]
    assert all(row.count("*") == 1 for row in rows)
