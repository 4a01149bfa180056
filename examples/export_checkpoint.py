"""Make a folder for the Hub out of a training run: half-precision weights and a card filled from evaluation reports.

`python examples/export_checkpoint.py --run runs/small --output my-model --facts FACTS.yaml --reports results.json`
FACTS.yaml is written by hand, or the `card_facts.yaml` of an older folder of the model.
Needs: what `pretrain.py` wrote and what `evaluate_retrieval.py --output` wrote of it. Takes seconds.
"""

import json
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from transformers import AutoModel, AutoModelForPreTraining, AutoProcessor, HfArgumentParser

from modeling_finemoltex import FineMolTexForPreTraining, MoleculeTextEncoder, export_folder
from modeling_finemoltex.data import load_pairs, write_text
from modeling_finemoltex.training import plot_training_curves

LOG_FILE, CURVES_FILE = "training_log.json", "training_curves.png"
# What the facts of an older folder tell of this run too.
WRITTEN_BY_HAND = ("model_id", "dataset", "base_model", "data_statement", "limits", "carbon", "widget")
NUM_FAILURES, MOST_CHARACTERS = 10, 160  # shown of what the model gets wrong, and of each text
UNTRAINED_KINDS = ("fusion", "projection", "fitted")  # kinds of parts that no gradient of the first stage reaches


@dataclass
class Arguments:
    """What is exported, where to, and what its card says."""

    run: str = field(metadata={"help": "Output folder of pretrain.py."})
    output: str = field(metadata={"help": "Folder to write."})
    facts: str | None = field(
        default=None, metadata={"help": "YAML with dataset, data_statement, limits and widget (texts, smiles)."}
    )
    reports: list[str] = field(default_factory=list, metadata={"help": "Files that evaluate_retrieval.py wrote."})
    queries: str | None = field(
        default=None, metadata={"help": "Validation pairs, of which the card shows some that are answered wrongly."}
    )
    average_with: str | None = field(
        default=None,
        metadata={"help": "Run that this one went on from: average the weights of encoders and read-outs."},
    )
    average_weight: float = field(default=0.5, metadata={"help": "Share of --run in that average."})
    full_precision: bool = field(default=False, metadata={"help": "Keep float32 weights."})


def read_facts(file: str | None) -> dict[str, Any]:
    """Read what was written by hand; of the examples of an older card, the texts and molecules."""
    facts = yaml.safe_load(Path(file).read_text(encoding="utf-8")) if file else {}
    widget = facts.get("widget")
    if isinstance(widget, list):
        smiles = [answer["label"] for answer in widget[0]["output"]]
        facts["widget"] = {"texts": [example["text"] for example in widget], "smiles": smiles}
    return {name: facts[name] for name in WRITTEN_BY_HAND if name in facts}


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


def list_failures(encoder: MoleculeTextEncoder, file: str) -> list[dict[str, Any]]:
    """List texts of a file whose molecule is not the best of all, spread evenly over all such texts."""
    pairs = load_pairs(file)
    smiles, texts = list(pairs["smiles"]), list(pairs["text"])
    scores = encoder.encode_texts(texts) @ encoder.encode_molecules(smiles).T  # (R, R)
    ranks = (scores > scores.diagonal()[:, None]).sum(1) + 1  # (R,)
    wrong = np.flatnonzero(ranks > 1)
    shown = wrong[np.linspace(0, len(wrong) - 1, min(NUM_FAILURES, len(wrong))).astype(int)]
    return [
        {
            "text": textwrap.shorten(texts[row], MOST_CHARACTERS, placeholder=" ..."),
            "right": smiles[row],
            "rank": int(ranks[row]),
            "first": smiles[int(scores[row].argmax())],
        }
        for row in shown
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


def read_training(run: Path) -> dict[str, Any]:
    """Read settings and log of a run."""
    settings, state = ((run / f"{name}.json").read_text("utf-8") for name in ("training_args", "trainer_state"))
    return json.loads(settings) | json.loads(state)


def write_log(stages: list[dict[str, Any]], output: Path) -> None:
    """Keep losses and validation figures of the stages, as JSON and as a plot; steps count on from stage to stage."""
    history, done = [], 0
    for stage in stages:
        history += [entry | {"step": done + entry["step"]} for entry in stage["log_history"]]
        done += stage["global_step"]
    write_text(output / LOG_FILE, json.dumps(history, indent=1) + "\n")
    plot_training_curves(history, output / CURVES_FILE)


@torch.no_grad()
def average_encoders(model: FineMolTexForPreTraining, earlier: str, weight: float) -> None:
    """Average encoders and read-outs with those the run went on from (Wortsman et al. 2022, for fine-tuned models)."""
    before, base = AutoModel.from_pretrained(earlier).state_dict(), model.finemoltex
    parts = [part for part in base.parts().values() if part.kind in UNTRAINED_KINDS]
    untrained = set().union(*(part.state_names(base) for part in parts))
    for name, tensor in base.state_dict().items():
        if tensor.is_floating_point() and name not in untrained:
            tensor.copy_(before[name].lerp(tensor, weight))


def main() -> None:
    """Load, describe, write."""
    (arguments,) = HfArgumentParser(Arguments).parse_args_into_dataclasses()
    run, output = Path(arguments.run), Path(arguments.output)
    model = AutoModelForPreTraining.from_pretrained(run).eval()
    processor = AutoProcessor.from_pretrained(run)
    facts = read_facts(arguments.facts)
    if arguments.average_with:
        average_encoders(model, arguments.average_with, arguments.average_weight)
        earlier = read_training(Path(arguments.average_with))
        facts |= {"earlier_training": earlier, "average_weight": arguments.average_weight}
    encoder = MoleculeTextEncoder(model.finemoltex, processor)
    if "widget" in facts:
        facts["widget"] = rank_molecules(encoder, **facts["widget"])
    if arguments.queries:
        facts["failures"] = list_failures(encoder, arguments.queries)
    facts |= {
        "preparation": json.loads((run / "preparation" / "summary.json").read_text(encoding="utf-8")),
        "training": read_training(run),
        "reports": [read_report(file) for file in arguments.reports],
    }
    export_folder(model, processor, output, facts, half_precision=not arguments.full_precision)
    write_log([facts[name] for name in ("earlier_training", "training") if name in facts], output)
    print(f"{output} is ready: `finemoltex push {output} OWNER/NAME`")


if __name__ == "__main__":
    main()
