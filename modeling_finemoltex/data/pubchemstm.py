"""The raw files of PubChemSTM: texts and structures by compound number."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .molecule_files import MoleculeFile

logger = logging.getLogger(__name__)

TEXTS, SMILES, SDF = "CID2text.json", "CID2SMILES.csv", "molecules.sdf"
SDF_NUMBER = "PUBCHEM_COMPOUND_CID"


def find_pubchem_folder(path: str | Path) -> Path | None:
    """Find the folder of the raw files: the given one or its `raw`.

    Args:
        path (`str` or `Path`): A folder, or anything else.

    Returns:
        `Path` or `None`: The folder; `None` if it is not there.
    """
    return next((folder for folder in (Path(path), Path(path, "raw")) if (folder / TEXTS).is_file()), None)


def read_pubchem(folder: Path) -> dict[str, list[Any]]:
    """Join texts and structures by compound number.

    Args:
        folder (`Path`): Holds `CID2text.json` (number -> text or list of texts), and `CID2SMILES.csv` or
            `molecules.sdf`.

    Returns:
        `dict` of columns `smiles`, `text` and `row`; several texts of one molecule are several rows.

    Raises:
        ValueError: If a file is absent or cannot be read, no text has a structure, or one of them is empty.
    """
    try:
        texts = json.loads((folder / TEXTS).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{folder / TEXTS} cannot be read as JSON: {error}") from error
    smiles = dict(_read_structures(folder))
    pairs = [
        (cid, text)
        for cid, entries in texts.items()
        if cid in smiles
        for text in ([entries] if isinstance(entries, str) else entries)
    ]
    if not pairs:
        raise ValueError(f"{folder}: none of the {len(texts)} CIDs with texts is among the {len(smiles)} structures.")
    for cid, text in pairs:
        if not isinstance(text, str) or not text.strip() or not smiles[cid]:
            raise ValueError(f"{folder}, CID {cid}: empty text ({text!r}) or SMILES ({smiles[cid]!r}).")
    absent = sum(cid not in smiles for cid in texts)
    if absent:
        logger.warning("%s: %d of %d CIDs with texts have no structure and were left out.", folder, absent, len(texts))
    return {
        "smiles": [smiles[cid] for cid, _ in pairs],
        "text": [text for _, text in pairs],
        "row": list(range(len(pairs))),
    }


def _read_structures(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield number and SMILES from `CID2SMILES.csv`, else from `molecules.sdf`, as far as they can be read."""
    if (folder / SMILES).is_file():
        table = MoleculeFile(folder / SMILES, smiles_column="SMILES", id_column="CID")
    elif (folder / SDF).is_file():
        table = MoleculeFile(folder / SDF, id_column=SDF_NUMBER)
    else:
        there = sorted(entry.name for entry in folder.iterdir())[:10]
        raise ValueError(f"{folder} has {TEXTS} but neither {SMILES} nor {SDF}: {there}.")
    for row in table:
        if row.problem is None and row.id is not None and row.value is not None:
            try:
                yield row.id, row.value if table.to_smiles is None else table.to_smiles(row.value)
            except ValueError:
                logger.warning("%s, line %s: left out a record that RDKit cannot read.", table.path, row.line)
