"""Make a folder for the Hub out of a training run: half-precision weights and a card filled from evaluation reports.

`python examples/export_checkpoint.py --run runs/small --output my-model --facts FACTS.yaml --reports results.json`
Needs: what `pretrain.py` wrote and what `evaluate_retrieval.py --output` wrote of it. Takes seconds.
"""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import yaml
from transformers import AutoModelForPreTraining, AutoProcessor, HfArgumentParser

from modeling_finemoltex import MoleculeTextEncoder, export_folder

# The log of losses and validation figures as it is, and its plot; settings without the paths of this machine.
LOG_FILE, CURVES_FILE = "training_log.json", "training_curves.png"


@dataclass
class Arguments:
    """What is exported, where to, and what its card says."""

    run: str = field(metadata={"help": "Output folder of pretrain.py."})
    output: str = field(metadata={"help": "Folder to write."})
    facts: str | None = field(
        default=None, metadata={"help": "YAML with dataset, data_statement, limits and widget (texts, smiles)."}
    )
    reports: list[str] = field(default_factory=list, metadata={"help": "Files that evaluate_retrieval.py wrote."})
    full_precision: bool = field(default=False, metadata={"help": "Keep float32 weights."})


def rank_molecules(encoder: MoleculeTextEncoder, texts: list[str], smiles: list[str]) -> list[dict[str, Any]]:
    """Answer the examples of the Hub page: for each text the molecules, best first, with their probabilities."""
    logits = encoder.encode_texts(texts) @ encoder.encode_molecules(smiles).T / encoder.model.config.temperature
    probabilities = torch.from_numpy(logits).softmax(-1)  # (texts, molecules)
    return [
        {
            "text": text,
            "output": [
                {"label": smiles[place], "score": round(row[place].item(), 4)}
                for place in row.argsort(descending=True).tolist()
            ],
        }
        for text, row in zip(texts, probabilities, strict=True)
    ]


def read_report(file: str) -> dict[str, Any]:
    """Read what a card needs of a report: without the rank of every query, and without the folders of this machine."""

    def name_only(value: Any) -> Any:
        if isinstance(value, list):
            return [name_only(one) for one in value]
        return Path(value).name if isinstance(value, str) else value

    report = json.loads(Path(file).read_text(encoding="utf-8"))
    report["arguments"] = {name: name_only(value) for name, value in report["arguments"].items()}
    return {name: part for name, part in report.items() if name != "ranks"}


def copy_log(run: Path, output: Path) -> None:
    """Keep losses and validation figures of the run, as JSON and as a plot."""
    history = json.loads((run / "trainer_state.json").read_text(encoding="utf-8"))["log_history"]
    (output / LOG_FILE).write_text(json.dumps(history, indent=1) + "\n", encoding="utf-8")
    if (run / CURVES_FILE).is_file():
        shutil.copy(run / CURVES_FILE, output / CURVES_FILE)


def main() -> None:
    """Load, describe, write."""
    (arguments,) = HfArgumentParser(Arguments).parse_args_into_dataclasses()
    run, output = Path(arguments.run), Path(arguments.output)
    model = AutoModelForPreTraining.from_pretrained(run).eval()
    processor = AutoProcessor.from_pretrained(run)
    facts = yaml.safe_load(Path(arguments.facts).read_text(encoding="utf-8")) if arguments.facts else {}
    if "widget" in facts:
        facts["widget"] = rank_molecules(MoleculeTextEncoder(model.finemoltex, processor), **facts["widget"])
    facts |= {
        "preparation": json.loads((run / "preparation" / "summary.json").read_text(encoding="utf-8")),
        "training": {
            **json.loads((run / "training_args.json").read_text(encoding="utf-8")),
            **json.loads((run / "trainer_state.json").read_text(encoding="utf-8")),
        },
        "reports": [read_report(file) for file in arguments.reports],
    }
    export_folder(model, processor, output, facts, half_precision=not arguments.full_precision)
    copy_log(run, output)
    size = sum(file.stat().st_size for file in output.iterdir() if file.is_file())
    print(f"{output}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
