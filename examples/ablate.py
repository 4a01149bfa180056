"""What does a choice in pre-training buy for equal computing time? Every variant of a file, several seeds.

`python examples/ablate.py [RECIPE.yaml] --variants examples/ablations/objective.yaml [options of pretrain.py]`
Needs `pip install finemoltex[examples]`. Takes --seconds of processor time per run, beside preparation and
evaluation; finished runs are kept, so it can be interrupted and continued.
"""

import json
import platform
import sys
from argparse import ArgumentParser
from pathlib import Path

import torch
import transformers
import yaml

from modeling_finemoltex.data import write_text
from modeling_finemoltex.training import format_ablation_table, run_variant


def main() -> int:
    """Run what is missing; after each run write the table and the raw results."""
    parser = ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--variants", type=Path, required=True, help="YAML: name of each variant and its options.")
    parser.add_argument("--output_dir", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--seconds", type=float, default=190.0, help="Processor time of each training run.")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="Threads of each run.")
    options, base = parser.parse_known_args()  # the rest goes to the training arguments
    variants = yaml.safe_load(options.variants.read_text(encoding="utf-8"))
    raw = options.output_dir / f"{options.variants.stem}.json"
    raw.parent.mkdir(parents=True, exist_ok=True)
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    report = {"processor": platform.machine(), "threads": options.threads, **versions, "base": base, "runs": []}
    report = json.loads(raw.read_text(encoding="utf-8")) if raw.is_file() else report
    torch.set_num_threads(options.threads)
    for seed in options.seeds:
        for name, choices in variants.items():
            if not any((run["variant"], run["seed"]) == (name, seed) for run in report["runs"]):
                run = run_variant(choices or {}, base, seed, options.seconds, options.output_dir)
                report["runs"].append({"variant": name, **run})
                write_text(raw, json.dumps(report, indent=1) + "\n")
                table = format_ablation_table(list(variants), report["runs"])
                write_text(raw.with_suffix(".md"), table + "\n")
    print(format_ablation_table(list(variants), report["runs"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
