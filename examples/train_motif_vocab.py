"""Train the motif vocabularies of both fragmentations from tables of SMILES.

Needs: files of molecules (csv, jsonl, smi, sdf, Parquet, ...); --chemicals adds the PubChem compounds of `chemicals`.
Runtime: about one minute per 100,000 molecules. The shipped `processors/default_motif_vocab.json` was written by
    python examples/train_motif_vocab.py --chemicals --smiles_file zinc250k.csv.gz --min_count 8
"""

import argparse
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import chemicals
from tqdm import tqdm

from modeling_finemoltex import train_motif_vocab
from modeling_finemoltex.data import MoleculeFile, write_text

CHEMICALS_TABLE = Path(chemicals.__file__).parent / "Identifiers" / "chemical identifiers pubchem large.tsv"
CHEMICALS_SMILES_COLUMN = 4  # the table has no header, and rows of different length


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smiles_file", type=Path, nargs="*", default=[], help="tables to read")
    parser.add_argument("--column", help="their SMILES column")
    parser.add_argument("--chemicals", action="store_true", help="also read the compounds of the package `chemicals`")
    parser.add_argument("--min_count", type=int, default=8, help="motifs seen less often are unknown")
    parser.add_argument("--output", type=Path, default=Path("motif_vocab.json"))
    return parser.parse_args()


def iterate_smiles(arguments: argparse.Namespace) -> Iterator[str]:
    """Yield every SMILES of every table."""
    if arguments.chemicals:
        with CHEMICALS_TABLE.open(encoding="utf-8") as lines:
            for line in lines:
                yield line.split("\t", CHEMICALS_SMILES_COLUMN + 1)[CHEMICALS_SMILES_COLUMN]
    for file in arguments.smiles_file:
        yield from MoleculeFile(file, arguments.column).smiles()


def main() -> None:
    """Write {fragmentation: vocabulary} and print size and coverage of each."""
    arguments = parse_arguments()
    vocabs = {}
    for fragmentation in ("paper", "functional"):
        smiles = tqdm(iterate_smiles(arguments), desc=fragmentation, unit=" molecules")
        vocab = train_motif_vocab(smiles, fragmentation=fragmentation, min_count=arguments.min_count)
        vocabs[fragmentation] = vocab
        coverage = sum(vocab["motifs"].values()) / vocab["num_motif_tokens"]
        most = ", ".join(itertools.islice(vocab["motifs"], 8))
        print(f"{fragmentation}: {len(vocab['motifs'])} motifs cover {coverage:.2%} of all motif tokens; first {most}")
    write_text(arguments.output, json.dumps(vocabs, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
