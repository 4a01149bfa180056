"""Add, remove and replace a named group in random molecules, and count the exact answers.

Needs: a file of molecules.
Runtime: 300 instances in half a minute.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

from rdkit import Chem

from modeling_finemoltex.data import MoleculeFile
from modeling_finemoltex.editing import read_named_change
from modeling_finemoltex.evaluation import NamedEdit, evaluate_named_edits, is_exact_edit, make_named_edits


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("molecules", type=Path, help="file of molecules")
    parser.add_argument("--number", type=int, default=100, help="instances of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--any_group", action="store_true", help="remove groups in the middle and in rings too")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    return parser.parse_args()


def answer(instance: NamedEdit) -> str | None:
    """Read the prompt, and give the first proposal."""
    change = read_named_change(instance.prompt)
    proposals = [] if change is None else change.propose(Chem.MolFromSmiles(instance.source))
    return proposals[0].smiles if proposals else None


def main() -> None:
    """Generate, answer, count, print."""
    arguments = parse_arguments()
    smiles = list(MoleculeFile(arguments.molecules).smiles())
    instances = make_named_edits(smiles, arguments.number, arguments.seed, not arguments.any_group)
    answers = [answer(instance) for instance in instances]
    figures = evaluate_named_edits(instances, answers)
    for name, value in figures.items():
        print(f"{name:<28} {value:.1%}")
    failed = Counter(
        f"{instance.kind} {instance.removed or instance.added}"
        for instance, one in zip(instances, answers, strict=True)
        if not is_exact_edit(instance, one)
    )
    print("not exact: " + ", ".join(f"{what} ({count})" for what, count in failed.most_common()))
    if arguments.output is not None:
        arguments.output.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
