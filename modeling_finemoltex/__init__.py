"""FineMolTex for Hugging Face Transformers: molecules and texts in one space, motif by motif and word by word.

Importing this package registers its classes, as soon as Transformers is imported too, so that
`AutoModel.from_pretrained(folder)` and `AutoProcessor` work without `trust_remote_code`. So what needs neither PyTorch
nor Transformers, such as `modeling_finemoltex.runtime`, does not wait for them. The rest (trainer, data, evaluation)
loads when its name is first used; the public names stand in `__init__.pyi`.
"""

from ._deferred import register_with_transformers
from ._lazy import attach
from ._version import __version__ as __version__

__getattr__, __dir__, __all__ = attach(__name__, __file__)

register_with_transformers()
