"""How far can predicted properties be trusted? Calibration, coverage on two splits, and labels dealt out at random.

Needs: `pip install "finemoltex[properties]"`, a model folder or Hub id, tables of SMILES and labels.
Takes: three times `finetune_property.py`, whose options it has. Try `--model runs/demo --dataset bbbp --data_dir DIR
--output_dir runs/trust --methods ecfp_rf probe --seeds 0 1 2 3 4`; run again, it goes on where it stopped.
"""

import json
import logging
import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from transformers import AutoProcessor, HfArgumentParser
from transformers import logging as transformers_logging

from modeling_finemoltex import FineMolTexDataCollator
from modeling_finemoltex.property_prediction import (
    ExperimentArguments,
    check_scrambled,
    format_trust_table,
    run_experiments,
)

SPLITS = ("random", "scaffold")  # the first is of rows like the validation rows


@dataclass
class TrustArguments:
    """What is left out."""

    with_scrambled: bool = field(default=True, metadata={"help": "Train on scrambled labels too."})


def load_processor(folder: str) -> tuple:
    """Load the processor of a model, and make the collator that goes with it."""
    processor = AutoProcessor.from_pretrained(folder)
    return processor, FineMolTexDataCollator(processor)


def run_split(arguments: ExperimentArguments, name: str, **changes: Any) -> dict:
    """Run all methods with some options changed, in a folder of that name."""
    changed = {**asdict(arguments), "output_dir": str(Path(arguments.output_dir) / name), **changes}
    return run_experiments(
        ExperimentArguments(**{**changed, "save_models": False, "results_file": None}), load_processor
    )


def main() -> None:
    """Run both splits and the scrambled labels, and print."""
    parser = HfArgumentParser([ExperimentArguments, TrustArguments], description="Measure trust in predictions.")
    arguments, chosen = parser.parse_args_into_dataclasses()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    by_split = {split: run_split(replace(arguments, split=split), split) for split in SPLITS}
    print(format_trust_table(by_split))
    report: dict[str, Any] = {split: results["runs"] for split, results in by_split.items()}
    if chosen.with_scrambled:
        scrambled = run_split(replace(arguments, split="random"), "scrambled", scramble_labels=True)
        report["scrambled"] = scrambled["runs"]
    file = Path(arguments.output_dir) / "trust.json"
    file.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"Raw figures: {file}")
    if chosen.with_scrambled:
        print(f"Scrambled labels, ROC-AUC on test rows:\n{check_scrambled(scrambled)}")


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError, ImportError) as error:
        sys.exit(f"Error: {error}")
