"""How do I edit molecules in a generator's latent space? Align it with a model, and write both into one folder.

Needs: a model folder, a generator folder (of `train_generator.py`, or any encoder-decoder over SMILES with --notation
smiles) and a file of molecules; `pip install "finemoltex[editing]"` for SELFIES.
Takes: some minutes for 50,000 molecules, nearly all for embedding each once. Try
`train_editing_alignment.py zinc250k.csv.gz --model runs/demo --generator runs/generator --output_dir runs/editing`.
"""

import argparse
import itertools
import json
import sys
from pathlib import Path
from typing import Any

import torch
import yaml
from transformers import AutoModel, AutoProcessor, logging

from modeling_finemoltex import FineMolTexForMoleculeEditing
from modeling_finemoltex.data import MoleculeFile, write_text
from modeling_finemoltex.editing import (
    AlignmentSettings,
    EditingParts,
    load_generator,
    save_editing_folder,
    train_alignment,
)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="file of molecules: csv, smi, sdf, Parquet, ...")
    parser.add_argument("--smiles_column", help="column of the molecules")
    parser.add_argument("--model", required=True, help="model folder or Hub id")
    parser.add_argument("--generator", required=True, help="generator folder or Hub id")
    parser.add_argument("--notation", choices=("selfies", "smiles"), default="selfies", help="of the generator")
    parser.add_argument("--output_dir", type=Path, required=True, help="folder to write")
    parser.add_argument("--max_molecules", type=int, default=50_000, help="read at most so many")
    parser.add_argument("--objective", choices=("cosine", "ebm_nce", "info_nce"), default="cosine")
    parser.add_argument("--num_epochs", type=int, default=30, help="passes over the molecules")
    parser.add_argument("--learning_rate", type=float, default=1e-3)
    parser.add_argument("--half_precision", action="store_true", help="store the weights in float16")
    parser.add_argument("--facts", type=Path, help="YAML with dataset, data_statement and limits for the card")
    parser.add_argument("--report", type=Path, help="report_0.4.json of evaluate_editing.py, for the card")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def summarise_report(file: Path) -> dict[str, float]:
    """Name the mean hit ratios of the families of prompts as a card wants them."""
    figures = json.loads(file.read_text(encoding="utf-8"))["figures"]
    return {
        f"{editor}, {name}": value
        for editor, values in figures.items()
        for name, value in values.items()
        if "-" in name and name.endswith("/one_answer_hit")
    }


def name_only(value: Any) -> Any:
    """Leave out where a file or folder lies on this machine."""
    return Path(value).name if isinstance(value, Path) or (isinstance(value, str) and Path(value).exists()) else value


def main() -> None:
    """Bundle, align, save, and print how well the spaces fit."""
    arguments = parse_arguments()
    logging.set_verbosity_error()  # the heads of pre-training, also in the folder, are not needed here
    torch.manual_seed(arguments.seed)
    molecules = MoleculeFile(arguments.file, arguments.smiles_column).smiles()
    smiles = list(itertools.islice(molecules, arguments.max_molecules))
    generator, generator_tokenizer = load_generator(arguments.generator)
    base, processor = AutoModel.from_pretrained(arguments.model), AutoProcessor.from_pretrained(arguments.model)
    model = FineMolTexForMoleculeEditing.from_parts(base, generator, arguments.notation)
    device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else "cpu"
    parts = EditingParts(model.to(device), processor, generator_tokenizer)
    schedule = {"num_epochs": arguments.num_epochs, "learning_rate": arguments.learning_rate, "seed": arguments.seed}
    figures = train_alignment(parts, smiles, AlignmentSettings(arguments.objective, **schedule))
    facts: dict[str, Any] = {"dataset": f"`{arguments.file.name}`"}
    if not Path(arguments.model).exists():  # others find it by this name; a folder of this machine they do not
        facts["base_model"] = arguments.model
    if arguments.facts:
        facts |= yaml.safe_load(arguments.facts.read_text(encoding="utf-8"))
    facts["metrics"] = figures | (summarise_report(arguments.report) if arguments.report else {})
    save_editing_folder(parts, arguments.output_dir, facts, arguments.half_precision)
    settings = {name: name_only(value) for name, value in vars(arguments).items()}
    report = json.dumps(settings | figures, indent=1)
    write_text(arguments.output_dir / "alignment_report.json", report + "\n")
    print(json.dumps(figures, indent=1))
    print(f"Model, generator and alignment are in {arguments.output_dir}")


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError, ImportError) as error:
        sys.exit(f"Error: {error}")
