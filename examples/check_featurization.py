"""Featurise every molecule of a table and prove that its motifs are a partition.

Needs: a file of molecules (csv, jsonl, smi, sdf, Parquet, ...). Prints counts and every refused row with its index.
Runtime: about one minute per 100,000 molecules and core.
"""

import argparse
import json
import multiprocessing
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from modeling_finemoltex import FineMolTexFeatureExtractor
from modeling_finemoltex.data import MoleculeFile, write_text

FRAGMENTATIONS = ("paper", "functional")
extractors: dict[str, FineMolTexFeatureExtractor] = {}  # of one worker process


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smiles_file", type=Path, required=True, nargs="+", help="tables to read")
    parser.add_argument("--column", help="their SMILES column")
    parser.add_argument("--every", type=int, default=1, help="check each n-th row only")
    parser.add_argument("--num_proc", type=int, default=1, help="worker processes")
    parser.add_argument("--output", type=Path, help="JSON file for counts, refused rows and faults")
    return parser.parse_args()


def read_smiles(file: Path, column: str | None) -> list:
    """Return the SMILES column of a table, as it is: a missing value stays what it is and is refused later."""
    return [row.value for row in MoleculeFile(file, column)]


def find_fault(extractor: FineMolTexFeatureExtractor, smiles: str) -> str | None:
    """Say what is wrong with the features of a molecule; `None` if nothing is."""
    graph = extractor.featurize(smiles)
    num_atoms, num_motifs = len(graph.atom_features), len(graph.motif_ids)
    if len(graph.atom_to_motif) != num_atoms or set(graph.atom_to_motif.tolist()) != set(range(num_motifs)):
        return "the motifs are no partition of the atoms"
    if sorted(graph.motif_positions.tolist()) != list(range(num_motifs)):
        return "the motif positions are no permutation"
    if graph.motif_ids.max() >= extractor.motif_vocab_size or len(graph.edge_index) != len(graph.edge_features):
        return "an array has the wrong size"
    begins, ends = graph.atom_to_motif[graph.edge_index.T.astype(np.int64)]
    joined = np.arange(num_atoms)  # label propagation along uncut bonds: each motif must be one connected piece
    inside = graph.edge_index[begins == ends].astype(np.int64)
    for _ in range(num_atoms):
        before = joined.copy()
        np.minimum.at(joined, inside[:, 0], before[inside[:, 1]])
        np.minimum.at(joined, inside[:, 1], before[inside[:, 0]])
        if (before == joined).all():
            break
    return None if len(set(joined.tolist())) == num_motifs else "a motif is not connected"


def check(row: tuple[int, str]) -> tuple[int, str, list[str], list[str]]:
    """Return index, SMILES, reasons for refusal and faults of one row."""
    index, smiles = row
    refusals, faults = [], []
    for fragmentation in FRAGMENTATIONS:
        if fragmentation not in extractors:
            extractors[fragmentation] = FineMolTexFeatureExtractor(fragmentation=fragmentation)
        try:
            fault = find_fault(extractors[fragmentation], smiles)
        except ValueError as error:
            refusals = [str(error)]
        except Exception as error:  # noqa: BLE001 - whatever else goes wrong is what this script looks for
            faults.append(f"{fragmentation}: {type(error).__name__}: {error}")
        else:
            faults.extend([f"{fragmentation}: {fault}"] if fault else [])
    return index, str(smiles), refusals, faults


def check_file(file: Path, arguments: argparse.Namespace) -> dict:
    """Check one table and print a line about it, and one about each row that is not fine."""
    rows = list(enumerate(read_smiles(file, arguments.column)))[:: arguments.every]
    report: dict = {"file": file.name, "rows": len(rows), "refused": [], "faults": []}
    with multiprocessing.Pool(arguments.num_proc) as pool:
        results: Iterator = pool.imap(check, rows, chunksize=256)
        for index, smiles, refusals, faults in tqdm(results, total=len(rows), desc=file.name, unit=" molecules"):
            report["refused"].extend({"index": index, "smiles": smiles, "reason": reason} for reason in refusals)
            report["faults"].extend({"index": index, "smiles": smiles, "fault": fault} for fault in faults)
    report["featurised"] = len(rows) - len(report["refused"])
    for one in report["refused"]:
        print(f"refused row {one['index']}: {one['reason']}")
    for one in report["faults"]:
        print(f"FAULT in row {one['index']} {one['smiles']}: {one['fault']}")
    counts = f"{report['featurised']} featurised, {len(report['refused'])} refused, {len(report['faults'])} faults"
    print(f"{file.name}: {len(rows)} rows, {counts}")
    return report


def main() -> None:
    """Check every table; exit status 1 if there is a fault."""
    arguments = parse_arguments()
    reports = [check_file(file, arguments) for file in arguments.smiles_file]
    if arguments.output:
        write_text(arguments.output, json.dumps(reports, indent=1) + "\n")
    sys.exit(any(report["faults"] for report in reports))


if __name__ == "__main__":
    main()
