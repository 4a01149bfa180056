"""Retrieval at scale: embed libraries, index the embeddings, search them with molecules or texts."""

import importlib
from typing import Any

_MODULES: dict[str, str] = {
    "Card": "molecule_page",
    "Hit": "index",
    "MoleculeFilter": "filters",
    "render_hits_page": "hits_page",
    "MoleculeTextEncoder": "encoder",
    "MoleculeTextIndex": "index",
    "PairReranker": "reranking",
    "RowSource": "molecule_files",
    "Section": "molecule_page",
    "draw_molecule": "molecule_page",
    "embed_file": "embedding_job",
    "load_embeddings": "embedding_folder",
    "render_page": "molecule_page",
}
__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    """Import faiss, RDKit and pyarrow only when a name that needs them is asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
