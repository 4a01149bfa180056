"""The import graph, read from the source: what the Hub loader can copy, and who may know whom."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE, PROCESSORS = ROOT / "modeling_finemoltex", ROOT / "processors"
MODEL, CLI = PACKAGE / "model", PACKAGE / "cli"
SOURCES = sorted([*PACKAGE.rglob("*.py"), *PROCESSORS.rglob("*.py")])
HUB_FILES = [path for path in SOURCES if path.parent in (MODEL, PROCESSORS) and path.stem.endswith("_finemoltex")]

# A file imports files of its own room or of rooms on a lower level; rooms of one level do not know each other, but
# for those that `NEIGHBOURS` names. A file that stands in no room has a row of its own.
LEVELS = {
    "modeling_finemoltex/_lazy.py": 0,
    "modeling_finemoltex/_version.py": 0,
    "modeling_finemoltex/processors.py": 0,
    "modeling_finemoltex/model": 0,
    "processors": 0,
    "modeling_finemoltex/data": 1,
    "modeling_finemoltex/drawing": 1,
    "modeling_finemoltex/evaluation": 2,
    "modeling_finemoltex/embedding": 2,
    "modeling_finemoltex/hub": 3,
    "modeling_finemoltex/runtime": 3,
    "modeling_finemoltex/retrieval": 4,
    "modeling_finemoltex/training": 4,
    "modeling_finemoltex/export": 4,
    "modeling_finemoltex/explain": 5,
    "modeling_finemoltex/property_prediction": 5,
    "modeling_finemoltex/editing": 5,
    "modeling_finemoltex/captioning": 5,
    "modeling_finemoltex/registration.py": 6,
    "modeling_finemoltex/_deferred.py": 7,
    "modeling_finemoltex/cli": 7,
    "modeling_finemoltex/__init__.py": 8,
}
NEIGHBOURS = {
    ("modeling_finemoltex/drawing", "modeling_finemoltex/data"),
    ("processors", "modeling_finemoltex/_lazy.py"),
}

THIRD_PARTIES = {
    MODEL: {"torch", "transformers", "torch_geometric", "huggingface_hub"},  # the last is a part of transformers
    PROCESSORS: {"torch", "transformers", "torch_geometric", "numpy", "rdkit"},
}

# The façade, and the sub-packages that have one of their own.
PUBLIC = {
    "modeling_finemoltex",
    *(
        f"modeling_finemoltex.{name}"
        for name in (
            *("captioning", "data", "drawing", "editing", "embedding", "evaluation", "explain", "export", "hub"),
            *("property_prediction", "retrieval", "runtime", "training"),
        )
    ),
}

TOP_LEVEL = {
    *(
        "modeling_finemoltex",
        "processors",
        "examples",
        "tests",
        "hub_cards",
        "docs",
        "setup.py",
        "README.md",
        "pyproject.toml",
        "mkdocs.yml",
    ),
    *("Makefile", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "SECURITY.md", ".github", ".ci"),
    *(".gitignore", ".gitattributes", ".pre-commit-config.yaml"),
}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def room_of(path: Path) -> str:
    for name in (name_of(path), *(parent.as_posix() for parent in path.relative_to(ROOT).parents)):
        if name in LEVELS:
            return name
    pytest.fail(f"{name_of(path)} stands in no room: add it to LEVELS in {Path(__file__).name}")


@cache
def imports_of(path: Path) -> list[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Every import statement in the text of `path`, and whether it is for type checkers only."""
    found, left = [], [(node, False) for node in tree_of(path).body]
    while left:
        node, is_checked = left.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.append((node, is_checked))
        is_checked = is_checked or getattr(getattr(node, "test", None), "id", "") == "TYPE_CHECKING"
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            inner = getattr(node, name, [])
            left += [(one, is_checked) for one in (inner if isinstance(inner, list) else [])]
    return found


def siblings_imported(path: Path) -> set[Path]:
    """Files of the project that `path` imports relatively, anywhere in its text."""
    found = set()
    for node, is_checked in imports_of(path):
        if is_checked or not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        base = path.parents[node.level - 1]
        target = base.joinpath(*(node.module or "").split(".")) if node.module else base
        names = [target] if node.module else [target / alias.name for alias in node.names]
        for name in names:
            candidates = [name.with_suffix(".py"), name / "__init__.py"]
            found.update(candidate for candidate in candidates if candidate.is_file())
    return found


def absolute_imports(path: Path) -> set[str]:
    """Dotted names that `path` imports absolutely, anywhere in its text."""
    nodes = [node for node, _ in imports_of(path)]
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}


