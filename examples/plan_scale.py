"""What do 115 million or ten billion molecules take: hours, files, bytes, money, and which index?

Needs: figures of `benchmark_scale.py`, measured on the machine that is meant. Takes: a second.

Sizes, prices and machines that are assumed are arguments; all else is measured, and scaled by the number of molecules.
Ray's own share and slow disks are in the measured rate; a network that is slower than the workers is not.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from modeling_finemoltex.data import write_text

RESULTS = Path(__file__).with_name("results")
# Molecules, cores that embed it, rows of an output file, rows of a table of the index.
LIBRARIES = {
    "PubChem": (115_000_000, 256, 8_192, 1_000_000_000),
    "Enamine REAL": (10_000_000_000, 4_096, 131_072, 1_000_000_000),
}
NUMBERS_PER_CODE, BYTES_PER_NUMBER = 4, 4
TERA, GIGA = 1e12, 1e9


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=Path, default=RESULTS / "benchmark_scale.json", help="measured figures")
    parser.add_argument("--dollars_per_core_hour", type=float, default=0.04, help="price that is assumed")
    parser.add_argument("--dollars_per_tb_month", type=float, default=23.0, help="price of a bucket that is assumed")
    parser.add_argument("--memory_gb", type=float, default=64.0, help="of the machine that searches")
    parser.add_argument("--gb_per_second", type=float, default=1.0, help="that the machine reads from its disk")
    parser.add_argument("--output", type=Path, default=RESULTS / "scale_plan.json")
    return parser.parse_args()


def plan(library: tuple[int, int, int, int], rates: dict[str, Any], arguments: argparse.Namespace) -> dict[str, Any]:
    """Plan one library."""
    molecules, cores, file_rows, table_rows = library
    core_hours = molecules / rates["ray_per_processor_second"] / 3600
    vectors = molecules * rates["ray_bytes_per_row"]
    codes = molecules * rates["width"] / NUMBERS_PER_CODE
    index = molecules * rates["lance_ivf_pq"]["bytes_per_row"]
    fits = codes / GIGA <= arguments.memory_gb
    tables = -(-molecules // table_rows)
    return {
        "molecules": molecules,
        "cores": cores,
        "core_hours": core_hours,
        "hours": core_hours / cores,
        "dollars": core_hours * arguments.dollars_per_core_hour,
        "files": -(-molecules // file_rows),
        "mb_per_file": file_rows * rates["ray_bytes_per_row"] / 1e6,
        "vectors_tb": vectors / TERA,
        "index_tb": index / TERA,
        "dollars_per_month": (vectors + index) / TERA * arguments.dollars_per_tb_month,
        "codes_gb": codes / GIGA,
        "exact_search_minutes": molecules * rates["width"] * BYTES_PER_NUMBER / GIGA / arguments.gb_per_second / 60,
        "tables": tables,
        "index": "one `lance_ivf_pq`, or `ivf_pq`, whose codes fit" if fits else f"{tables} tables `lance_ivf_pq`",
    }


def main() -> None:
    """Plan every library, print the plans and write them."""
    arguments = parse_arguments()
    rates = json.loads(arguments.rates.read_text(encoding="utf-8"))
    names = ("dollars_per_core_hour", "dollars_per_tb_month", "memory_gb", "gb_per_second")
    found = {
        "assumed": {name: getattr(arguments, name) for name in names},
        "libraries": {name: plan(library, rates, arguments) for name, library in LIBRARIES.items()},
    }
    print(json.dumps(found, indent=2, ensure_ascii=False))
    write_text(arguments.output, json.dumps(found, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
