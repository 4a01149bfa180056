"""Find the newest checkpoint that was written completely."""

import itertools
import json
import re
import zipfile
from pathlib import Path

from safetensors import SafetensorError, safe_open
from transformers.trainer import OPTIMIZER_NAME, SCHEDULER_NAME, TRAINER_STATE_NAME
from transformers.utils import SAFE_WEIGHTS_INDEX_NAME, SAFE_WEIGHTS_NAME, logging

logger = logging.get_logger(__name__)

CHECKPOINT_NAME = re.compile(r"checkpoint-(\d+)")
STAGING_FOLDER = "_unfinished_checkpoint"  # a leading underscore keeps it out of uploads to the Hub
EARLIER_FOLDER = "_earlier_checkpoints"


def find_resumable_checkpoint(output_dir: str | Path) -> Path | None:
    """Return the newest complete checkpoint of a run, or `None`.

    Half-written folders (of a killed run, or of a full disk) are passed over with a warning, never changed.

    Args:
        output_dir (`str` or `Path`): Folder of the run, which holds `checkpoint-<step>` folders.
    """
    folders = [path for path in Path(output_dir).glob("checkpoint-*") if CHECKPOINT_NAME.fullmatch(path.name)]
    for folder in sorted(folders, key=lambda path: int(path.name.rpartition("-")[2]), reverse=True):
        problem = find_checkpoint_problem(folder)
        if problem is None:
            return folder
        logger.warning(f"Passing over the incomplete checkpoint {folder}: {problem}.")
    return None


def resolve_resume_argument(resume_from_checkpoint: str | None, output_dir: str | Path) -> str | None:
    """Turn `--resume_from_checkpoint` into the folder to continue from.

    Args:
        resume_from_checkpoint (`str`, *optional*): `"latest"`, a folder, or `None` for a new run.
        output_dir (`str` or `Path`): Folder of the run.

    Returns:
        The checkpoint folder, or `None` for a new run. `"latest"` without any complete checkpoint starts a new run.

    Raises:
        ValueError: If the folder given is not a complete checkpoint.
    """
    if resume_from_checkpoint is None:
        return None
    if resume_from_checkpoint != "latest":
        problem = find_checkpoint_problem(Path(resume_from_checkpoint))
        if problem is not None:
            raise ValueError(
                f"Cannot resume from {resume_from_checkpoint}: {problem}. Give a complete checkpoint folder, or "
                "`--resume_from_checkpoint latest` for the newest complete one of the output folder."
            )
        return resume_from_checkpoint
    checkpoint = find_resumable_checkpoint(output_dir)
    if checkpoint is None:
        logger.warning(f"There is no complete checkpoint in {output_dir}: training starts from the beginning.")
    return None if checkpoint is None else str(checkpoint)


def read_step(checkpoint: str | Path) -> int:
    """Read the optimizer step at which a complete checkpoint was written."""
    return json.loads(Path(checkpoint, TRAINER_STATE_NAME).read_text(encoding="utf-8"))["global_step"]


def set_aside_other_checkpoints(output_dir: str | Path, start_step: int) -> None:
    """Move the checkpoints beyond the step a run starts from out of its way, into `_earlier_checkpoints`.

    They belong to another course of training (or are half-written): left in place, they would be taken for the newest
    ones when old checkpoints are deleted and when the run is resumed.

    Args:
        output_dir (`str` or `Path`): Folder of the run.
        start_step (`int`): Step of the checkpoint the run continues from; 0 for a new run.
    """
    for folder in sorted(Path(output_dir).glob("checkpoint-*")):
        name = CHECKPOINT_NAME.fullmatch(folder.name)
        if name is None or int(name[1]) <= start_step:
            continue
        attic = folder.parent / EARLIER_FOLDER
        attic.mkdir(exist_ok=True)
        places = (attic / f"{folder.name}.{number}" for number in itertools.count(1))
        place = next(place for place in places if not place.exists())
        logger.warning(f"{folder} is not of this run, which starts from step {start_step}: moved to {place}.")
        folder.rename(place)


def find_checkpoint_problem(folder: Path) -> str | None:
    """Say what is missing from, or truncated in, a checkpoint; `None` if it can be resumed.

    `Trainer` writes the weights first and `trainer_state.json` last, but other ranks write their random states at any
    time and a copy can be cut anywhere: so every file that resuming reads is checked, by structure, never unpickled.
    """
    try:
        state = json.loads((folder / TRAINER_STATE_NAME).read_text(encoding="utf-8"))
        if "global_step" not in state:
            return f"{TRAINER_STATE_NAME} has no `global_step`"
    except FileNotFoundError:
        return f"{TRAINER_STATE_NAME} is missing"
    except (OSError, ValueError) as error:
        return f"{TRAINER_STATE_NAME} cannot be read ({error})"
    if any(folder.glob("global_step*")) or any(folder.glob("pytorch_model_fsdp*")):
        return None  # sharded by DeepSpeed or FSDP, whose own loaders check their files
    return _find_weights_problem(folder) or _find_state_problem(folder)


def _find_weights_problem(folder: Path) -> str | None:
    """Check that each safetensors file has all the bytes its header announces."""
    names = [SAFE_WEIGHTS_NAME]
    try:
        if (folder / SAFE_WEIGHTS_INDEX_NAME).is_file():
            index = json.loads((folder / SAFE_WEIGHTS_INDEX_NAME).read_text(encoding="utf-8"))
            names = sorted(set(index["weight_map"].values()))
        for name in names:
            with safe_open(folder / name, framework="np"):
                pass
    except FileNotFoundError as error:
        return f"{error.filename or 'a weight file'} is missing"
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        return f"the weights cannot be read ({error})"
    return None


def _find_state_problem(folder: Path) -> str | None:
    """Check that optimizer, scheduler and random states are whole zip archives, the format of `torch.save`."""
    random_states = sorted(folder.glob("rng_state*.pth"))
    if not random_states:
        return "no random state (rng_state*.pth)"
    for path in [folder / OPTIMIZER_NAME, folder / SCHEDULER_NAME, *random_states]:
        if not path.is_file():
            return f"{path.name} is missing"
        if not zipfile.is_zipfile(path):
            return f"{path.name} is truncated"
    return None
