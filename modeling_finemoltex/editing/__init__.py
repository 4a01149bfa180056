"""Editing: a molecule and a sentence in, analogues that fit the sentence out."""

import importlib
from typing import Any

_MODULES = {
    "CremMutations": "crem_mutations",
    "Edit": "edits",
    "EditConstraints": "edits",
    "MoleculeEditor": "edits",
    "MotifSwaps": "motif_swaps",
    "RandomEditor": "random_editor",
    "SearchEditor": "search",
    "SearchSettings": "search",
    "SelfiesMutations": "selfies_mutations",
    "TextGuide": "text_guide",
    "draw_edits": "edits_page",
    "make_proposers": "proposers",
    "render_edits_page": "edits_page",
    "write_edits": "edits_page",
    "build_fragment_database": "crem_mutations",
}
__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    """Import RDKit and torch only when a name that needs them is asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
