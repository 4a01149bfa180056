"""What a folder needs to load where this package is absent: its code, and an `auto_map` that names the classes."""

import shutil
from pathlib import Path

from .heads_finemoltex import CONFIG, HEADS

CODE_FILES = "*_finemoltex.py"


def copy_code(home: Path, folder: Path) -> None:
    """Copy the Hub files of one folder of code into a model folder.

    Args:
        home (`Path`): Folder of the code.
        folder (`Path`): Model folder.
    """
    for file in sorted(home.glob(CODE_FILES)):
        shutil.copyfile(file, folder / file.name)


def map_auto_classes(home: Path, name: str) -> dict[str, str]:
    """Name the classes of a model folder: every head can start from the weights of any other.

    Args:
        home (`Path`): Folder of the code. Code that was itself loaded from a repository may lack some heads.
        name (`str`): Class of the saved model. Without this package, its auto class must give this one.

    Returns:
        `dict[str, str]`: The `auto_map` for `config.json`.
    """
    present = {head.auto_class: head for head in HEADS.values() if (home / f"{head.module}.py").is_file()}
    present |= {head.remote_auto_class: head for head in present.values() if head.name == name}
    return {"AutoConfig": CONFIG, **{auto_class: head.reference for auto_class, head in present.items()}}


__all__ = ["CODE_FILES", "copy_code", "map_auto_classes"]
