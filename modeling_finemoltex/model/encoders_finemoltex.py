"""The molecule encoders by name."""

from typing import Any

from .blend_encoder_finemoltex import FineMolTexBlendEncoder
from .gin_encoder_finemoltex import FineMolTexGINEncoder
from .molecule_encoder_finemoltex import MoleculeEncoder
from .published_gin_finemoltex import FineMolTexOGBEncoder, FineMolTexSelfLoopEncoder
from .smiles_encoder_finemoltex import FineMolTexSmilesEncoder

# A dict and no decorator: the Hub loader finds a file by the line that imports it.
MOLECULE_ENCODERS: dict[str, type[MoleculeEncoder]] = {
    "gin": FineMolTexGINEncoder,
    "ogb_gin": FineMolTexOGBEncoder,
    "self_loop_gin": FineMolTexSelfLoopEncoder,
    "blend": FineMolTexBlendEncoder,
    "smiles": FineMolTexSmilesEncoder,
}


def build_molecule_encoder(config: Any, whole: Any = None) -> MoleculeEncoder:
    """Build the encoder that a configuration names.

    Args:
        config ([`FineMolTexGraphConfig`]): `config.encoder` is a key of `MOLECULE_ENCODERS`.
        whole ([`FineMolTexConfig`], *optional*): Of the model, which says how attention is computed.

    Raises:
        ValueError: If there is no encoder of that name; lists the names.
    """
    if config.encoder not in MOLECULE_ENCODERS:
        raise ValueError(
            f"`graph_config.encoder` must be one of {', '.join(MOLECULE_ENCODERS)}: got {config.encoder!r}."
        )
    encoder = MOLECULE_ENCODERS[config.encoder](config)
    if whole is not None:
        encoder.use_attention_of(whole)
    return encoder


__all__ = ["MOLECULE_ENCODERS", "build_molecule_encoder"]
