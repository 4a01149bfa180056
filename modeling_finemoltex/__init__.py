"""FineMolTex for Hugging Face Transformers: molecules and texts in one space, motif by motif and word by word.

Importing this package registers its classes, so that `AutoModel.from_pretrained(folder)` and `AutoProcessor` work
without `trust_remote_code`. The Auto classes hold classes, not names, so registration loads Transformers' model code
with torch, which any use of `AutoModel` pays too, and RDKit. The rest (trainer, data, evaluation) loads when its name
is first used; the public names stand in `__init__.pyi`.
"""

from ._lazy import attach
from ._version import __version__ as __version__
from .registration import register

__getattr__, __dir__, __all__ = attach(__name__, __file__)

register()
