"""A small file of pairs, and a tiny run on it."""

import copy
import csv
import itertools
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch

SUBSTITUENTS = {
    "C": "methyl",
    "CC": "ethyl",
    "F": "fluoro",
    "Cl": "chloro",
    "Br": "bromo",
    "O": "hydroxy",
    "N": "amino",
}
CORES = {
    "c1ccc({})cc1{}": "benzene",
    "C1CCC({})CC1{}": "cyclohexane",
    "c1cc({})ncc1{}": "pyridine",
    "{}CCC{}": "propane",
}


def make_pairs() -> list[tuple[str, str]]:
    """Name 4 x 49 disubstituted molecules systematically."""
    return [
        (core.format(first, second), f"1-{SUBSTITUENTS[first]}-4-{SUBSTITUENTS[second]} {name}")
        for core, name in CORES.items()
        for first, second in itertools.product(SUBSTITUENTS, repeat=2)
    ]


def without_dropout(config):
    """Copy a configuration with every dropout at 0: attention dropout is no module that could be switched off."""
    config = copy.deepcopy(config)
    config.graph_config.dropout = 0.0
    for part in (config.text_config, config.multimodal_config):
        part.hidden_dropout_prob = part.attention_probs_dropout_prob = 0.0
    return config


@pytest.fixture(scope="session")
def pairs_file(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("pairs") / "pairs.csv"
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("smiles", "text"), *make_pairs()])
    return file


@pytest.fixture
def command(pairs_file, tmp_path) -> list[str]:
    """The command line of a run that takes a second or two."""
    words = f"--preset tiny --dataset {pairs_file} --split random --validation_size 20 --test_size 20 --use_cpu"
    words += " --cpu_threads 1"  # on a busy machine, threads that wait for each other take ten times as long
    words += f" --output_dir {tmp_path / 'run'} --max_steps 4 --report_to none --motif_min_count 1 --disable_tqdm true"
    return words.split()


@pytest.fixture(scope="session")
def run_example():
    """`main` of `examples/pretrain.py`."""
    file = Path(__file__).resolve().parents[2] / "examples" / "pretrain.py"
    return runpy.run_path(str(file))["main"]


@pytest.fixture
def rows(processor, molecules):
    """The troublesome molecules as rows of the feature cache."""
    import datasets

    from modeling_finemoltex import featurize_pairs

    pairs = datasets.Dataset.from_dict({"smiles": list(molecules), "text": list(molecules.values())})
    return featurize_pairs(pairs, processor, max_length=32)


@pytest.fixture
def make_trainer(rows, processor, config, tmp_path):
    """Build a Trainer on the first eight rows; keyword arguments go to the training arguments.

    With `sources`, even rows are of the first one, odd rows of the second.
    """

    def make(config=config, sources=None, **options):
        from modeling_finemoltex import (
            FineMolTexDataCollator,
            FineMolTexForPreTraining,
            FineMolTexTrainer,
            FineMolTexTrainingArguments,
        )

        defaults = {"output_dir": str(tmp_path / "trainer"), "eval_strategy": "no", "load_best_model_at_end": False}
        defaults |= {"report_to": "none", "use_cpu": True, "per_device_train_batch_size": 8, "disable_tqdm": True}
        defaults |= {"metric_for_best_model": None}
        return FineMolTexTrainer(
            model=FineMolTexForPreTraining(config),
            args=FineMolTexTrainingArguments(**(defaults | options)),
            train_dataset=rows.select(range(8)).add_column("source_ids", [0, 1] * 4),
            eval_dataset=rows,
            data_collator=FineMolTexDataCollator(processor),
            processing_class=processor,
            sources=sources,
        )

    return make


@pytest.fixture
def table(tmp_path):
    """196 molecules with two tasks and missing labels."""
    lines = ["smiles,amine,long"]
    for place, (smiles, name) in enumerate(make_pairs()):
        lines.append(f"{smiles},{int('amino' in name)},{'' if place % 3 else int(len(smiles) > 12)}")
    file = tmp_path / "table.csv"
    file.write_text("\n".join(lines) + "\n")
    from modeling_finemoltex.data import load_property_table

    return load_property_table(str(file), ["amine", "long"])


@pytest.fixture
def parts(table):
    """Rows to train on, and to validate."""
    order = np.random.default_rng(0).permutation(len(table.smiles))
    return table.select(np.sort(order[:150])), table.select(np.sort(order[150:]))


@pytest.fixture
def setting(parts, change_config, processor):
    """Model, collator, prepared rows of train and validation, and the validation table."""
    from modeling_finemoltex import FineMolTexDataCollator, FineMolTexForPropertyPrediction
    from modeling_finemoltex.training import describe_task, prepare_rows

    train, valid = parts
    config = change_config()
    describe_task(config, train)
    torch.manual_seed(0)
    model = FineMolTexForPropertyPrediction(config)
    return (
        model,
        FineMolTexDataCollator(processor),
        prepare_rows(train, processor),
        prepare_rows(valid, processor),
        valid,
    )
