"""Write the default corpus, molecules and their names, as the folder of a Hub dataset: Parquet files and a card."""

import importlib.metadata
from pathlib import Path
from statistics import median
from typing import Any

import rdkit
from datasets import Dataset
from huggingface_hub import DatasetCard, DatasetCardData

from ..data import load_chemicals_pairs, scaffold_split
from ..data.atomic_files import staged_file, write_text
from .cards import MODEL_TAG, find_template
from .contents import CARD_FILE

DATASET_TEMPLATE_FILE = "dataset_card_template.md"
SPLITS = {"train": "train", "valid": "validation", "test": "test"}  # as `scaffold_split` and as the Hub calls them
SIZE_CATEGORIES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def export_names_dataset(
    folder: str | Path,
    synonyms_per_molecule: int = 1,
    valid_size: int | float = 0.03,
    test_size: int | float = 0.03,
    seed: int = 0,
    num_proc: int | None = None,
) -> Path:
    """Write molecule-name pairs, split by scaffold, with a card whose figures are counted from the rows.

    `datasets.load_dataset(folder)` reads it, and `finemoltex push folder owner/name` shares it.

    Args:
        folder (`str` or `Path`): Created if needed; its name is the name in the card.
        synonyms_per_molecule (`int`): Names beside the IUPAC name; see `load_chemicals_pairs`.
        valid_size (`int` or `float`): Rows of the validation split, or a fraction below 1.0; see `scaffold_split`.
        test_size (`int` or `float`): The same for the test split.
        seed (`int`): Of the choice among names, and of the split.
        num_proc (`int`, *optional*): Worker processes for the scaffolds.

    Returns:
        `Path`: The folder.

    Raises:
        ImportError: If the package `chemicals` is not installed.
        ValueError: If the sizes do not fit.
    """
    folder = Path(folder)
    pairs = load_chemicals_pairs(synonyms_per_molecule, seed)
    parts = scaffold_split(pairs["smiles"], valid_size, test_size, seed, num_proc)
    (folder / "data").mkdir(parents=True, exist_ok=True)
    rows, data_files = [], []
    for name, split in SPLITS.items():
        if not len(parts[name]):
            continue
        file = folder / "data" / f"{split}-00000-of-00001.parquet"
        part = pairs.select(parts[name])
        with staged_file(file) as staged:
            part.to_parquet(staged)
        rows.append(_describe_split(split, part, file))
        data_files.append({"split": split, "path": file.relative_to(folder).as_posix()})
    facts = {"name": folder.resolve().name, "synonyms": synonyms_per_molecule, "seed": seed}
    write_text(folder / CARD_FILE, str(_build_card(pairs, rows, data_files, facts)))
    return folder


def _describe_split(name: str, part: Dataset, file: Path) -> dict[str, Any]:
    """Count what the card tells of a split."""
    return {
        "name": name,
        "pairs": len(part),
        "molecules": len(set(part["inchikey"])),
        "iupac": list(part["kind"]).count("iupac"),
        "letters": round(median(map(len, part["text"]))),
        "megabytes": file.stat().st_size / 1e6,
    }


def _build_card(
    pairs: Dataset, rows: list[dict[str, Any]], data_files: list[dict[str, str]], facts: dict[str, Any]
) -> DatasetCard:
    """Fill the card template."""
    data = DatasetCardData(
        license="mit",
        language="en",
        pretty_name="Molecules and their names",
        tags=[MODEL_TAG, "chemistry", "molecule", "smiles", "molecule-text"],
        task_categories=["feature-extraction", "sentence-similarity"],
        size_categories=[next((name for size, name in SIZE_CATEGORIES if len(pairs) < size), "1M<n<10M")],
        configs=[{"config_name": "default", "data_files": data_files}],
    )
    return DatasetCard.from_template(
        data,
        template_path=str(find_template(DATASET_TEMPLATE_FILE)),
        num_pairs=len(pairs),
        num_molecules=len(set(pairs["inchikey"])),
        splits=rows,
        chemicals_version=importlib.metadata.version("chemicals"),
        rdkit_version=rdkit.__version__,
        **facts,
    )
