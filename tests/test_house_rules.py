"""The house rules that a program can check: sizes, documentation, shapes, and every source file once."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted([*(ROOT / "modeling_finemoltex").rglob("*.py"), *(ROOT / "processors").rglob("*.py")])
MAX_FILE_LINES, MAX_FUNCTION_LINES, MAX_PARAMETERS = 500, 60, 8
MIN_SHAPE_SHARE = 0.8
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
TENSOR = re.compile(r"\bTensor\b|\bndarray\b|\bMolecules\b")
SHAPE = re.compile(r"\bshape\b|`\(.*\)`|see the shapes above", flags=re.DOTALL)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def functions_of(path: Path):
    """Functions and methods with the class they are in, nested ones left out."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, FUNCTIONS):
            yield node, None
        elif isinstance(node, ast.ClassDef):
            yield from ((method, node) for method in node.body if isinstance(method, FUNCTIONS))


def is_public(function, owner) -> bool:
    return not function.name.startswith("_") and (owner is None or not owner.name.startswith("_"))


def is_overload(function) -> bool:
    return any("overload" in ast.unparse(one) for one in function.decorator_list)


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_sizes(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_FILE_LINES
    for function, _ in functions_of(path):
        place = f"{name_of(path)}:{function.lineno} {function.name}"
        assert function.end_lineno - function.lineno + 1 <= MAX_FUNCTION_LINES, place
        if any(getattr(one, "id", "") == "takes_molecules" for one in function.decorator_list):
            continue  # its parameters are the tensors of a batch
        arguments = function.args
        names = [one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
        assert len([name for name in names if name not in ("self", "cls")]) <= MAX_PARAMETERS, place


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_everything_public_is_documented(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), name_of(path)
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{name_of(path)}:{node.lineno} {node.name}"
    for function, owner in functions_of(path):
        if is_public(function, owner) and not is_overload(function):
            assert ast.get_docstring(function), f"{name_of(path)}:{function.lineno} {function.name}"


def test_tensor_functions_state_shapes():
    with_shape, without = 0, []
    for path in SOURCES:
        for function, owner in functions_of(path):
            annotations = [one.annotation for one in (*function.args.args, *function.args.kwonlyargs)]
            signature = " ".join(ast.unparse(one) for one in (*annotations, function.returns) if one is not None)
            if not is_public(function, owner) or not TENSOR.search(signature):
                continue
            text = (ast.get_docstring(function) or "") + (ast.get_docstring(owner) or "" if owner else "")
            if SHAPE.search(text):
                with_shape += 1
            else:
                without.append(f"{name_of(path)}:{function.lineno} {function.name}")
    assert with_shape >= MIN_SHAPE_SHARE * (with_shape + len(without)), "\n".join(without)


def test_no_source_file_exists_twice():
    listing = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("not a git checkout")
    outlines: dict[tuple, dict[str, ast.Module]] = {}
    for name in listing.stdout.split():
        if not (ROOT / name).is_file() or name.endswith("/installed_finemoltex.py"):  # a pointer to the code
            continue
        tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
        outline = tuple((type(node), getattr(node, "name", None)) for node in tree.body)
        outlines.setdefault(outline, {})[name] = tree
    outlines.pop((), None)  # empty packages
    for alike in outlines.values():  # so that few are compared as a whole
        seen: dict[str, str] = {}
        for name, tree in alike.items() if len(alike) > 1 else ():
            other = seen.setdefault(ast.dump(tree), name)
            assert other == name, f"{name} is a copy of {other}"
