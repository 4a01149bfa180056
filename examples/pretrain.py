"""Pre-train FineMolTex on pairs: `accelerate launch examples/pretrain.py [RECIPE.yaml] [--dataset pairs.csv]`.

Needs `pip install finemoltex[examples]`; without --dataset it uses the 69,000 molecules of the `chemicals` package.
Takes about a quarter of an hour without options on two CPU cores, half a minute with `--preset tiny --max_steps 3`.
The same as `finemoltex pretrain`; `modeling_finemoltex.training` has each step, for scripts that change one.
"""

import sys

from modeling_finemoltex import format_retrieval_table
from modeling_finemoltex.training import pretrain


def main(argv: list[str] | None = None) -> int:
    """Run, and print the retrieval table of the test split."""
    result = pretrain(argv)
    if not result.is_complete:
        return 130  # the exit status of a program stopped by Ctrl-C
    if result.is_main_process:
        print(format_retrieval_table(result.metrics))
        print(f"The model, its processor and its card are in {result.output_dir}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
