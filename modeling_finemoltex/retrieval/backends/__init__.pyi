from .protocol import SearchBackend as SearchBackend
from .registry import BACKENDS as BACKENDS
from .registry import choose_method as choose_method
