"""The one place that knows where the `processors` package lives.

Installed, it is the sub-package `modeling_finemoltex.processors`. In a checkout, editable or not, it is the folder
`processors/` beside this package, loaded under that same name: so each class exists once, whichever way the code was
reached, and neither a stranger's top-level `processors` nor another checkout can answer in its place.
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

INSTALLED_NAME = f"{__package__}.processors"
INSTALLED_FOLDER = Path(__file__).resolve().parent / "processors"
CHECKOUT_FOLDER = Path(__file__).resolve().parent.parent / "processors"


def load_processors() -> ModuleType:
    """Import the `processors` package under its installed name.

    Returns:
        `ModuleType`: The package, with the public names of `processors/__init__.py`.

    Raises:
        ImportError: If it is neither installed nor in the checkout.
    """
    if INSTALLED_NAME in sys.modules or INSTALLED_FOLDER.is_dir():
        return importlib.import_module(INSTALLED_NAME)
    return _load_from_checkout()


def _load_from_checkout() -> ModuleType:
    """Load `CHECKOUT_FOLDER` as `INSTALLED_NAME`."""
    entry = CHECKOUT_FOLDER / "__init__.py"
    if not entry.is_file():
        raise ImportError(
            f"The `processors` package is missing: it is neither installed as `{INSTALLED_NAME}` nor in "
            f"{CHECKOUT_FOLDER}. Reinstall with `pip install finemoltex`, or `pip install -e .` in a checkout."
        )
    search = [str(CHECKOUT_FOLDER)]
    spec = importlib.util.spec_from_file_location(INSTALLED_NAME, entry, submodule_search_locations=search)
    if spec is None or spec.loader is None:
        raise ImportError(f"{entry} cannot be loaded as a Python package.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[INSTALLED_NAME] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(INSTALLED_NAME, None)  # a half-loaded package must not answer the next import
        raise
    vars(sys.modules[__package__])["processors"] = module  # what the import system does for a sub-package
    return module
