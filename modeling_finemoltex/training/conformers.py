"""Whether molecules are read with a conformer: what the encoder can, and what the user wants."""

from typing import Any

from ..model.encoders_finemoltex import MOLECULE_ENCODERS
from ..processors.conformer_view_finemoltex import CONFORMER


def check_conformers(encoder: str) -> None:
    """Refuse conformers for an encoder that cannot read them.

    Args:
        encoder (`str`): Key of `MOLECULE_ENCODERS`.

    Raises:
        ValueError: Names the encoder and those that can.
    """
    if CONFORMER not in MOLECULE_ENCODERS[encoder].uses:
        able = ", ".join(name for name, one in MOLECULE_ENCODERS.items() if CONFORMER in one.uses)
        raise ValueError(
            f"The encoder {encoder!r} reads no conformers. Leave `conformers` out, or train a model with one that "
            f"does: {able}."
        )


def choose_conformers(processor: Any, encoder: str, wanted: bool | None) -> None:
    """Let a processor make conformers or not; `None` leaves it as it is.

    Args:
        processor (`FineMolTexProcessor`): Changed in place.
        encoder (`str`): Name of the encoder of its model.
        wanted (`bool`, *optional*): Whether to make them.

    Raises:
        ValueError: If the encoder cannot read them.
    """
    if wanted:
        check_conformers(encoder)
    if wanted is not None:
        processor.use_conformers(wanted)


__all__ = ["check_conformers", "choose_conformers"]
