"""Molecule-text pairs and property tables: loading, splitting, removing leaked rows, features for pre-training."""

import importlib
from typing import Any

_MODULES = {
    "GENERATED": "descriptor_captions",
    "Source": "sources",
    "MOLECULENET": "property_tables",
    "PropertyTable": "property_tables",
    "column_split": "splits",
    "deduplicate_against": "leakage",
    "deterministic_scaffold_split": "splits",
    "describe_molecule": "descriptor_captions",
    "featurize_pairs": "features",
    "load_chemicals_pairs": "chemicals_corpus",
    "load_pairs": "pairs",
    "load_property_table": "property_tables",
    "load_source": "sources",
    "load_table": "pairs",
    "parse_smiles": "identifiers",
    "random_split": "splits",
    "scaffold_split": "splits",
    "skipped_rows": "features",
    "write_captions": "descriptor_captions",
}
__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    """Import RDKit and datasets only when a function that needs them is asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
