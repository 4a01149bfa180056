"""Describe molecules by what RDKit finds: `python examples/write_descriptor_captions.py molecules.csv out.jsonl.gz`.

Needs a file of molecules (csv, jsonl, smi, sdf, Parquet, ...); reads and writes row by row, whatever its length.
Takes about 5 minutes of one CPU core per 50,000 molecules. `examples/pretrain.py` reads the result as it is; a source
with `describe: true` in a recipe writes the same captions on its own.
"""

import gzip
import itertools
import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tqdm import tqdm

from modeling_finemoltex.data import GENERATED, MoleculeFile, write_captions

CHUNK = 200  # molecules handed to a process at once: about a second of work


def iterate_smiles(file: str, column: str | None) -> Iterator[str]:
    """Yield the molecules of a table without loading it."""
    yield from MoleculeFile(file, column).smiles()


def describe(chunk: list[str], num_captions: int, seed: int) -> list[dict[str, str]]:
    """Write the captions of some molecules; those that RDKit cannot read give none."""
    rows = []
    for smiles in chunk:
        try:
            captions = write_captions(smiles, num_captions, seed)
        except ValueError:
            continue
        rows += [{"smiles": smiles, "text": caption, "source": GENERATED} for caption in captions]
    return rows


def main(argv: list[str] | None = None) -> int:
    """Write one line per caption: SMILES, text and the mark that nobody wrote it."""
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("molecules", help="Table of molecules.")
    parser.add_argument("output", type=Path, help="File to write: .jsonl or .jsonl.gz.")
    parser.add_argument("--smiles_column", help="Column of the molecules.")
    parser.add_argument("--captions_per_molecule", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--num_proc", type=int, default=1, help="Processes.")
    options = parser.parse_args(argv)
    molecules = iterate_smiles(options.molecules, options.smiles_column)
    chunks = iter(lambda: list(itertools.islice(molecules, CHUNK)), [])
    opener = gzip.open if options.output.suffix == ".gz" else open
    read = described = 0
    with opener(options.output, "wt", encoding="utf-8") as stream, ProcessPoolExecutor(options.num_proc) as pool:
        with tqdm(unit=" molecules") as bar:
            # A window of chunks at a time: a pool would read the whole table ahead.
            while window := list(itertools.islice(chunks, 2 * options.num_proc)):
                settings = itertools.repeat(options.captions_per_molecule), itertools.repeat(options.seed)
                for rows in pool.map(describe, window, *settings):
                    stream.writelines(json.dumps(row) + "\n" for row in rows)
                    described += len({row["smiles"] for row in rows})
                read += sum(map(len, window))
                bar.update(sum(map(len, window)))
    print(f"Described {described} of {read} molecules in {options.output}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
