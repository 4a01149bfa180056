"""How many molecules of my evaluation sets are in my training tables? Compared by skeleton, so stereo is ignored.

Needs: `pip install "finemoltex[examples]"` and tables with a column `smiles`.
Takes: a minute per 50,000 molecules on one core. Try
`measure_overlap.py --train pairs.csv --sets library.csv --output overlap.json`.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

from rdkit import Chem, rdBase
from transformers import HfArgumentParser

from modeling_finemoltex.data import load_chemicals_pairs, load_table, try_parse, write_text

CHEMICALS = "chemicals"  # the default corpus
BLOCK = 14  # letters of an InChIKey that name the skeleton


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


def read_skeletons(source: str) -> set[str]:
    """Collect the skeletons of a table, or of the default corpus, without molecules that RDKit cannot read."""
    rows = load_chemicals_pairs() if source == CHEMICALS else load_table(source)
    molecules = filter(None, map(try_parse, set(rows["smiles"])))
    with rdBase.BlockLogs():
        return {key[:BLOCK] for key in map(Chem.MolToInchiKey, molecules) if key}


def main() -> None:
    """Compare every evaluation set with every training table, print, write."""
    (arguments,) = HfArgumentParser(Arguments).parse_args_into_dataclasses()
    train = {name_table(source): read_skeletons(source) for source in arguments.train}
    report = {"train": {name: len(skeletons) for name, skeletons in train.items()}, "sets": {}}
    for file in arguments.sets:
        wanted = read_skeletons(file)
        shares = {name: len(wanted & skeletons) / len(wanted) for name, skeletons in train.items()}
        report["sets"][name_table(file)] = {"skeletons": len(wanted), "in_training": shares}
        print(f"{name_table(file)}: " + ", ".join(f"{share:.1%} in {name}" for name, share in shares.items()))
    if arguments.output:
        write_text(Path(arguments.output), json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
