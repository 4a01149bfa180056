"""Pushes everything that can be pushed, each twice. Run by `test_round_trips.py`, with the package installed.

usage: python hub_writer.py ARGUMENT.json RESULT.json
"""

import json
import sys
from pathlib import Path

import datasets
from huggingface_hub import HfApi
from transformers import AutoModelForPreTraining, AutoProcessor

from modeling_finemoltex import (
    FineMolTexDataCollator,
    FineMolTexTrainer,
    FineMolTexTrainingArguments,
    describe_model,
    featurize_pairs,
    list_pretrained,
    push_folder,
)


def push_twice(folders: dict[str, str], changed: str) -> dict[str, list[str]]:
    """Push each folder twice under one tag, then change the weights of the base model on the main branch."""
    commits = {
        name: [push_folder(folder, f"org/tiny-{name}", tag="v1").oid for _ in range(2)]
        for name, folder in folders.items()
    }
    commits["changed"] = [push_folder(changed, "org/tiny-base").oid]
    return commits


def push_dataset(pairs: list[list[str]]) -> None:
    for _ in range(2):
        rows = datasets.Dataset.from_dict({"smiles": pairs[0], "text": pairs[1]})
        rows.push_to_hub("org/tiny-pairs")


def train_and_push(folder: str, pairs: list[list[str]], output: Path) -> str:
    """Two steps, each with a checkpoint that is pushed, then the final push."""
    model, processor = AutoModelForPreTraining.from_pretrained(folder), AutoProcessor.from_pretrained(folder)
    rows = featurize_pairs(
        datasets.Dataset.from_dict({"smiles": pairs[0], "text": pairs[1]}), processor, max_length=32
    )
    arguments = FineMolTexTrainingArguments(
        output_dir=str(output),
        max_steps=2,
        save_steps=1,
        per_device_train_batch_size=4,
        eval_strategy="no",
        load_best_model_at_end=False,
        metric_for_best_model=None,
        report_to="none",
        use_cpu=True,
        push_to_hub=True,
        hub_model_id="org/tiny-trained",
        hub_always_push=True,
    )
    (output / "preparation").mkdir(parents=True)
    (output / "preparation" / "features.json").write_text("{}")
    trainer = FineMolTexTrainer(
        model=model,
        args=arguments,
        train_dataset=rows,
        data_collator=FineMolTexDataCollator(processor),
        processing_class=processor,
    )
    trainer.train()
    return trainer.push_to_hub().oid


def main(argument_file: str, result_file: str) -> None:
    argument = json.loads(Path(argument_file).read_text(encoding="utf-8"))
    processor = AutoProcessor.from_pretrained(argument["folders"]["base"])
    processor.push_to_hub("org/tiny-processor")
    AutoModelForPreTraining.from_pretrained(argument["folders"]["pretraining"]).push_to_hub("org/tiny-model")
    result = {"commits": push_twice(argument["folders"], argument["changed"])}
    push_dataset(argument["pairs"])
    result["trained"] = train_and_push(argument["folders"]["pretraining"], argument["pairs"], Path("run").resolve())
    HfApi().create_tag("org/tiny-trained", tag="v1")
    result["listed"] = [one.id for one in list_pretrained()]
    result["listed_of_others"] = [one.id for one in list_pretrained(author="somebody")]
    result["described"] = describe_model("org/tiny-properties", revision="v1")
    try:
        push_folder(argument["changed"], "org/tiny-base", tag="v1")
    except ValueError as error:
        result["taken_tag"] = str(error)
    Path(result_file).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
