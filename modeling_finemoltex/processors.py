"""In a checkout: `modeling_finemoltex.processors` is the folder `processors/` beside this package.

Installed, a folder of this name lies here and Python prefers it to this file. Either way each class exists once, and
no stranger's top-level `processors` can answer in its place.
"""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

_FOLDER = Path(__file__).resolve().parent.parent / "processors"
_spec = spec_from_file_location(__name__, _FOLDER / "__init__.py", submodule_search_locations=[str(_FOLDER)])
if _spec is None or _spec.loader is None or not (_FOLDER / "__init__.py").is_file():
    raise ImportError(
        f"The folder {_FOLDER} is missing. Reinstall with `pip install finemoltex`, or work from a complete checkout."
    )
_package = sys.modules[__name__] = module_from_spec(_spec)  # the import system hands out what stands here in the end
_spec.loader.exec_module(_package)
