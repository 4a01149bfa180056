"""Measure how fast molecules become model inputs, against the bare RDKit parse of the same molecules.

Needs: nothing; --smiles_file takes a file of molecules instead of the compounds of `chemicals`.
Runtime: about ten seconds on one core.
"""

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rdkit
from rdkit import Chem, rdBase

from modeling_finemoltex import FineMolTexFeatureExtractor, __version__
from modeling_finemoltex.data import MoleculeFile, write_text

FRAGMENTATIONS = ("paper", "functional")
CHUNK = 100  # molecules between two switches: parse and featurisation see the same disturbances of the machine


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smiles_file", type=Path, help="table to read")
    parser.add_argument("--column", help="its SMILES column")
    parser.add_argument("--num_molecules", type=int, default=5000, help="at most so many")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    return parser.parse_args()


def read_smiles(file: Path | None, column: str | None) -> list[str]:
    """Return the SMILES of a table, or those the package `chemicals` ships, as far as RDKit parses them."""
    if file is None:
        import chemicals

        table = Path(chemicals.__file__).parent / "Identifiers" / "chemical identifiers pubchem large.tsv"
        smiles = [line.split("\t", 5)[4] for line in table.read_text(encoding="utf-8").splitlines()]
    else:
        smiles = list(MoleculeFile(file, column).smiles())
    return smiles


def seconds(function: Callable[[str], object], molecules: list[str]) -> float:
    """Processor time of calling `function` on every molecule."""
    start = time.process_time()
    for smiles in molecules:
        function(smiles)
    return time.process_time() - start


def measure(molecules: list[str], fragmentation: str) -> dict[str, float]:
    """Rates and milliseconds per molecule of both, in turns; label caches start cold."""
    extractor = FineMolTexFeatureExtractor(fragmentation=fragmentation)
    parse = full = 0.0
    for start in range(0, len(molecules), CHUNK):
        chunk = molecules[start : start + CHUNK]
        parse += seconds(Chem.MolFromSmiles, chunk)
        full += seconds(extractor.featurize, chunk)
    count = len(molecules)
    motifs = np.concatenate([extractor.featurize(smiles).motif_ids for smiles in molecules])
    return {
        "parse_ms": 1000 * parse / count,
        "featurize_ms": 1000 * full / count,
        "parse_per_second": count / parse,
        "featurize_per_second": count / full,
        "ratio": parse / full,
        "motifs_per_molecule": len(motifs) / count,
        "unknown_motifs": float((motifs == 0).mean()),
    }


def main() -> None:
    """Print one line per fragmentation and write the figures."""
    arguments = parse_arguments()
    figures = {
        "machine": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "rdkit": rdkit.__version__,
        "numpy": np.__version__,
        "finemoltex": __version__,
    }
    with rdBase.BlockLogs():
        smiles = read_smiles(arguments.smiles_file, arguments.column)
        molecules = [one for one in smiles if Chem.MolFromSmiles(one) is not None][: arguments.num_molecules]
        figures["file"] = arguments.smiles_file.name if arguments.smiles_file else "chemicals"
        figures["num_molecules"] = len(molecules)
        for fragmentation in FRAGMENTATIONS:
            figures[fragmentation] = one = measure(molecules, fragmentation)
            print(
                f"{fragmentation:<10} parse {one['parse_ms']:.3f} ms, full {one['featurize_ms']:.3f} ms "
                f"a molecule, rate {one['ratio']:.3f} x parse, {one['motifs_per_molecule']:.1f} motifs, "
                f"{one['unknown_motifs']:.2%} unknown"
            )
    if arguments.output:
        write_text(arguments.output, json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
