"""How do I get a generator for latent editing? Train one on a file of molecules, with no outside weights.

Needs: `pip install "finemoltex[editing]"` and a csv, tsv, smi, sdf or Parquet file of molecules, such as ZINC250k.
Takes: an hour of one CPU core for the default 6,000 steps of 64 molecules, and some minutes to read 250,000 molecules.
Interrupted or killed, the same command goes on from the last checkpoint. Try
`train_generator.py --file zinc250k.csv.gz --output_dir runs/generator --exclude sources.csv`.
"""

import json
import sys

from transformers import HfArgumentParser

from modeling_finemoltex.editing import GeneratorArguments, train_generator


def main() -> int:
    """Train or go on, then print how well molecules held out survive the way to their latents and back."""
    (arguments,) = HfArgumentParser(
        GeneratorArguments, description="Train an autoencoder of molecules."
    ).parse_args_into_dataclasses()
    report = train_generator(arguments)
    if report is None:
        return 130  # the exit status of a program stopped by Ctrl-C
    print(json.dumps(report, indent=1))
    print(f"The generator and its tokenizer are in {arguments.output_dir}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (ValueError, OSError, ImportError) as error:
        sys.exit(f"Error: {error}")
