"""How do I train the one folder for everything again? `python examples/train_finemoltex.py --data_dir DATA`.

First the encoders learn descriptions, names and what is known of molecules, then the text encoder words for
properties; then layers above them learn structure.
Needs the data that the recipes name and `pip install finemoltex[examples]`. Takes two to three hours on two CPU cores.
Run it again after an interruption: it goes on from the last checkpoint. Other options go to every stage.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from modeling_finemoltex.training import pretrain

RECIPES = Path(__file__).with_name("recipes")
# Each goes on from the model of the one before.
STAGES = {
    "encoders": RECIPES / "finemoltex.yaml",
    "properties": RECIPES / "finemoltex_properties.yaml",
    "structure": RECIPES / "finemoltex_structure.yaml",
}
FINISHED = "README.md"  # the card, which a stage writes last


def main(words: Sequence[str] | None = None) -> int:
    """Train the stages that are not finished; stop where one is interrupted."""
    parser = ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--output_dir", type=Path, default=Path("runs/finemoltex"), help="A folder for each stage.")
    options, others = parser.parse_known_args(words)
    earlier: list[str] = []
    for name, recipe in STAGES.items():
        folder = options.output_dir / name
        if not (folder / FINISHED).is_file():
            print(f"Stage {name}, {recipe.name}, in {folder}")
            stage = [str(recipe), "--output_dir", str(folder), "--resume_from_checkpoint", *earlier, *others]
            if not pretrain(stage).is_complete:
                return 130  # the exit status of a program stopped by Ctrl-C
        earlier = ["--initial_model", str(folder)]
    print(f"The model is in {folder}; `export_checkpoint.py --run {folder}` makes a folder for the Hub of it.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
