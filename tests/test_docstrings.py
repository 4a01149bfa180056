"""The examples in docstrings run, and say what they print.

An example may use every public name, the names of its own module, and those of `namespace`. It runs in a folder of its
own that holds `library.csv`.
"""

import ast
import doctest
import importlib
import random
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from copying_generator import make_copying_generator, swap_along

import modeling_finemoltex

ROOT = Path(__file__).resolve().parents[1]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
LIBRARY = "name,smiles,text\nethanol,CCO,an alcohol\nbenzene,c1ccccc1,an arene\naspirin,CC(=O)Oc1ccccc1C(=O)O,a drug\n"
MAX_SKIPPED = 10  # examples that need what no test has, such as an account; each says what


def read_examples(path: Path) -> list[tuple[str, str, int]]:
    """Read the docstrings with examples: name, text and line."""
    text, examples = path.read_text(encoding="utf-8"), []
    left: list[ast.AST] = [ast.parse(text)] if ">>>" in text else []
    while left:
        node = left.pop()
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ">>>" in (ast.get_docstring(node) or ""):
            name = getattr(node, "name", path.stem)
            examples.append((name, ast.get_docstring(node) or "", getattr(node, "lineno", 1)))
        left += [one for one in getattr(node, "body", []) if isinstance(one, ast.stmt)]
    return sorted(examples, key=lambda example: example[2])


def module_of(path: Path) -> str:
    """Name a module as it is imported, `processors` under its installed name."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts if parts[0] == "modeling_finemoltex" else ("modeling_finemoltex", *parts))


SOURCES = sorted(path for room in ("modeling_finemoltex", "processors") for path in (ROOT / room).rglob("*.py"))
EXAMPLES = {module_of(path): examples for path in SOURCES if (examples := read_examples(path))}


@pytest.fixture(scope="session")
def namespace(config, processor, molecules, tmp_path_factory) -> dict:
    """Names that examples may use: tiny models, their folders, pairs, and what examples are written with."""
    from rdkit import Chem
    from transformers import pipeline

    torch.manual_seed(0)
    model = modeling_finemoltex.FineMolTexForPreTraining(config).eval()
    encoder = modeling_finemoltex.MoleculeTextEncoder(model.finemoltex, processor)
    folder = tmp_path_factory.mktemp("docstrings")
    for part in (model, processor):
        part.save_pretrained(folder / "model")
    return {
        "model": model,
        "base": model.finemoltex,
        "processor": processor,
        "encoder": encoder,
        "folder": str(folder / "model"),
        "property_folder": _save_property_model(folder),
        **_save_editing_model(folder, encoder),
        "captioning_folder": _save_captioning_model(folder, encoder),
        "batch": processor(smiles=list(molecules), text=list(molecules.values())),
        "smiles": list(molecules),
        "texts": list(molecules.values()),
        "pipeline": pipeline,
        "torch": torch,
        "np": np,
        "Chem": Chem,
        "random": random,
    }


def _save_property_model(folder: Path) -> str:
    """One task, with weights as they are drawn."""
    model = modeling_finemoltex.FineMolTexForPropertyPrediction.from_pretrained(
        folder / "model", id2label={0: "p_np"}, label2id={"p_np": 0}, problem_type="multi_label_classification"
    )
    shutil.copytree(folder / "model", folder / "property")
    model.save_pretrained(folder / "property")
    return str(folder / "property")


def _save_editing_model(folder: Path, encoder: modeling_finemoltex.MoleculeTextEncoder) -> dict:
    """A generator that copies, and writes fluorine for oxygen where a molecule is to be soluble."""
    from modeling_finemoltex.editing import EditingParts, TextGuide, save_editing_folder

    generator, tokenizer = make_copying_generator(["Cc1ccc(O)cc1", "Cc1ccc(F)cc1"])
    model = modeling_finemoltex.FineMolTexForMoleculeEditing.from_parts(encoder.model, generator)
    guide = TextGuide(encoder, "This molecule is soluble in water.")
    swap_along(model, tokenizer, torch.from_numpy(guide.directions[0]), "[O]", "[F]")
    save_editing_folder(EditingParts(model, encoder.processor, tokenizer), folder / "editing")
    return {"editing_folder": str(folder / "editing"), "generator_tokenizer": tokenizer}


def _save_captioning_model(folder: Path, encoder: modeling_finemoltex.MoleculeTextEncoder) -> str:
    """A small writer, with weights as they are drawn."""
    from modeling_finemoltex.captioning import CaptioningParts, build_writer, save_captioning_folder

    tokenizer = encoder.processor.tokenizer
    writer = build_writer(tokenizer, hidden_size=16, num_layers=1, intermediate_size=32, num_heads=2)
    model = modeling_finemoltex.FineMolTexForCaptioning.from_parts(encoder.model, writer)
    save_captioning_folder(CaptioningParts(model, encoder.processor, tokenizer), folder / "captioning")
    return str(folder / "captioning")


@pytest.mark.parametrize("module", EXAMPLES)
def test_examples_run(module, namespace, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("library.csv").write_text(LIBRARY, encoding="utf-8")
    own_names = vars(importlib.import_module(module))
    report: list[str] = []
    for name, text, line in EXAMPLES[module]:
        public = set(re.findall(r"\w+", text)) & set(modeling_finemoltex.__all__)
        names = {**{one: getattr(modeling_finemoltex, one) for one in public}, **own_names, **namespace}
        example = doctest.DocTestParser().get_doctest(text, names, name, module, line)
        doctest.DocTestRunner(optionflags=FLAGS).run(example, out=report.append)
    assert not report, "".join(report)


def test_few_examples_are_skipped_and_each_says_why():
    lines = [line for examples in EXAMPLES.values() for _, text, _ in examples for line in text.splitlines()]
    skipped = [line for line in lines if "+SKIP" in line]
    assert len(skipped) < MAX_SKIPPED
    assert not [line for line in skipped if not re.search(r"# \w.*# doctest: \+SKIP", line)]
