"""Compare models on queries about structure, by each of their scores, with and without the facts.

Needs: a JSON list of queries with SMARTS (`docs/guides/evaluate.md`) and one or more files of molecules.
Takes about two minutes a model and pool of 10,000 molecules on one core.
    python examples/evaluate_structure_queries.py --queries queries.json --pools zinc=zinc.csv.gz
    --models small=FOLDER search=FOLDER --output structure_queries.json
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

from transformers import HfArgumentParser

from modeling_finemoltex import MoleculeTextEncoder
from modeling_finemoltex.data import write_text
from modeling_finemoltex.evaluation import (
    evaluate_structure_queries,
    format_structure_table,
    load_structure_pool,
    load_structure_queries,
    require_facts,
    score_by_model,
)

SCORES = ("pooled", "tokens", "both")


@dataclass
class Arguments:
    """What to compare."""

    queries: Path = field(metadata={"help": "JSON list of wordings and the SMARTS that say what is right."})
    pools: list[str] = field(metadata={"help": "Files of molecules, each as name=file."})
    models: list[str] = field(metadata={"help": "Model folders or Hub ids, each as name=folder."})
    output: Path = field(metadata={"help": "JSON file of the figures."})
    limit: int = field(default=10_000, metadata={"help": "Molecules of each pool, drawn at random."})


def main() -> None:
    """Measure, print a table for each system, and write the figures."""
    (arguments,) = HfArgumentParser(Arguments).parse_args_into_dataclasses()
    queries = load_structure_queries(arguments.queries)
    named = {name: path for name, _, path in (one.partition("=") for one in arguments.pools)}
    models = {name: path for name, _, path in (one.partition("=") for one in arguments.models)}
    figures: dict[str, dict[str, dict]] = {}
    for pool_name, path in named.items():
        pool = load_structure_pool(path, queries, arguments.limit)
        for model_name, folder in models.items():
            encoder = MoleculeTextEncoder.from_pretrained(folder)
            for scores in SCORES if encoder.token_size else SCORES[:1]:
                score = score_by_model(encoder, pool.smiles, scores)
                system = f"{model_name}, {scores}"
                figures.setdefault(system, {})[pool_name] = evaluate_structure_queries(pool, score)
                print(format_structure_table(figures[system][pool_name], f"{system}, {pool_name}"), flush=True)
            system = f"{model_name}, {scores}, facts required"
            score = require_facts(score, pool.smiles)
            figures.setdefault(system, {})[pool_name] = evaluate_structure_queries(pool, score)
            print(format_structure_table(figures[system][pool_name], f"{system}, {pool_name}"), flush=True)
    content = {"limit": arguments.limit, "queries": len(queries), "figures": figures}
    write_text(arguments.output, json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
