"""The records of the heads: what they name exists, and registration, `auto_map` and the README follow them."""

import ast
import importlib
from pathlib import Path

import pytest
import transformers
from transformers.pipelines import PIPELINE_REGISTRY

import modeling_finemoltex
from modeling_finemoltex import FineMolTexConfig, registration
from modeling_finemoltex.hub import format_heads_table
from modeling_finemoltex.model import heads_finemoltex
from modeling_finemoltex.model.heads_finemoltex import HEADS
from modeling_finemoltex.model.remote_code_finemoltex import copy_code, map_auto_classes

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "modeling_finemoltex" / "model"
TEMPLATE = ROOT / "hub_cards" / "templates" / "card_template.md"

each_head = pytest.mark.parametrize("head", HEADS.values(), ids=list(HEADS))


def test_every_head_of_the_model_folder_has_a_record():
    found = set()
    for file in MODEL.glob("*_finemoltex.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and any(
                ast.unparse(one) == "FineMolTexPreTrainedModel" for one in node.bases
            ):
                found.add(f"{file.stem}.{node.name}")
    assert found == {head.reference for head in HEADS.values()}


def test_the_records_import_nothing_but_typing():
    tree = ast.parse(Path(heads_finemoltex.__file__).read_text(encoding="utf-8"))
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [node.module for node in imported] == ["typing"]


@each_head
def test_installed_auto_classes_give_the_head(head):
    auto_class = getattr(registration, head.auto_class, None) or getattr(transformers, head.auto_class)
    model_class = getattr(modeling_finemoltex, head.name)
    assert auto_class._model_mapping[FineMolTexConfig] is model_class
    assert model_class._auto_class == head.remote_auto_class and hasattr(transformers, head.remote_auto_class)


@each_head
def test_its_pipelines_are_registered_with_its_auto_class(head):
    for task, reference in head.pipelines.items():
        module, _, name = reference.rpartition(".")
        registered = PIPELINE_REGISTRY.supported_tasks[task]
        assert registered["impl"] is getattr(importlib.import_module(f"modeling_finemoltex.{module}"), name)
        assert [auto_class.__name__ for auto_class in registered["pt"]] == [head.auto_class]


@each_head
def test_the_card_template_has_passages_for_its_task(head):
    assert head.task == "embedding" or f'task == "{head.task}"' in TEMPLATE.read_text(encoding="utf-8")


def test_every_pipeline_class_is_named_by_one_record():
    tasks = [task for head in HEADS.values() for task in head.pipelines]
    assert tasks and len(tasks) == len(set(tasks))


@each_head
def test_the_readme_lists_it_as_its_record_says(head):
    """Wherever the table stands, a row per head has the class, the auto class and the job."""
    (row,) = [line for line in format_heads_table().splitlines() if line.startswith(f"| `{head.name}` |")]
    assert f"`{head.auto_class}`" in row and head.job in row
    assert row in (ROOT / "README.md").read_text(encoding="utf-8").splitlines()


@each_head
def test_without_the_package_the_own_auto_class_gives_the_head(head):
    auto_map = map_auto_classes(MODEL, head.name)
    assert auto_map[head.remote_auto_class] == auto_map[head.auto_class] == head.reference
    assert set(auto_map) == {"AutoConfig", *(one.auto_class for one in HEADS.values())}


def test_code_that_lacks_some_heads_names_the_others_only(tmp_path):
    """As code that Transformers fetched for one class from a repository."""
    home, folder = tmp_path / "home", tmp_path / "folder"
    home.mkdir()
    folder.mkdir()
    for name in ("modeling_finemoltex.py", "retrieval_finemoltex.py", "other.py"):
        (home / name).write_text("", encoding="utf-8")
    auto_map = map_auto_classes(home, "FineMolTexForRetrieval")
    assert set(auto_map) == {"AutoConfig", "AutoModel", "AutoModelForMoleculeRetrieval"}
    assert auto_map["AutoModel"] == "retrieval_finemoltex.FineMolTexForRetrieval"
    copy_code(home, folder)
    assert sorted(path.name for path in folder.iterdir()) == ["modeling_finemoltex.py", "retrieval_finemoltex.py"]
