"""The molecule encoders by name."""

from .blend_encoder_finemoltex import FineMolTexBlendEncoder
from .gin_encoder_finemoltex import FineMolTexGINEncoder
from .molecule_encoder_finemoltex import MoleculeEncoder
from .published_gin_finemoltex import FineMolTexOGBEncoder, FineMolTexSelfLoopEncoder

# A dict and no decorator: the Hub loader finds a file by the line that imports it.
MOLECULE_ENCODERS: dict[str, type[MoleculeEncoder]] = {
    "gin": FineMolTexGINEncoder,
    "ogb_gin": FineMolTexOGBEncoder,
    "self_loop_gin": FineMolTexSelfLoopEncoder,
    "blend": FineMolTexBlendEncoder,
}


def build_molecule_encoder(config) -> MoleculeEncoder:
    """Build the encoder that a configuration names.

    Args:
        config ([`FineMolTexGraphConfig`]): `config.encoder` is a key of `MOLECULE_ENCODERS`.

    Raises:
        ValueError: If there is no encoder of that name; lists the names.
    """
    if config.encoder not in MOLECULE_ENCODERS:
        raise ValueError(
            f"`graph_config.encoder` must be one of {', '.join(MOLECULE_ENCODERS)}: got {config.encoder!r}."
        )
    return MOLECULE_ENCODERS[config.encoder](config)


__all__ = ["MOLECULE_ENCODERS", "build_molecule_encoder"]
