"""The editors by name."""

from importlib import import_module

from .edits import EditorSettings, MoleculeEditor

# Module and class: only what is used is imported, so that a search by exported graphs starts without PyTorch.
EDITORS: dict[str, str] = {
    "search": "search:SearchEditor",
    "latent": "latent_editor:LatentOptimizationEditor",
    "random": "random_editor:RandomEditor",
}


def load_editor(name: str, name_or_path: str, settings: EditorSettings | None = None) -> MoleculeEditor:
    """Load a model into an editor chosen by name.

    Args:
        name (`str`): Key of `EDITORS`.
        name_or_path (`str`): Folder or Hub id of a model with its processor, or its export; `"latent"` needs a model
            with a generator.
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
    module, _, class_name = EDITORS[name].partition(":")
    editor: type[MoleculeEditor] = getattr(import_module(f".{module}", __package__), class_name)
    return editor.from_model(name_or_path, settings or EditorSettings())
