"""What do 115 million or ten billion molecules take: hours, files, bytes, money, and which index?

Needs: figures of `benchmark_scale.py`, measured on the machine that is meant. Takes: a second.

Prices and machines that are assumed are arguments; all else is measured, and scaled by the number of molecules. The
rate is that of a worker's own processor time: other processes of Ray, slow disks and slow networks come on top. The
hours of an index are those of the one part that grows faster than the library: every vector is compared with the
centre of every list. The rest of making one is not counted.
"""

import argparse
import json
import math
from pathlib import Path
from typing import Any

from modeling_finemoltex.data import write_text

RESULTS = Path(__file__).with_name("results")
# Molecules, cores that embed it, rows of an output file, tables of the index.
LIBRARIES = {"PubChem": (115_000_000, 64, 65_536, 1), "Enamine REAL": (10_000_000_000, 1_024, 131_072, 20)}
# As `lance_ivf_pq` is made and searched: a code of a byte for four numbers, lists by the root of the rows, and the
# share of them that a query reads.
NUMBERS_PER_CODE, LISTS_PER_ROOT, LISTS_PER_READ = 4, 4, 24
BYTES_PER_NUMBER = 4
TERA, GIGA, MEGA = 1e12, 1e9, 1e6


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=Path, default=RESULTS / "benchmark_scale.json", help="measured figures")
    parser.add_argument("--dollars_per_core_hour", type=float, default=0.04, help="price that is assumed")
    parser.add_argument("--dollars_per_tb_month", type=float, default=23.0, help="price of a bucket that is assumed")
    parser.add_argument("--gb_per_second", type=float, default=1.0, help="that a machine reads from its disk")
    parser.add_argument("--output", type=Path, default=RESULTS / "scale_plan.json")
    return parser.parse_args()


def plan(library: tuple[int, int, int, int], rates: dict[str, Any], arguments: argparse.Namespace) -> dict[str, Any]:
    """Plan one library."""
    molecules, cores, file_rows, tables = library
    core_hours = molecules / rates["ray_per_processor_second"] / 3600
    lists = round(LISTS_PER_ROOT * math.sqrt(molecules / tables))
    products = molecules * lists * rates["width"]
    index_core_hours = products / rates["products_per_processor_second"] / 3600
    vectors = molecules * rates["ray_bytes_per_row"]
    index = molecules * rates["lance_ivf_pq"]["bytes_per_row"]
    read = molecules * rates["width"] / NUMBERS_PER_CODE / LISTS_PER_READ
    return {
        "molecules": molecules,
        "cores": cores,
        "core_hours": core_hours,
        "hours": core_hours / cores,
        "files": -(-molecules // file_rows),
        "file_rows": file_rows,
        "mb_per_file": file_rows * rates["ray_bytes_per_row"] / MEGA,
        "vectors_tb": vectors / TERA,
        "tables": tables,
        "lists_per_table": lists,
        "index_core_hours": index_core_hours,
        "index_tb": index / TERA,
        "dollars": (core_hours + index_core_hours) * arguments.dollars_per_core_hour,
        "dollars_per_month": (vectors + index) / TERA * arguments.dollars_per_tb_month,
        "gb_per_query": read / GIGA,
        "seconds_per_query": read / GIGA / arguments.gb_per_second,
        "exact_minutes_per_query": molecules * rates["width"] * BYTES_PER_NUMBER / GIGA / arguments.gb_per_second / 60,
    }


def main() -> None:
    """Plan every library, print the plans and write them."""
    arguments = parse_arguments()
    if not arguments.rates.is_file():
        raise SystemExit(f"{arguments.rates} is not there: `benchmark_scale.py --output` writes it.")
    rates = json.loads(arguments.rates.read_text(encoding="utf-8"))
    names = ("dollars_per_core_hour", "dollars_per_tb_month", "gb_per_second")
    found = {
        "assumed": {name: getattr(arguments, name) for name in names},
        "libraries": {name: plan(library, rates, arguments) for name, library in LIBRARIES.items()},
    }
    print(json.dumps(found, indent=2, ensure_ascii=False))
    write_text(arguments.output, json.dumps(found, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
