"""Fingerprint of a model: what its embeddings depend on, hashed, so that vectors of two models are never compared."""

import hashlib
import json
from typing import Any

LOCATION = {"name_or_path", "revision"}  # where a model lies; the rest tells what it is


def take_fingerprint(model: Any, processor: Any) -> dict[str, str]:
    """Name and hash what embeddings depend on.

    Args:
        model (`PreTrainedModel`): Any FineMolTex model.
        processor (`FineMolTexProcessor`): Its processor.

    Returns:
        `dict[str, str]`: Where the model lies, hashes of its weights, motif vocabulary and tokenizer, and whether it
        reads conformers, if it does.
    """
    import torch  # whoever only compares fingerprints need not wait for it

    weights, base = hashlib.sha256(), model.base_model
    # The other parts may be trained further without making an index stale.
    parts = [part for name, part in base.parts().items() if name in base.EMBEDDING_PARTS]
    embedding = set().union(*(part.state_names(base) for part in parts))
    for name, tensor in sorted(base.state_dict().items()):
        if name in embedding:
            weights.update(name.encode())
            weights.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    tokenizer = processor.tokenizer
    backend = getattr(tokenizer, "backend_tokenizer", None)
    words = json.loads(backend.to_str()) if backend is not None else dict(tokenizer.get_vocab())
    for setting in ("truncation", "padding"):  # change whenever the tokenizer is called
        words.pop(setting, None)
    in_space = {"conformers": "read"} if "has_conformer" in processor.feature_extractor.model_input_names else {}
    return {
        "name_or_path": str(model.name_or_path),
        "revision": str(getattr(model.config, "_commit_hash", None) or ""),
        "weights": weights.hexdigest()[:16],
        "motif_vocab": _hash_json(processor.feature_extractor.motif_vocab),
        "tokenizer": _hash_json(words),
        **in_space,
    }


def check_same_model(indexed: dict[str, Any] | None, offered: dict[str, Any]) -> None:
    """Refuse an encoder of another model than the one of an index.

    The fingerprint covers weights and vocabularies, not the path: a copied folder is the same model.

    Args:
        indexed (`dict[str, str]`, *optional*): Fingerprint in the index.
        offered (`dict[str, str]`): Fingerprint of the encoder.

    Raises:
        ValueError: If they differ; tells both.
    """
    if indexed is None:
        raise ValueError(
            "This index does not name its model, so no encoder is known to fit. Make it again, or search with "
            "`embeddings`."
        )
    parts = sorted((indexed.keys() | offered.keys()) - LOCATION)
    other = [name for name in parts if indexed.get(name) != offered.get(name)]
    if other:
        raise ValueError(
            f"The index was made with another model than the encoder's; they differ in {', '.join(other)}. "
            f"Index: {_describe(indexed)}. Encoder: {_describe(offered)}. "
            "Load the encoder of the index's model and revision, or embed and index the library with this one."
        )


def _describe(fingerprint: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in fingerprint.items() if value is not None)


def _hash_json(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
