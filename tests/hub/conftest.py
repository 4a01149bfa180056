"""A Hub on a loopback port, folders that can be pushed to it, and a way to run scripts that see it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModelForSeq2SeqLM, PreTrainedTokenizerFast

from .loopback_hub import LoopbackHub

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def hub():
    with LoopbackHub() as hub:
        yield hub


@pytest.fixture(scope="session")
def run_script():
    """Run a script of this folder in a process of its own and return the JSON it writes to the file it is given."""

    def run(name: str, argument: dict, folder: Path, environment: dict[str, str], isolated: bool = False) -> dict:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "argument.json").write_text(json.dumps(argument, default=str), encoding="utf-8")
        command = [
            sys.executable,
            *(["-I"] if isolated else []),
            HERE / name,
            folder / "argument.json",
            folder / "result.json",
        ]
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
        if isolated:
            inherited.pop("PYTHONPATH", None)
        done = subprocess.run(
            command,
            cwd=folder,
            env={**inherited, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-6000:]
        return json.loads((folder / "result.json").read_text(encoding="utf-8"))

    return run


@pytest.fixture(scope="session")
def generator_tokenizer() -> PreTrainedTokenizerFast:
    """One token a letter."""
    vocabulary = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "C": 4, "O": 5}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Split("", behavior="isolated")
    names = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    inputs = ["input_ids", "attention_mask"]
    return PreTrainedTokenizerFast(tokenizer_object=backend, model_input_names=inputs, model_max_length=32, **names)


@pytest.fixture(scope="session")
def heads(config, change_config, generator_config, writer_config):
    """One untrained model of each head, by the name of its folder."""
    from modeling_finemoltex import (
        FineMolTexForCaptioning,
        FineMolTexForMoleculeEditing,
        FineMolTexForPreTraining,
        FineMolTexForPropertyPrediction,
        FineMolTexForRetrieval,
        FineMolTexModel,
    )

    torch.manual_seed(0)
    labelled = change_config(
        num_labels=2, problem_type="multi_label_classification", id2label={0: "soluble", 1: "toxic"}
    )
    base, generator = FineMolTexModel(config), AutoModelForSeq2SeqLM.from_config(generator_config)
    made = {
        "base": base,
        "pretraining": FineMolTexForPreTraining(config),
        "retrieval": FineMolTexForRetrieval(change_config(objectives={"matching": {"weight": 1.0}})),
        "properties": FineMolTexForPropertyPrediction(labelled),
        "editing": FineMolTexForMoleculeEditing.from_parts(base, generator, notation="smiles"),
        "captioning": FineMolTexForCaptioning.from_parts(base, AutoModelForSeq2SeqLM.from_config(writer_config)),
    }
    return {name: model.eval() for name, model in made.items()}


@pytest.fixture(scope="session")
def exported(heads, processor, generator_tokenizer, tmp_path_factory):
    """A folder of each head, as `export_folder` writes it."""
    from modeling_finemoltex import export_folder

    root = tmp_path_factory.mktemp("exported")
    extra = {"editing": {"generator_tokenizer": generator_tokenizer}}
    return {
        name: export_folder(model, processor, root / f"tiny-{name}", **extra.get(name, {}))
        for name, model in heads.items()
    }
