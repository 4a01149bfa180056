"""How long does it take until a command answers? Beside an empty program of Python."""

import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from benchmark_cases import Case, measure
from benchmark_inputs import Inputs, Settings

from modeling_finemoltex.data import write_text

QUERY = "a chlorinated pyridine"
IMPORT = "from modeling_finemoltex.runtime import OnnxMoleculeTextEncoder"


def benchmark(inputs: Inputs, settings: Settings) -> dict[str, dict]:
    """Measure whole commands, each in a process of its own, whose memory is not measured."""
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, "library.csv")
        rows = inputs.smiles[: settings.scale(1_000, 16)]
        write_text(library, "smiles\n" + "".join(f'"{one}"\n' for one in rows))
        environment = {**os.environ, "HF_HOME": folder, "OMP_NUM_THREADS": str(settings.threads)}
        start = partial(run, environment)
        command = ["-m", "finemoltex_cli"]
        search = [*command, "search", str(library), QUERY, "--model", inputs.model]
        exported = [*command, "search", str(library), QUERY, "--model", str(inputs.export)]
        for first in (search, exported):
            start(first)  # makes the index that the searches after it open
        cases = {
            "python": Case(partial(start, ["-c", "pass"]), 1),
            "import torch, transformers": Case(partial(start, ["-c", "import torch, transformers"]), 1, "python"),
            "import the package": Case(partial(start, ["-c", "import modeling_finemoltex"]), 1, "python"),
            "import the exported encoder": Case(partial(start, ["-c", IMPORT]), 1, "import torch, transformers"),
            "finemoltex --help": Case(partial(start, [*command, "--help"]), 1, "python"),
            "finemoltex search": Case(partial(start, search), 1, "python", {"molecules": len(rows)}),
            "finemoltex search, exported": Case(partial(start, exported), 1, "finemoltex search"),
        }
        found = measure(cases, settings, "start")
    for one in found.values():
        del one["peak_memory_mb"], one["added_memory_mb"]
    return found


def run(environment: dict[str, str], words: list[str]) -> None:
    """Run a program of Python to its end.

    Raises:
        subprocess.CalledProcessError: If it fails.
    """
    subprocess.run([sys.executable, *words], env=environment, check=True, capture_output=True)
