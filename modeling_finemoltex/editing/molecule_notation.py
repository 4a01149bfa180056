"""How a generator writes molecules: as SMILES, or as SELFIES, in which every string is a molecule."""

from typing import Any

from ..data.identifiers import canonical_smiles


def import_selfies() -> Any:
    """Import the library `selfies`.

    Raises:
        ImportError: If it is not installed.
    """
    try:
        import selfies
    except ImportError as error:
        raise ImportError('SELFIES need `pip install "finemoltex[editing]"`.') from error
    return selfies


def write_molecule(smiles: str, notation: str) -> str:
    """Write one molecule for a generator, always the same way.

    Args:
        smiles (`str`): The molecule.
        notation (`str`): `"selfies"` or `"smiles"` (canonical).

    Raises:
        ImportError: If SELFIES are asked for without the library.
        ValueError: If it is no molecule, or SELFIES cannot write it.

    Example:
    >>> write_molecule("OCC", "selfies")
    '[C][C][O]'
    """
    canonical = canonical_smiles(smiles)
    if canonical is None:
        raise ValueError(f"{smiles!r:.80} is no molecule: give a SMILES such as 'CCO'.")
    if notation == "smiles":
        return canonical
    selfies = import_selfies()
    try:
        return selfies.encoder(canonical)
    except selfies.EncoderError as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"SELFIES cannot write {canonical!r:.80}: {reason:.200}") from error


def parse_notation(text: str, notation: str) -> str | None:
    """Read what a generator wrote.

    Args:
        text (`str`): Its output.
        notation (`str`): `"selfies"` or `"smiles"`.

    Returns:
        `str`, *optional*: Canonical SMILES; `None` if it is no molecule.

    Example:
    >>> parse_notation("[O][C][C]", "selfies")
    'CCO'
    """
    if notation == "smiles":
        return canonical_smiles("".join(text.split()))
    selfies = import_selfies()
    try:
        return canonical_smiles(selfies.decoder(text))
    except selfies.DecoderError:  # a symbol that is none, such as that of an unknown token
        return None
