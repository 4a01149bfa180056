"""How often does an edit do what the sentence asks? All published prompts, for search, latent optimisation and chance.

Needs: a model folder and a csv of source molecules; for --selfies `pip install "finemoltex[editing]"`.
Takes: a second or two per molecule, prompt and search on a CPU core, and there is a search for each similarity, with
and without the judge of plausibility; `--num_sources` and `--prompts` make it shorter.

Each similarity is asked of the editors too, which keep only what is that similar to the source. Beside the search
stand a random edit by the same editor, and `figures`, which reads RDKit's figures where the search reads the text: no
search among the same proposals can do much better. With --editors random search latent latent_random latent_pca the
model is a folder of `train_editing_alignment.py`. Interrupted, the same command goes on where it stopped; another
--output starts anew. Try
`evaluate_editing.py sources.csv --model runs/demo --output editing-results --prompts 101 108 --num_sources 20`.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
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
    EDIT_MEASURES,
    PENALTY_GRIDS,
    FigureEditor,
    LatentMoveEditor,
    MoleculeEditor,
    PlausibilityJudge,
    RandomEditor,
    load_editing_folder,
    make_proposers,
    record_answers,
)
from modeling_finemoltex.evaluation import PROMPTS, canonical_set, format_editing_table, report_editing

# Of each kind, at each similarity, the first is what the others are compared with.
KINDS = {"random": "random edit", "search": "search", "opposite": "search, with opposite", "figures": "figures"}
LATENT = ("latent", "latent_random", "latent_pca", "latent_variance")
FILTERS = {"with": "", "without": ", no judge"}
MAY_CHANGE = ("prompts", "num_sources", "known", "output", "editors", "similarities", "filters")  # of one folder

Editors = dict[str, tuple[MoleculeEditor, bool]]  # by name; those told what not to become go with a yes


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", type=Path, help="csv file of the molecules to edit, with a header")
    parser.add_argument("--column", default="smiles", help="column of the SMILES")
    parser.add_argument("--model", required=True, help="model folder or Hub id")
    parser.add_argument("--output", type=Path, required=True, help="folder for raw edits, figures and the tables")
    parser.add_argument("--prompts", type=int, nargs="*", default=list(PROMPTS), help="numbers; all by default")
    parser.add_argument("--num_sources", type=int, help="only the first molecules")
    parser.add_argument(
        "--similarities", type=float, nargs="+", default=[0.4, 0.6, 0.8], help="least ones to a source"
    )
    parser.add_argument(
        "--filters", nargs="+", choices=FILTERS, default=list(FILTERS), help="the judge of plausibility"
    )
    parser.add_argument(
        "--editors", nargs="+", choices=[*KINDS, *LATENT], default=["random", "search", "figures"],
        help="the first is what the others are compared with; latent ones need a generator",
    )  # fmt: skip
    parser.add_argument("--num_answers", type=int, default=5, help="answers kept; the published rule looks at five")
    parser.add_argument("--penalties", choices=PENALTY_GRIDS, default="finemoltex", help="grid of the latent editor")
    parser.add_argument("--num_candidates", type=int, help="proposals per generation")
    parser.add_argument("--num_generations", type=int, default=2, help="generations of the search")
    parser.add_argument(
        "--min_gain", type=float, default=SearchSettings().min_gain, help="what answers after the first must gain"
    )
    parser.add_argument("--fragments", type=Path, help="fragments to make edits of; those of the package by default")
    parser.add_argument("--motif_swaps", action="store_true", help="propose exchanges of motifs too")
    parser.add_argument("--selfies", action="store_true", help="propose SELFIES mutations too")
    parser.add_argument("--known", type=Path, help="csv file of molecules that are not novel, same column")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def read_column(file: Path, column: str) -> list[str]:
    """Read the molecules of a table."""
    return [smiles.strip() for smiles in MoleculeFile(file, column).smiles()]


def list_constraints(arguments: argparse.Namespace) -> Iterator[tuple[float, str, EditConstraints]]:
    """List what is asked of the edits: similarity, what it adds to the name of an editor, constraints."""
    for similarity in arguments.similarities:
        for words in arguments.filters:
            judge = PlausibilityJudge() if words == "with" else None
            yield similarity, FILTERS[words], EditConstraints(similarity, judge=judge)


def make_searches(arguments: argparse.Namespace) -> dict[float, Editors]:
    """Make the editors that propose analogues, by similarity."""
    made: dict[float, Editors] = {similarity: {} for similarity in arguments.similarities}
    if not set(KINDS) & set(arguments.editors):
        return made
    encoder = MoleculeTextEncoder.from_pretrained(arguments.model)
    extractor = encoder.processor.feature_extractor
    proposers = make_proposers(extractor, arguments.fragments, arguments.selfies, arguments.motif_swaps)
    width = arguments.num_candidates or SearchSettings().num_candidates
    settings = SearchSettings(width, arguments.num_generations, seed=arguments.seed, min_gain=arguments.min_gain)
    for similarity, words, constraints in list_constraints(arguments):
        kinds = {
            "random": RandomEditor(proposers, constraints, width, arguments.seed),
            "search": SearchEditor(encoder, proposers, constraints, settings),
            "figures": FigureEditor(
                encoder, proposers, constraints, replace(settings, num_scored=width, min_gain=0.0)
            ),
        }
        kinds["opposite"] = kinds["search"]
        for kind in filter(KINDS.__contains__, arguments.editors):
            made[similarity][f"{KINDS[kind]}{words}"] = kinds[kind], kind == "opposite"
    return made


def make_latent_editors(arguments: argparse.Namespace, sources: list[str]) -> dict[float, Editors]:
    """Make the editors that move latents, by similarity; the judge does not change what they write."""
    made: dict[float, Editors] = {similarity: {} for similarity in arguments.similarities}
    if not set(LATENT) & set(arguments.editors):
        return made
    parts = load_editing_folder(arguments.model)
    for similarity, editors in made.items():
        constraints = EditConstraints(similarity)
        if "latent" in arguments.editors:
            settings = LatentSettings(PENALTY_GRIDS[arguments.penalties])
            latent = LatentOptimizationEditor(parts, constraints, settings, only_admissible=False)
            editors |= {"latent": (latent, False), "latent, with opposite": (latent, True)}
        for kind in ("random", "pca", "variance"):
            if f"latent_{kind}" in arguments.editors:
                move = LatentMoveEditor(parts, kind, sources, constraints, only_admissible=False, seed=arguments.seed)
                editors[f"latent, {kind} move"] = move, False
    return made


def check_settings(arguments: argparse.Namespace) -> None:
    """Write the settings beside the answers, or refuse to mix them with those of other settings."""
    settings = {name: str(value) for name, value in vars(arguments).items() if name not in MAY_CHANGE}
    recorded = arguments.output / "settings.json"
    if recorded.exists() and json.loads(recorded.read_text(encoding="utf-8")) != settings:
        raise SystemExit(f"{recorded} tells of other settings than these: give another --output.")
    write_text(recorded, json.dumps(settings, indent=1) + "\n")


def main() -> None:
    """Answer what is missing, score everything, print and write."""
    arguments = parse_arguments()
    logging.set_verbosity_error()  # the heads of pre-training, also in the folder, are not needed here
    sources = read_column(arguments.sources, arguments.column)[: arguments.num_sources]
    arguments.output.mkdir(parents=True, exist_ok=True)
    check_settings(arguments)
    searches, latents = make_searches(arguments), make_latent_editors(arguments, sources)
    editors = {near: searches[near] | latents[near] for near in arguments.similarities}
    named = {f"{name} ≥ {near:g}": editor for near, made in editors.items() for name, editor in made.items()}
    raw = arguments.output / "edits.jsonl"
    given = record_answers(named, sources, arguments.prompts, arguments.num_answers, raw)
    known = canonical_set(read_column(arguments.known, arguments.column) if arguments.known else [])
    tables = []
    for near, made in editors.items():
        systems = {
            name: {
                number: [given[f"{name} ≥ {near:g}", number, one] for one in sources] for number in arguments.prompts
            }
            for name in made
        }
        first = next(iter(systems))
        report = report_editing(sources, systems, first, known, min_similarity=near, measures=EDIT_MEASURES)
        write_text(arguments.output / f"report_{near:g}.json", json.dumps(report, indent=1) + "\n")
        tables.append(f"similarity ≥ {near:g}\n\n{format_editing_table(report)}")
    table = "\n\n\n".join(tables)
    write_text(arguments.output / "table.txt", table + "\n")
    print(table)


if __name__ == "__main__":
    main()
