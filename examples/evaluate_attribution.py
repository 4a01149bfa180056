"""Do the atoms that carry a prediction hold the group that decides it? Planted labels, several groups, with baselines.

Needs: `pip install "finemoltex[properties]" chemicals`, nothing to download; or your own molecules.
Runtime: half a minute a group on one core. Try `--output_dir runs/attribution --methods probe fine_tuned`.
A model that has not learned the label (see its ROC-AUC) has no truth to be found: give it more molecules or epochs.
"""

import argparse
import csv
import json
import logging
import random
import sys
from functools import partial
from pathlib import Path

import numpy as np
from transformers import AutoProcessor
from transformers import logging as transformers_logging

from modeling_finemoltex import FineMolTexDataCollator, default_model
from modeling_finemoltex.data import MoleculeFile, load_chemicals_pairs
from modeling_finemoltex.evaluation import PLANTED, PlantedGroup, evaluate_attribution, plant_groups
from modeling_finemoltex.property_prediction import (
    ExperimentArguments,
    PropertyPredictor,
    attribute_atoms,
    attribute_deleted_atoms,
    attribute_motifs,
    run_experiments,
)

SHARES = {"train": 0.7, "valid": 0.15, "test": 0.15}


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=default_model(), help="folder or Hub id; the shipped model, if absent")
    parser.add_argument("--molecules", type=Path, help="file of molecules; those of `chemicals`, if absent")
    parser.add_argument("--output_dir", type=Path, required=True, help="folder of tables, models and attribution.json")
    parser.add_argument("--groups", nargs="+", default=list(PLANTED), help="names of groups")
    parser.add_argument("--methods", nargs="+", default=["probe"], choices=["probe", "fine_tuned", "lora"])
    parser.add_argument("--number", type=int, default=400, help="molecules with each group")
    parser.add_argument("--num_explained", type=int, default=25, help="test molecules to attribute")
    parser.add_argument("--num_orders", type=int, default=0, help="hide atoms in so many random orders too")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--pool", type=int, default=10_000, help="molecules to look for groups in")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def read_pool(file: Path | None, size: int, seed: int) -> list[str]:
    """Draw distinct molecules of a file, or of the corpus."""
    smiles = load_chemicals_pairs(0)["smiles"] if file is None else MoleculeFile(file).smiles()
    found = sorted(set(smiles))
    return random.Random(seed).sample(found, min(size, len(found)))


def write_table(group: PlantedGroup, folder: Path) -> Path:
    """Write the molecules of a group as a table that fine-tuning reads."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{group.name.replace(' ', '_')}.csv"
    stops = np.cumsum([round(share * len(group.smiles)) for share in SHARES.values()][:-1])
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["smiles", "has_group", "split"])
        for row, (one, label) in enumerate(zip(group.smiles, group.labels, strict=True)):
            writer.writerow([one, int(label), list(SHARES)[int(np.searchsorted(stops, row, side="right"))]])
    return file


def spread_motifs(predictor: PropertyPredictor, smiles: str) -> np.ndarray:
    """Give each atom the effect of its motif."""
    motifs = attribute_motifs(predictor.model, predictor.processor, smiles)
    effects = np.zeros(sum(len(motif.atoms) for motif in motifs))
    for motif in motifs:
        effects[motif.atoms] = motif.effect
    return effects


def explain(folder: Path, table: Path, group: str, options: argparse.Namespace) -> dict:
    """Attribute test molecules that have a group, and score the attributions."""
    with table.open(encoding="utf-8", newline="") as stream:
        rows = [row["smiles"] for row in csv.DictReader(stream) if (row["split"], row["has_group"]) == ("test", "1")]
    predictor = PropertyPredictor.from_pretrained(folder)
    atoms = partial(attribute_atoms, predictor.model, predictor.processor)
    methods = {
        "states": atoms,
        "hidden atoms": partial(atoms, by="hidden"),
        "motifs": partial(spread_motifs, predictor),
        "deleted atoms": partial(attribute_deleted_atoms, predictor.predict),
    }
    if options.num_orders:
        methods["in orders"] = partial(atoms, by="hidden", num_orders=options.num_orders, seed=options.seed)
    return evaluate_attribution(rows[: options.num_explained], group, methods)


def main() -> None:
    """Plant, train, attribute, score, print."""
    options = parse_arguments()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    pool = read_pool(options.molecules, options.pool, options.seed)
    groups = plant_groups(pool, options.groups, options.number, options.seed)
    tables = {group.name: write_table(group, options.output_dir / "tables") for group in groups}
    processor = AutoProcessor.from_pretrained(options.model)
    arguments = ExperimentArguments(
        model=str(options.model),
        dataset=list(map(str, tables.values())),
        output_dir=str(options.output_dir / "models"),
        label_columns=["has_group"],
        split="column",
        split_column="split",
        methods=options.methods,
        seeds=[options.seed],
        epochs=options.epochs,
    )
    results = run_experiments(arguments, lambda _: (processor, FineMolTexDataCollator(processor)))
    report = []
    for run in results["runs"]:
        name = run["set"].replace("_", " ")
        folder = options.output_dir / "models" / run["set"] / run["method"] / f"seed{run['seed']}"
        figures = explain(folder, tables[name], name, options)
        report.append({"group": name, "method": run["method"], "roc_auc": run["test"]["roc_auc"], **figures})
        cells = " ".join(f"{key} {one['mean']:.3f}" for key, one in figures.items() if isinstance(one, dict))
        print(f"{name:<28} {run['method']:<10} ROC-AUC {run['test']['roc_auc']:.3f}  atoms: {cells}", flush=True)
    for method in options.methods:
        rows = [one for one in report if one["method"] == method]
        kinds = [key for key, one in rows[0].items() if isinstance(one, dict)]
        means = " ".join(f"{kind} {np.mean([one[kind]['mean'] for one in rows]):.3f}" for kind in kinds)
        print(f"{'mean of the groups':<28} {method:<10} {'':<13}  atoms: {means}")
    file = options.output_dir / "attribution.json"
    settings = {name: str(value) for name, value in vars(options).items() if name not in ("output_dir", "molecules")}
    file.write_text(json.dumps({"settings": settings, "groups": report}, indent=1) + "\n", encoding="utf-8")
    print(f"Raw figures: {file}")


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError, ImportError) as error:
        sys.exit(f"Error: {error}")