def test_there_is_something_to_check():
    assert len(HUB_FILES) >= 10


@pytest.mark.parametrize("path", HUB_FILES, ids=name_of)
def test_hub_file_imports_flat_single_dot_names(path):
    for node, _ in imports_of(path):
        if isinstance(node, ast.ImportFrom) and node.level:
            assert node.level == 1, f"{name_of(path)}:{node.lineno} climbs out of its folder"
            assert node.module, f"{name_of(path)}:{node.lineno} `from . import x` is not copied to the Hub"
            assert "." not in node.module, f"{name_of(path)}:{node.lineno} reaches into a sub-package"
            assert node.module.endswith("_finemoltex"), f"{name_of(path)}:{node.lineno} imports a file that stays here"


@pytest.mark.parametrize("path", HUB_FILES, ids=name_of)
def test_hub_file_text_only_mentions_real_relative_imports(path):
    """The loader finds imports by regular expression, in docstrings too; this is its expression."""
    text = path.read_text(encoding="utf-8")
    mentioned = re.findall(r"^\s*from\s+\.(\S+)\s+import", text, flags=re.MULTILINE)
    mentioned += re.findall(r"^\s*import\s+\.(\S+)\s*$", text, flags=re.MULTILINE)
    real = {node.module for node, _ in imports_of(path) if isinstance(node, ast.ImportFrom) and node.level}
    assert set(mentioned) == real


@pytest.mark.parametrize("path", HUB_FILES, ids=name_of)
def test_hub_file_imports_allowed_third_parties_only(path):
    roots = {name.split(".")[0] for name in absolute_imports(path)}
    assert roots - sys.stdlib_module_names <= THIRD_PARTIES[path.parent]


def test_hub_file_names_are_unique():
    names = [path.name for path in HUB_FILES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_imports_go_downwards(path):
    own = room_of(path)
    for sibling in siblings_imported(path):
        room = room_of(sibling)
        if room == own or (own, room) in NEIGHBOURS:
            continue  # cycles within a room are caught below
        assert LEVELS[room] < LEVELS[own], f"{name_of(path)} imports {name_of(sibling)}"


def test_no_import_cycles():
    graph = {path: siblings_imported(path) for path in SOURCES if path.name != "__init__.py"}
    done: set[Path] = set()

    def visit(path: Path, trail: tuple[Path, ...]) -> None:
        assert path not in trail, "cycle: " + " -> ".join(map(name_of, (*trail, path)))
        if path not in done:
            for sibling in graph.get(path, ()):
                visit(sibling, (*trail, path))
            done.add(path)

    for path in graph:
        visit(path, ())


@pytest.mark.parametrize(
    "path",
    [*SOURCES, *sorted((ROOT / "examples").rglob("*.py")), *sorted((ROOT / "tests").rglob("*.py"))],
    ids=name_of,
)
def test_nobody_imports_the_checkout_name_of_processors(path):
    """`processors.X` and `modeling_finemoltex.processors.X` would be two classes."""
    assert not {name for name in absolute_imports(path) if name.split(".")[0] == "processors"}


# `cli/` is installed a second time as `finemoltex_cli`, where two dots lead nowhere.
@pytest.mark.parametrize("path", [path for path in SOURCES if path.parent != CLI], ids=name_of)
def test_the_package_never_imports_itself_absolutely(path):
    assert not {name for name in absolute_imports(path) if name.split(".")[0] == "modeling_finemoltex"}


@pytest.mark.parametrize("path", sorted(CLI.glob("*.py")), ids=name_of)
def test_the_command_line_has_two_names_and_starts_with_typer_alone(path):
    for node, _ in imports_of(path):
        assert not isinstance(node, ast.ImportFrom) or node.level <= 1, f"{name_of(path)}:{node.lineno}"
    for node in tree_of(path).body:  # all but what stands in functions and under `if TYPE_CHECKING:`
        if isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and not node.level):
            names = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            assert {name.split(".")[0] for name in names} <= {"typer", *sys.stdlib_module_names}


@pytest.mark.parametrize("path", sorted((ROOT / "examples").rglob("*.py")), ids=name_of)
def test_examples_use_public_packages_only(path):
    ours = {name for name in absolute_imports(path) if name.split(".")[0] == "modeling_finemoltex"}
    assert ours <= PUBLIC


def test_nothing_unexpected_at_the_top_level():
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("not a git checkout")
    assert {line.split("/")[0] for line in listing.stdout.splitlines()} <= TOP_LEVEL
