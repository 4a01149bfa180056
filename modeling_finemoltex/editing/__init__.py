"""Editing: a molecule and a sentence in, analogues that fit the sentence out."""

import importlib
from typing import Any

_MODULES = {
    "AlignmentSettings": "alignment_training",
    "CremMutations": "crem_mutations",
    "Edit": "edits",
    "EditConstraints": "edits",
    "EditingParts": "editing_folder",
    "GeneratorArguments": "generator_training",
    "LatentCoder": "latent_coder",
    "LatentMoveEditor": "latent_baselines",
    "LatentOptimizationEditor": "latent_editor",
    "LatentSettings": "latent_editor",
    "Latents": "latent_coder",
    "MoleculeEditor": "edits",
    "MotifSwaps": "motif_swaps",
    "PENALTY_GRIDS": "latent_editor",
    "RandomEditor": "random_editor",
    "SearchEditor": "search",
    "SearchSettings": "search",
    "SelfiesMutations": "selfies_mutations",
    "TextGuide": "text_guide",
    "draw_edits": "edits_page",
    "load_editing_folder": "editing_folder",
    "load_generator": "editing_folder",
    "load_generator_tokenizer": "editing_folder",
    "make_proposers": "proposers",
    "measure_reconstruction": "latent_coder",
    "read_molecules": "generator_training",
    "record_answers": "answers",
    "render_edits_page": "edits_page",
    "save_editing_folder": "editing_folder",
    "train_alignment": "alignment_training",
    "train_generator": "generator_training",
    "write_edits": "edits_page",
    "build_fragment_database": "crem_mutations",
}
__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    """Import RDKit and torch only when a name that needs them is asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
