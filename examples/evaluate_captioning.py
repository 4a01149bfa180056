"""How good are the captions of a model, beside the caption of the most similar training molecule?

Needs: a folder of `train_captioning.py` and a file of molecules and captions; `pip install "finemoltex[captioning]"`.
Runtime: some minutes for 300 molecules on one core. Try
`evaluate_captioning.py --model runs/captioner --file validation.jsonl.gz --output_dir runs/captions --max_pairs 300`.
The last row of the table is what people wrote: what the check calls false there is its error, or theirs.
"""

import argparse
import json
import logging
import sys
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm
from transformers import logging as transformers_logging

from modeling_finemoltex.captioning import Captioner, CaptionMemory, CaptionSettings
from modeling_finemoltex.data import check_caption, load_pairs, try_parse, write_text
from modeling_finemoltex.evaluation import count_false_statements, format_caption_table, score_captions


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder or Hub id of a captioner")
    parser.add_argument("--file", required=True, help="molecules and captions: csv, jsonl, Parquet, ...")
    parser.add_argument("--memory", help="file of training captions for the baseline; those that the model quotes")
    parser.add_argument(
        "--output_dir", type=Path, required=True, help="folder of captions.jsonl, report.json, table.md"
    )
    parser.add_argument("--smiles_column", help="column of the molecules")
    parser.add_argument("--text_column", help="column of the captions")
    parser.add_argument("--max_pairs", type=int, default=300, help="draw so many at random")
    parser.add_argument("--num_beams", type=int, default=1, help="1: greedy")
    parser.add_argument("--max_new_tokens", type=int, help="longest caption; that of the training, if absent")
    parser.add_argument("--batch_size", type=int, default=16, help="molecules at once")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    return parser.parse_args()


def read_pairs(options: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Draw pairs whose molecule can be parsed."""
    pairs = load_pairs(options.file, options.smiles_column, options.text_column)
    found = [pair for pair in zip(pairs["smiles"], pairs["text"], strict=True) if try_parse(pair[0]) is not None]
    order = np.random.default_rng(options.seed).permutation(len(found))[: options.max_pairs]
    drawn = [found[place] for place in sorted(order)]
    return [one for one, _ in drawn], [text for _, text in drawn]


def find_memory(options: argparse.Namespace, captioner: Captioner) -> CaptionMemory:
    """Give the captions among which the baseline looks."""
    if options.memory is None:
        if captioner.parts.memory is None:
            raise ValueError("The model quotes no captions: give those of its training as --memory FILE.")
        return captioner.parts.memory
    pairs = load_pairs(options.memory, options.smiles_column, options.text_column)
    return CaptionMemory(pairs["smiles"], pairs["text"])


def write_captions(captioner: Captioner, smiles: list[str], batch_size: int) -> list[str]:
    """Write the captions of all molecules, batch by batch."""
    starts = tqdm(range(0, len(smiles), batch_size), desc="Captions", unit=" batches")
    return [one.text for start in starts for one in captioner.write(smiles[start : start + batch_size])]


def main() -> None:
    """Write, compare, check, print."""
    options = parse_arguments()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    transformers_logging.set_verbosity_error()
    settings = CaptionSettings(options.num_beams, max_new_tokens=options.max_new_tokens)
    captioner = Captioner.from_pretrained(options.model, settings)
    smiles, references = read_pairs(options)
    memory = find_memory(options, captioner)
    nearest = [memory.find(one, 1)[0] for one in smiles]
    texts = {"model": write_captions(captioner, smiles, options.batch_size)}
    if captioner.parts.memory is not None:
        quoting = Captioner(captioner.parts, CaptionSettings(quotes=True))
        texts["model, quoting"] = write_captions(quoting, smiles, options.batch_size)
    texts |= {
        "nearest training caption (ECFP4)": [one.caption for one in nearest],
        "written by people": references,
    }
    figures = {
        name: (score_captions(one, references) if one is not references else {}) | count_false_statements(smiles, one)
        for name, one in texts.items()
    }
    options.output_dir.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "smiles": smiles[place],
            "similarity": nearest[place].similarity,
            **{name: one[place] for name, one in texts.items()},
            "statements": [one._asdict() for one in check_caption(try_parse(smiles[place]), texts["model"][place])],
        }
        for place in range(len(smiles))
    ]
    write_text(options.output_dir / "captions.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    settings_of = {name: getattr(options, name) for name in ("max_pairs", "num_beams", "max_new_tokens", "seed")}
    report = {"settings": settings_of, "num_pairs": len(smiles), "figures": figures}
    write_text(options.output_dir / "report.json", json.dumps(report, indent=1) + "\n")
    table = format_caption_table(figures)
    write_text(options.output_dir / "table.md", table + "\n")
    print(table)


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError, ImportError) as error:
        sys.exit(f"Error: {error}")
