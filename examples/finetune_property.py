"""How well does my model predict properties? MoleculeNet or your own table, with baselines.

Needs: `pip install "finemoltex[properties]"`, a model folder or Hub id, csv or Parquet files of SMILES and labels.
Takes: for 2,000 molecules on one core some minutes by the default method, 10 seconds per epoch by fine-tuning. Every
row of the table: `--model runs/demo --dataset bbbp --data_dir DIR --output_dir runs/bbbp --all --seeds 0 1 2`; run
again, it goes on where it stopped.
"""

import logging
import sys
from pathlib import Path

from transformers import AutoProcessor, HfArgumentParser
from transformers import logging as transformers_logging

from modeling_finemoltex import FineMolTexDataCollator
from modeling_finemoltex.property_prediction import (
    ExperimentArguments,
    check_scrambled,
    format_fraction_table,
    format_property_table,
    format_trust_table,
    keep_full_runs,
    run_experiments,
)


def load_processor(folder: str) -> tuple:
    """Load the processor of a model, and make the collator that goes with it."""
    processor = AutoProcessor.from_pretrained(folder)
    return processor, FineMolTexDataCollator(processor)


def main() -> None:
    """Run what is missing, and print the table."""
    parser = HfArgumentParser(ExperimentArguments, description="Fine-tune on molecular properties.")
    (arguments,) = parser.parse_args_into_dataclasses()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    transformers_logging.set_verbosity_error()  # new linear layers are what this script is about
    transformers_logging.disable_progress_bar()
    results = run_experiments(arguments, load_processor)
    for name, facts in results["sets"].items():
        if facts["unparseable"]:
            print(f"{name}: left out the unparsable rows {', '.join(facts['unparseable'])}.")
    full = keep_full_runs(results)
    if full["runs"]:
        print(format_property_table(full))
        print(format_trust_table({arguments.split: full}))
    print(format_fraction_table(results))
    print(f"Raw figures: {Path(arguments.output_dir) / 'results.json'}")
    if arguments.scramble_labels:
        print(f"Scrambled labels, ROC-AUC on test rows:\n{check_scrambled(results)}")


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError, ImportError) as error:
        sys.exit(f"Error: {error}")
