"""The editors by name."""

from .edits import EditorSettings, MoleculeEditor
from .latent_editor import LatentOptimizationEditor
from .random_editor import RandomEditor
from .search import SearchEditor

EDITORS: dict[str, type[MoleculeEditor]] = {
    "search": SearchEditor,
    "latent": LatentOptimizationEditor,
    "random": RandomEditor,
}


def load_editor(name: str, name_or_path: str, settings: EditorSettings | None = None) -> MoleculeEditor:
    """Load a model into an editor chosen by name.

    Args:
        name (`str`): Key of `EDITORS`.
        name_or_path (`str`): Folder or Hub id of a model with its processor; `"latent"` needs one with a generator.
        settings ([`EditorSettings`], *optional*): An editor reads those that concern it.

    Raises:
        ImportError: If a library that the settings ask for is missing.
        ValueError: If there is no such editor or model, or the model lacks what the editor needs.

    Example:
    >>> load_editor("random", folder).edit("CCO", "This molecule is an amine.", num_edits=1)
    [Edit(smiles=..., text_score=None, ...)]
    """
    if name not in EDITORS:
        raise ValueError(f"There is no editor {name!r}: choose one of {', '.join(EDITORS)}.")
    return EDITORS[name].from_model(name_or_path, settings or EditorSettings())
