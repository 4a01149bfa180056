"""How many molecules of my evaluation sets are in my training tables? Stereo and counter-ions are ignored.

Needs: `pip install "finemoltex[examples]"` and tables with a column `smiles`.
Takes: a minute per 50,000 molecules on one core. Try
`measure_overlap.py --train pairs.csv --sets library.csv --output overlap.json`.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

from transformers import HfArgumentParser

from modeling_finemoltex.data import load_chemicals_pairs, load_table, skeletons, write_text

CHEMICALS = "chemicals"  # the default corpus


@dataclass
class Arguments:
    """Which training tables, which evaluation sets."""

    train: list[str] = field(metadata={"help": f"Tables of training molecules; '{CHEMICALS}': the default corpus."})
    sets: list[str] = field(metadata={"help": "Tables of the molecules to look for."})
    output: str | None = field(default=None, metadata={"help": "JSON file for the shares."})


def name_table(path: str) -> str:
    """Name a table without its folder and extensions; a table called `train` after its folder."""
    name = Path(path).name.partition(".")[0]
    return Path(path).parent.name if name == "train" else name


def read_molecules(source: str) -> list[set[str]]:
    """List the skeletons of every molecule of a table, or of the default corpus, that RDKit can read."""
    rows = load_chemicals_pairs() if source == CHEMICALS else load_table(source)
    return [set(names.split()) for names in set(map(skeletons, set(rows["smiles"]))) if names]


def main() -> None:
    """Compare every evaluation set with every training table, print, write."""
    (arguments,) = HfArgumentParser(Arguments).parse_args_into_dataclasses()
    train = {name_table(source): read_molecules(source) for source in arguments.train}
    known = {name: set().union(*molecules) for name, molecules in train.items()}
    report = {"train": {name: len(molecules) for name, molecules in train.items()}, "sets": {}}
    for file in arguments.sets:
        wanted = read_molecules(file)
        found = {name: sum(not parts.isdisjoint(one) for parts in wanted) for name, one in known.items()}
        shares = {name: count / len(wanted) for name, count in found.items()}
        report["sets"][name_table(file)] = {"molecules": len(wanted), "found": found, "in_training": shares}
        lines = (f"{found[name]:,} ({share:.1%}) in {name}" for name, share in shares.items())
        print(f"{name_table(file)}, {len(wanted):,} molecules: " + ", ".join(lines))
    if arguments.output:
        write_text(Path(arguments.output), json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
