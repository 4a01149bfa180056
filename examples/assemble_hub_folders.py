"""How do I get the shipped models as complete Hub folders, with code, endpoint and card? `make hub` runs this.

In a checkout their folders hold no code of their own. Takes seconds. Try `python examples/assemble_hub_folders.py`,
then `finemoltex push build/hub/finemoltex-small OWNER/NAME`.
"""

import argparse
import shutil
from pathlib import Path

from modeling_finemoltex import assemble_folder

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Assemble each folder of `hub_cards` that holds a model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output_dir", type=Path, default=ROOT / "build" / "hub", help="where the folders go")
    output_dir = parser.parse_args().output_dir
    for config in sorted((ROOT / "hub_cards").glob("*/config.json")):
        target = output_dir / config.parent.name
        shutil.rmtree(target, ignore_errors=True)
        print(assemble_folder(config.parent, target))


if __name__ == "__main__":
    main()
