"""The trained model that comes with the package: which folder it is, and where it lies.

Another model becomes the shipped one by the name below alone: `setup.py` reads it from here.
"""

from pathlib import Path

# Installed, `hub_cards` lies in the package; in a checkout beside it.
CARD_FOLDERS = tuple(Path(__file__).resolve().parents[up] / "hub_cards" for up in (1, 2))
SHIPPED_MODEL = "finemoltex"


def default_model() -> str:
    """Find the folder of the model that comes with the package, which needs no network.

    Returns:
        `str`: For `from_pretrained` of everything in this package, and of `AutoModel` and `AutoProcessor`.

    Raises:
        FileNotFoundError: If its weights are not there; says where they were looked for.

    Example:
    >>> encoder = MoleculeTextEncoder.from_pretrained(default_model())
    >>> alcohol, arene = encoder.encode_molecules(["CCO", "c1ccccc1"]) @ encoder.encode_texts(["an alcohol"])[0]
    >>> bool(alcohol > arene)
    True
    """
    folders = [cards / SHIPPED_MODEL for cards in CARD_FOLDERS]
    for folder in folders:
        if any(folder.glob("model*.safetensors")):
            return str(folder)
    raise FileNotFoundError(
        f"The weights of the shipped model are in none of {[str(folder) for folder in folders]}. Reinstall with "
        "`pip install finemoltex`, work from a complete checkout, or name another model."
    )
