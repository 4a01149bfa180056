"""How well do molecules and texts find each other? Any published protocol, on any model folder, baselines beside it.

Needs: `pip install "finemoltex[retrieval]"`, a model folder or Hub id, and the files of the protocol.
Takes: a few minutes per 10,000 molecules on a CPU. Try `--model runs/demo --protocol pairs --texts pairs.csv`, or
`--model runs/demo --protocol chebi20 --texts chebi20/test.txt --pool chebi20/*.txt --output results.json`.
"""

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from transformers import AutoProcessor, HfArgumentParser, logging

from modeling_finemoltex.data import load_pairs, write_text
from modeling_finemoltex.embedding import MoleculeTextEncoder
from modeling_finemoltex.evaluation import (
    PROTOCOLS,
    FragmentWordEncoder,
    NearestTextEncoder,
    RidgeEncoder,
    embed_tasks,
    format_systems_table,
    load_protocol,
    report_systems,
)

COLUMNS = ["choose_one_of_4", "choose_one_of_10", "choose_one_of_20", "in_batch_64", "hits@1", "hits@10", "hits@20"]
COLUMNS += ["mrr", "mean_rank"]
PROTOCOL_HELP = "; ".join(f"{name}: {protocol.description}" for name, protocol in PROTOCOLS.items())


@dataclass
class Arguments:
    """Which model, which protocol, which files."""

    model: str = field(metadata={"help": "Folder or Hub id of a FineMolTex model with its processor."})
    texts: str = field(metadata={"help": "Pairs of the protocol: file or folder, as published or as a table."})
    protocol: str = field(default="pairs", metadata={"help": PROTOCOL_HELP})
    pool: list[str] | None = field(default=None, metadata={"help": "ChEBI-20: files of all molecules."})
    split: str | None = field(default=None, metadata={"help": "ChEBI-20, PCdes: the split that asks."})
    index: str | None = field(default=None, metadata={"help": "DrugBank: file of fixed negatives."})
    atc_level: int | None = field(default=None, metadata={"help": "DrugBank ATC table: level of the names, 1 to 4."})
    duplicates: str = field(default="right", metadata={"help": "Equal items are 'right', or 'wrong' as published."})
    train_texts: str | None = field(default=None, metadata={"help": "Training pairs, for the nearest-text baseline."})
    rerank: int = field(default=0, metadata={"help": "Re-rank so many of the best candidates; 0: none."})
    num_queries: int | None = field(default=None, metadata={"help": "Let a random part of the pairs ask."})
    bootstrap: int = field(default=1000, metadata={"help": "Resamples of the intervals; 0: none."})
    output: str | None = field(default=None, metadata={"help": "JSON file for figures and the rank of every query."})


class Stopwatch(dict):
    """Seconds of processor time by name."""

    def __call__(self, name: str, function, *arguments, **options):
        """Call a function and add its time."""
        start = time.process_time()
        result = function(*arguments, **options)
        self[name] = self.get(name, 0.0) + time.process_time() - start
        return result


def load_model(folder: str, with_matching_head: bool) -> MoleculeTextEncoder:
    """Load what embeds, and with it, if asked for, what re-ranks."""
    if not with_matching_head:
        return MoleculeTextEncoder.from_pretrained(folder)
    from modeling_finemoltex import FineMolTexForRetrieval

    return MoleculeTextEncoder(FineMolTexForRetrieval.from_pretrained(folder), AutoProcessor.from_pretrained(folder))


def score_systems(arguments: Arguments, tasks: list, seconds: Stopwatch) -> dict[str, list[dict]]:
    """Score every query of every task by the model, re-ranked by the model, by the baselines and at random."""
    encoder = load_model(arguments.model, arguments.rerank > 0)
    embeds = seconds("embedding", embed_tasks, tasks, encoder)
    systems = {"model": [seconds("evaluation", task.score, *pair) for task, pair in zip(tasks, embeds, strict=True)]}
    if arguments.rerank:
        from modeling_finemoltex.retrieval import PairReranker

        name = f"model, best {arguments.rerank} re-ranked"
        systems[name] = []
        for task, pair in zip(tasks, embeds, strict=True):
            rerank = PairReranker(encoder.model, encoder.processor, task.all_smiles, task.all_texts)
            options = {"rerank": rerank, "rerank_top": arguments.rerank}
            systems[name].append(seconds("re-ranking", task.score, *pair, **options))
    baselines = {"fragment words": FragmentWordEncoder()}
    if arguments.train_texts:
        train = load_pairs(arguments.train_texts)
        pairs = list(train["smiles"]), list(train["text"])
        baselines |= {"nearest training text": NearestTextEncoder(*pairs), "ridge": RidgeEncoder(*pairs)}
    for name, baseline in baselines.items():
        embeds = seconds("baselines", embed_tasks, tasks, baseline)
        systems[name] = [task.score(*pair) for task, pair in zip(tasks, embeds, strict=True)]
    return systems | {"random": [task.score_at_random() for task in tasks]}


def main() -> None:
    """Load, embed once, score, print, write."""
    (arguments,) = HfArgumentParser(Arguments).parse_args_into_dataclasses()
    logging.set_verbosity_error()  # the heads of pre-training, also in the folder, are not needed here
    options = {name: getattr(arguments, name) for name in ("pool", "split", "index", "atc_level")}
    tasks = load_protocol(arguments.protocol, arguments.texts, arguments.duplicates, **options)
    if arguments.num_queries:
        tasks = [task.with_queries(arguments.num_queries) for task in tasks]
    seconds = Stopwatch()
    systems = score_systems(arguments, tasks, seconds)
    report = seconds("evaluation", report_systems, tasks, systems, arguments.bootstrap)
    report |= {"arguments": asdict(arguments), "seconds": seconds}
    print(format_systems_table(report["figures"], COLUMNS))
    if arguments.rerank and arguments.bootstrap:
        name = f"model, best {arguments.rerank} re-ranked"
        print("\nDifference from the model, query by query:")
        print(format_systems_table({name: report["differences"][name]}, COLUMNS))
    for name, facts in report["tasks"].items():
        print(f"\n{name}: " + ", ".join(f"{key.replace('_', ' ')} {value:.6g}" for key, value in facts.items()))
    print("Processor seconds: " + ", ".join(f"{name} {value:.1f}" for name, value in seconds.items()))
    if arguments.output:
        Path(arguments.output).parent.mkdir(parents=True, exist_ok=True)
        write_text(Path(arguments.output), json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
