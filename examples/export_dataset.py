"""How do I share the default corpus, molecules and their names, as a dataset? Parquet files and a card in one folder.

Needs: `pip install "finemoltex[examples]"`, for the package `chemicals`. Takes: a minute and a half on a CPU core. Try
`export_dataset.py finemoltex-pairs`, then `finemoltex push finemoltex-pairs your-name/finemoltex-pairs`.
"""

import argparse
import sys
from pathlib import Path

from modeling_finemoltex import export_names_dataset


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder to write; its name is the name in the card")
    parser.add_argument("--synonyms_per_molecule", type=int, default=1, help="names beside the IUPAC name")
    parser.add_argument("--valid_size", type=float, default=0.03, help="share of the pairs for validation")
    parser.add_argument("--test_size", type=float, default=0.03, help="share of the pairs for test")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--num_proc", type=int, help="worker processes")
    return parser.parse_args()


def main() -> None:
    """Write the folder, and say what is in it."""
    folder = export_names_dataset(**vars(parse_arguments()))
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        print(f"{file.stat().st_size / 1e6:8.2f} MB  {file}")


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError, ImportError) as error:
        sys.exit(f"Error: {error}")
