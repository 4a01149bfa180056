"""How often does an edit do what the sentence asks? All published prompts, for search, latent optimisation and chance.

Needs: a model folder and a csv of source molecules; for --selfies `pip install "finemoltex[editing]"`.
Takes: about half a second per molecule, prompt and search on a CPU core; two hours for 200 molecules and 25 prompts.
With --editors random search latent latent_random latent_pca the model is a folder of `train_editing_alignment.py`.
Interrupted, the same command goes on where it stopped; another --output starts anew. Try
`evaluate_editing.py sources.csv --model runs/demo --output editing-results --prompts 101 108 --num_sources 20`.
"""

import argparse
import json
from pathlib import Path

from transformers import logging

from modeling_finemoltex import (
    EditConstraints,
    LatentOptimizationEditor,
    LatentSettings,
    MoleculeTextEncoder,
    SearchEditor,
    SearchSettings,
)
from modeling_finemoltex.data import MoleculeFile, write_text
from modeling_finemoltex.editing import (
    PENALTY_GRIDS,
    LatentMoveEditor,
    MoleculeEditor,
    RandomEditor,
    load_editing_folder,
    make_proposers,
    record_answers,
)
from modeling_finemoltex.evaluation import PROMPTS, canonical_set, format_editing_table, report_editing

NUM_ANSWERS = 5  # as many as the published penalties have strengths
ANALOGUE = "random valid analogue"  # the first, and so what the others are compared with
MAY_CHANGE = ("prompts", "num_sources", "known", "output", "editors")  # between runs into one folder
EDITORS = ("random", "search", "latent", "latent_random", "latent_pca", "latent_variance")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", type=Path, help="csv file of the molecules to edit, with a header")
    parser.add_argument("--column", default="smiles", help="column of the SMILES")
    parser.add_argument("--model", required=True, help="model folder or Hub id")
    parser.add_argument("--output", type=Path, required=True, help="folder for raw edits, figures and the table")
    parser.add_argument("--prompts", type=int, nargs="*", default=list(PROMPTS), help="numbers; all by default")
    parser.add_argument("--num_sources", type=int, help="only the first molecules")
    parser.add_argument(
        "--editors", nargs="+", choices=EDITORS, default=EDITORS[:2], help="latent ones need a generator"
    )
    parser.add_argument("--penalties", choices=PENALTY_GRIDS, default="finemoltex", help="grid of the latent editor")
    parser.add_argument("--num_candidates", type=int, default=300, help="proposals per generation")
    parser.add_argument("--num_generations", type=int, default=2, help="generations of the search")
    parser.add_argument("--fragments", type=Path, help="fragments to make edits of; those of the package by default")
    parser.add_argument("--motif_swaps", action="store_true", help="propose exchanges of motifs too")
    parser.add_argument("--selfies", action="store_true", help="propose SELFIES mutations too")
    parser.add_argument("--unfiltered", action="store_true", help="admit what the judge of plausibility refuses")
    parser.add_argument("--known", type=Path, help="csv file of molecules that are not novel, same column")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def read_column(file: Path, column: str) -> list[str]:
    """Read the molecules of a table."""
    return [smiles.strip() for smiles in MoleculeFile(file, column).smiles()]


def make_editors(arguments: argparse.Namespace, sources: list[str]) -> dict[str, tuple[MoleculeEditor, bool]]:
    """Make the editors asked for; those told what not to become go with a yes."""
    made: dict[str, tuple[MoleculeEditor, bool]] = {}
    constraints = EditConstraints(judge=None) if arguments.unfiltered else EditConstraints()
    if {"search", "random"} & set(arguments.editors):
        encoder = MoleculeTextEncoder.from_pretrained(arguments.model)
        proposers = make_proposers(
            encoder.processor.feature_extractor, arguments.fragments, arguments.selfies, arguments.motif_swaps
        )
        settings = SearchSettings(arguments.num_candidates, arguments.num_generations, seed=arguments.seed)
        chance = {"num_candidates": arguments.num_candidates, "seed": arguments.seed}
        if "random" in arguments.editors:
            made[ANALOGUE] = RandomEditor(proposers, constraints, **chance), False
            made["random perturbation"] = RandomEditor(proposers, None, **chance), False
        if "search" in arguments.editors:
            search = SearchEditor(encoder, proposers, constraints, settings)
            made |= {"search": (search, False), "search, with opposite": (search, True)}
    if any(name.startswith("latent") for name in arguments.editors):
        parts = load_editing_folder(arguments.model)
        if "latent" in arguments.editors:
            latent_settings = LatentSettings(PENALTY_GRIDS[arguments.penalties])
            latent = LatentOptimizationEditor(parts, constraints, latent_settings, only_admissible=False)
            made |= {"latent": (latent, False), "latent, with opposite": (latent, True)}
        for kind in ("random", "pca", "variance"):
            if f"latent_{kind}" in arguments.editors:
                move = LatentMoveEditor(parts, kind, sources, constraints, only_admissible=False, seed=arguments.seed)
                made[f"latent, {kind} move"] = move, False
    return made


def main() -> None:
    """Answer what is missing, score everything, print and write."""
    arguments = parse_arguments()
    logging.set_verbosity_error()  # the heads of pre-training, also in the folder, are not needed here
    sources = read_column(arguments.sources, arguments.column)[: arguments.num_sources]
    arguments.output.mkdir(parents=True, exist_ok=True)
    raw = arguments.output / "edits.jsonl"
    settings = {name: str(value) for name, value in vars(arguments).items() if name not in MAY_CHANGE}
    recorded = arguments.output / "settings.json"
    if recorded.exists() and json.loads(recorded.read_text(encoding="utf-8")) != settings:
        raise SystemExit(f"{recorded} tells of other settings than these: give another --output.")
    write_text(recorded, json.dumps(settings, indent=1) + "\n")
    editors = make_editors(arguments, sources)
    given = record_answers(editors, sources, arguments.prompts, NUM_ANSWERS, raw)
    systems = {
        name: {number: [given[name, number, source] for source in sources] for number in arguments.prompts}
        for name in editors
    }
    known = canonical_set(read_column(arguments.known, arguments.column) if arguments.known else [])
    report = report_editing(sources, systems, next(iter(systems)), known)
    table = format_editing_table(report)
    write_text(arguments.output / "report.json", json.dumps(report, indent=1) + "\n")
    write_text(arguments.output / "table.txt", table + "\n")
    print(table)


if __name__ == "__main__":
    main()
