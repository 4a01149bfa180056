"""What does a choice in pre-training buy for equal computing time? Every variant of a file, several seeds.

`python examples/ablate.py [RECIPE.yaml] --variants examples/ablations/objective.yaml [options of pretrain.py]`
Needs `pip install finemoltex[examples]`. Takes --seconds of processor time (or --steps) per run, beside preparation
and evaluation; finished runs are kept, so it can be interrupted and continued. With --structure_queries FILE and
--structure_pool FILE, every model is also asked for structures in words.
"""

import json
import platform
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

import torch
import transformers
import yaml

from modeling_finemoltex.data import write_text
from modeling_finemoltex.evaluation import load_structure_pool, load_structure_queries
from modeling_finemoltex.training import format_ablation_table, run_variant, summarise_runs


def main(words: Sequence[str] | None = None) -> int:
    """Run what is missing; after each run write the table and the raw results."""
    options, base = parse_options(words)
    variants = yaml.safe_load(options.variants.read_text(encoding="utf-8"))
    raw = options.output_dir / f"{options.variants.stem}.json"
    raw.parent.mkdir(parents=True, exist_ok=True)
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    report = {"processor": platform.machine(), "threads": options.threads, **versions, "base": base, "runs": []}
    if raw.is_file():
        report = json.loads(raw.read_text(encoding="utf-8"))
        if report["base"] != base:
            raise SystemExit(
                f"{raw} holds runs with other options: {' '.join(report['base'])}. Now it is {' '.join(base)}. Give "
                "the same options to go on, or another --output_dir."
            )
    pool = None
    if options.structure_queries:
        queries = load_structure_queries(options.structure_queries)
        pool = load_structure_pool(options.structure_pool, queries, options.structure_limit)
        report["structure"] = {"molecules": len(pool.smiles), "queries": len(pool.queries)}
    torch.set_num_threads(options.threads)
    seconds = None if options.steps else options.seconds
    for seed in options.seeds:
        for name in options.only or variants:
            if not any((run["variant"], run["seed"]) == (name, seed) for run in report["runs"]):
                choices = variants[name] or {}
                run = run_variant(choices, base, seed, seconds, options.output_dir, options.steps, pool)
                report["runs"].append({"variant": name, **run})
                report["summary"] = summarise_runs(list(variants), report["runs"])
                write_text(raw, json.dumps(report, indent=1) + "\n")
                table = format_ablation_table(list(variants), report["runs"])
                write_text(raw.with_suffix(".md"), table + "\n")
    print(format_ablation_table(list(variants), report["runs"]))
    return 0


def parse_options(words: Sequence[str] | None = None) -> tuple[Namespace, list[str]]:
    """Read the options of the comparison; the rest goes to the training arguments."""
    parser = ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--variants", type=Path, required=True, help="YAML: name of each variant and its options.")
    parser.add_argument("--only", nargs="+", help="Names of the variants to run; all, if absent.")
    parser.add_argument("--output_dir", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--seconds", type=float, default=190.0, help="Processor time of each training run.")
    parser.add_argument("--steps", type=int, help="Steps of each training run, instead of its time.")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="Threads of each run.")
    parser.add_argument("--structure_queries", type=Path, help="JSON list of queries about structure, to ask too.")
    parser.add_argument("--structure_pool", type=Path, help="File of the molecules that they are asked of.")
    parser.add_argument("--structure_limit", type=int, default=2000, help="Molecules of the pool, drawn at random.")
    options, base = parser.parse_known_args(words)
    if (options.structure_queries is None) != (options.structure_pool is None):
        parser.error("--structure_queries and --structure_pool belong together: give both, or neither.")
    known = yaml.safe_load(options.variants.read_text(encoding="utf-8"))
    unknown = [name for name in options.only or () if name not in known]
    if unknown:
        parser.error(f"--only {unknown[0]!r} is none of {', '.join(known)}.")
    return options, base


if __name__ == "__main__":
    sys.exit(main())
