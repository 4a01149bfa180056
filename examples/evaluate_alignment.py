"""How often does my model align a motif with the word that names it, beside blind guesses and another model?

Needs: a model folder, and a table of pairs. With --generate the texts are written from the structures: sentences of
varied wording that name motifs. With --planted the question is turned round: which motif does a word mean? The answer
is known from the patterns of groups. Takes: about a minute per 1,000 pairs on a CPU core. Try
`evaluate_alignment.py --model runs/demo --pairs chebi20/validation.txt --output alignment.json`.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from transformers import HfArgumentParser, logging

from modeling_finemoltex import MoleculeTextEncoder, MotifWordAligner, evaluate_alignment, load_pairs
from modeling_finemoltex.data import write_text
from modeling_finemoltex.evaluation import (
    build_alignment_probe,
    build_planted_probe,
    evaluate_planted,
    format_alignment_table,
    format_planted_table,
    write_sentences,
)
from modeling_finemoltex.explain import score_motifs

NAMES_SHOWN = 12


@dataclass
class Arguments:
    """Command line."""

    model: str = field(metadata={"help": "model folder or Hub id"})
    pairs: str = field(metadata={"help": "table of pairs, a folder in a published layout, or a Hub dataset"})
    baseline_model: str | None = field(default=None, metadata={"help": "model to compare with, question by question"})
    generate: bool = field(default=False, metadata={"help": "write texts from the molecules instead of reading them"})
    planted: int = field(default=0, metadata={"help": "ask which motif a word means, so often of each molecule"})
    smiles_column: str | None = field(default=None, metadata={"help": "column of the molecules"})
    text_column: str | None = field(default=None, metadata={"help": "column of the texts"})
    num_pairs: int | None = field(default=None, metadata={"help": "take the first pairs only"})
    bootstrap: int = field(default=1000, metadata={"help": "resamples of the intervals; 0 for none"})
    seed: int = field(default=0, metadata={"help": "of generated texts: wording, and the groups of --planted"})
    device: str | None = field(default=None, metadata={"help": "such as cpu or cuda:1; the fastest if absent"})
    output: str | None = field(default=None, metadata={"help": "JSON file for everything"})


def main() -> None:
    """Load, ask every question, print, write."""
    (arguments,) = HfArgumentParser(Arguments).parse_args_into_dataclasses()
    logging.set_verbosity_error()  # the heads of pre-training, also in the folder, are not needed here
    pairs = load_pairs(arguments.pairs, arguments.smiles_column, arguments.text_column)
    if arguments.num_pairs:
        pairs = pairs.select(range(min(arguments.num_pairs, len(pairs))))
    names = [arguments.model, *filter(None, [arguments.baseline_model])]
    encoders = {name: MoleculeTextEncoder.from_pretrained(name, device=arguments.device) for name in names}
    extractor = encoders[arguments.model].processor.feature_extractor
    aligners = {name: MotifWordAligner(encoder) for name, encoder in encoders.items()}
    smiles, texts = list(pairs["smiles"]), list(pairs["text"])
    if arguments.planted:
        probe = build_planted_probe(smiles, extractor, arguments.planted, arguments.seed)
        systems = {name: partial(score_motifs, aligner) for name, aligner in aligners.items()}
        report = evaluate_planted(probe, systems, arguments.bootstrap)
        print(format_planted_table(report))
        columns = [f"{kind}_hit@1" for kind in ("model", "largest", "dictionary", "chance")]
    else:
        if arguments.generate:
            texts = write_sentences(smiles, extractor, arguments.seed)
        alignment_probe = build_alignment_probe(smiles, texts, extractor)
        systems = {name: partial(aligner.align, with_tokens=False) for name, aligner in aligners.items()}
        report = evaluate_alignment(alignment_probe, systems, arguments.bootstrap)
        print(format_alignment_table(report))
        columns = [
            f"{kind}_{pool}" for pool in ("hit@1", "naming_hit@1") for kind in ("similarity", "frequent", "chance")
        ]
    print_names(report, columns)
    if arguments.output:
        Path(arguments.output).parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"arguments": asdict(arguments), **report}, indent=1)
        write_text(Path(arguments.output), text + "\n")


def print_names(report: Mapping[str, Any], columns: list[str]) -> None:
    """Print figures of the names that are asked for most often."""
    print("\n{pairs} pairs, {questions} questions; the commonest names:".format(**report["probe"]))
    print(" ".join([f"{'name':<20} questions", *(f"{column:>23}" for column in columns)]))
    for name, figures in list(report["names"].items())[:NAMES_SHOWN]:
        # No figure among naming words where no text says another name.
        cells = (f"{figures[column]:>23.1%}" if column in figures else f"{'-':>23}" for column in columns)
        print(" ".join([f"{name:<20} {figures['questions']:>9}", *cells]))


if __name__ == "__main__":
    main()
