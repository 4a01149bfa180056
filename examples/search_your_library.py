"""Which molecules of my library fit this sentence? From a CSV of SMILES to hits.

Needs: a CSV file, and faiss (`pip install faiss-cpu`); without `--model` the model that comes with the package.
Takes: about 2 s per thousand molecules on a CPU core, once; the index is kept in `--index` and searched at once later.
"""

import argparse
from pathlib import Path

from modeling_finemoltex import MoleculeFilter, MoleculeTextEncoder, MoleculeTextIndex, default_model
from modeling_finemoltex.data import MoleculeFile


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("molecules", help="CSV file with a header")
    parser.add_argument("sentence", help="what to look for, in quotes")
    parser.add_argument("--model", default=default_model(), help="model folder or Hub id")
    parser.add_argument("--column", default="smiles", help="column of the SMILES")
    parser.add_argument("--index", type=Path, help="folder to keep the index in")
    parser.add_argument("--smarts", nargs="*", default=[], help="substructures that hits must have")
    parser.add_argument("-k", type=int, default=10, help="number of hits")
    return parser.parse_args()


def build_index(csv_file: str, column: str, encoder: MoleculeTextEncoder) -> MoleculeTextIndex:
    """Embed the molecules that can be read; the hits tell their row in the file."""
    smiles = [row.value for row in MoleculeFile(csv_file, column)]
    embeddings, kept = encoder.encode_molecules(smiles, on_error="skip")
    print(f"{len(kept)} of {len(smiles)} molecules embedded")
    index = MoleculeTextIndex.from_arrays(
        embeddings, smiles=[smiles[row] for row in kept], ids=kept, model=encoder.fingerprint
    )
    index.encoder = encoder
    return index


def main() -> None:
    """Embed or load, search, print."""
    arguments = parse_arguments()
    encoder = MoleculeTextEncoder.from_pretrained(arguments.model)
    if arguments.index and arguments.index.exists():
        index = MoleculeTextIndex.load(arguments.index, encoder)
    else:
        index = build_index(arguments.molecules, arguments.column, encoder)
        if arguments.index:
            index.save(arguments.index)
    condition = MoleculeFilter(smarts=arguments.smarts) if arguments.smarts else None
    for hit in index.search(texts=arguments.sentence, k=min(arguments.k, len(index)), filters=condition)[0]:
        print(f"{hit.rank:>3}  {hit.score:.3f}  row {hit.id:<8}  {hit.smiles}")


if __name__ == "__main__":
    main()
