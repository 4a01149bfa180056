"""Train with the arguments given until a real SIGKILL in the middle of writing a checkpoint (not a test itself).

`python killed_run.py STEP ARGUMENT...` runs `examples/pretrain.py`, killing itself
while checkpoint STEP is half-written.
"""

import os
import runpy
import signal
import sys
from pathlib import Path

from transformers import TrainerState

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Replace the writing of the trainer state, the last file of a checkpoint, by SIGKILL at the step given."""
    step = int(sys.argv.pop(1))
    save_to_json = TrainerState.save_to_json

    def save_or_die(state: TrainerState, path: str) -> None:
        if state.global_step == step:
            os.kill(os.getpid(), signal.SIGKILL)
        save_to_json(state, path)

    TrainerState.save_to_json = save_or_die
    sys.path.insert(0, str(ROOT))
    runpy.run_path(str(ROOT / "examples" / "pretrain.py"), run_name="__main__")


if __name__ == "__main__":
    main()
