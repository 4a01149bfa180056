"""How often does an edit do what the sentence asks? All published prompts, for the search and for chance.

Needs: a model folder and a csv of source molecules; for SELFIES and CReM rows `pip install "finemoltex[editing]"`.
Takes: about half a second per molecule, prompt and search on a CPU core; two hours for 200 molecules and 25 prompts.
Interrupted, the same command goes on where it stopped; another --output starts anew. Try
`evaluate_editing.py sources.csv --model runs/demo --output editing-results --prompts 101 108 --num_sources 20`.
"""

import argparse
import csv
import json
from collections.abc import Iterator
from pathlib import Path

from tqdm.auto import tqdm
from transformers import logging

from modeling_finemoltex import EditConstraints, MoleculeTextEncoder, SearchEditor, SearchSettings
from modeling_finemoltex.editing import MoleculeEditor, RandomEditor, make_proposers
from modeling_finemoltex.evaluation import PROMPTS, canonical_set, format_editing_table, report_editing

NUM_ANSWERS = 5  # as many as the published penalties have strengths
ANALOGUE, PERTURBATION = "random valid analogue", "random perturbation"
MAY_CHANGE = ("prompts", "num_sources", "known", "output")  # between runs into one folder
SEARCH, CONTRAST = "search", "search, with opposite"


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", type=Path, help="csv file of the molecules to edit, with a header")
    parser.add_argument("--column", default="smiles", help="column of the SMILES")
    parser.add_argument("--model", required=True, help="model folder or Hub id")
    parser.add_argument("--output", type=Path, required=True, help="folder for raw edits, figures and the table")
    parser.add_argument("--prompts", type=int, nargs="*", default=list(PROMPTS), help="numbers; all by default")
    parser.add_argument("--num_sources", type=int, help="only the first molecules")
    parser.add_argument("--num_candidates", type=int, default=300, help="proposals per generation")
    parser.add_argument("--num_generations", type=int, default=2, help="generations of the search")
    parser.add_argument("--fragments", type=Path, help="CReM fragment database that proposes more edits")
    parser.add_argument("--selfies", action="store_true", help="propose SELFIES mutations too")
    parser.add_argument("--known", type=Path, help="csv file of molecules that are not novel, same column")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def read_column(file: Path, column: str) -> list[str]:
    """Read the molecules of a csv file."""
    with file.open(encoding="utf-8", newline="") as lines:
        return [row[column].strip() for row in csv.DictReader(lines)]


def make_editors(arguments: argparse.Namespace) -> dict[str, MoleculeEditor]:
    """Make the searches and the baselines, all with the same proposals and the random valid analogue first."""
    encoder = MoleculeTextEncoder.from_pretrained(arguments.model)
    proposers = make_proposers(encoder.processor.feature_extractor, arguments.fragments, arguments.selfies)
    settings = SearchSettings(arguments.num_candidates, arguments.num_generations, seed=arguments.seed)
    search = SearchEditor(encoder, proposers, EditConstraints(), settings)
    chance = {"num_candidates": arguments.num_candidates, "seed": arguments.seed}
    return {
        ANALOGUE: RandomEditor(proposers, EditConstraints(), **chance),
        PERTURBATION: RandomEditor(proposers, None, **chance),
        SEARCH: search,
        CONTRAST: search,
    }


def answer(editors: dict[str, MoleculeEditor], sources: list[str], numbers: list[int], done: set) -> Iterator[dict]:
    """Ask every editor what is not answered yet, molecule by molecule, so that their analogues are made once."""
    for source in tqdm(sources, unit="molecule"):
        for number in numbers:
            for name, editor in editors.items():
                if (name, number, source) not in done:
                    opposite = PROMPTS[number].opposite if name == CONTRAST else None
                    edits = editor.edit(source, PROMPTS[number].text, opposite, NUM_ANSWERS)
                    answers = [edit.smiles for edit in edits]
                    yield {"editor": name, "prompt": number, "source": source, "answers": answers}


def read_answers(file: Path) -> dict[tuple[str, int, str], list[str]]:
    """Read raw edits; a last line that a kill cut off is dropped from the file."""
    if not file.exists():
        return {}
    whole, _, _ = file.read_text(encoding="utf-8").rpartition("\n")
    file.write_text(f"{whole}\n" if whole else "", encoding="utf-8")
    entries = map(json.loads, whole.splitlines())
    return {(entry["editor"], entry["prompt"], entry["source"]): entry["answers"] for entry in entries}


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
    recorded.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
    editors = make_editors(arguments)
    done = set(read_answers(raw))
    with raw.open("a", encoding="utf-8", buffering=1) as file:  # by lines
        for entry in answer(editors, sources, arguments.prompts, done):
            file.write(json.dumps(entry) + "\n")
    given = read_answers(raw)
    systems = {
        name: {number: [given[name, number, source] for source in sources] for number in arguments.prompts}
        for name in editors
    }
    known = canonical_set(read_column(arguments.known, arguments.column) if arguments.known else [])
    report = report_editing(sources, systems, ANALOGUE, known)
    table = format_editing_table(report)
    (arguments.output / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    (arguments.output / "table.txt").write_text(table + "\n", encoding="utf-8")
    print(table)


if __name__ == "__main__":
    main()
