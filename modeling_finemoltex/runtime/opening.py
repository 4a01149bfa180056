"""Opening a model or its export, whichever a folder holds."""

from typing import Any

from ..embedding.row_encoder import RowEncoder
from .export_folder import is_export_folder
from .onnx_encoder import OnnxMoleculeTextEncoder


def open_encoder(name_or_path: str, **options: Any) -> RowEncoder:
    """Open a model, or the graphs of an export without PyTorch and Transformers: seconds sooner.

    Args:
        name_or_path (`str`): Folder or Hub id of a model, or a folder written by `finemoltex export`.
        **options: Of `MoleculeTextEncoder.from_pretrained`, for a model.

    Raises:
        ImportError: If onnxruntime is missing for an export.
        ValueError: If there is no such model, or the export is not whole.

    Example:
    >>> open_encoder(folder).encode_texts(["The molecule is an alcohol."]).shape[0]
    1
    """
    if is_export_folder(name_or_path):
        return OnnxMoleculeTextEncoder(name_or_path)
    from ..embedding.encoder import MoleculeTextEncoder  # it imports PyTorch and Transformers

    return MoleculeTextEncoder.from_pretrained(name_or_path, **options)


__all__ = ["open_encoder"]
