"""How do I get a captioner? Train a writer on molecules with captions, over the tower of a model that is there.

Needs: nothing for a trial (`pip install "finemoltex[examples]"`: the default corpus, described by RDKit), or a file of
molecules and captions (csv, jsonl, Parquet, ...), such as ChEBI-20.
Takes: 40 minutes of one CPU core for 8,000 captions and 4 passes. Interrupted or killed, the same command goes on from
the last checkpoint. Try
`train_captioning.py examples/recipes/captioning.yaml --file captions.jsonl.gz --output_dir runs/captioner`.
"""

import json
import sys

from modeling_finemoltex.captioning import read_captioning_arguments, train_captioner


def main() -> int:
    """Train or go on, then print the losses and how many pairs there were."""
    arguments = read_captioning_arguments(sys.argv[1:], "Train a captioner of molecules.")
    report = train_captioner(arguments)
    if report is None:
        return 130  # the exit status of a program stopped by Ctrl-C
    print(json.dumps(report, indent=1))
    print(f"The captioner is in {arguments.output_dir}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (ValueError, OSError, ImportError) as error:
        sys.exit(f"Error: {error}")
