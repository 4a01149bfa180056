"""Answers of editors to the published prompts, in a file that an interrupted run goes on with."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from tqdm.auto import tqdm

from ..data.atomic_files import write_text
from ..evaluation.editing_prompts import PROMPTS
from .edits import MoleculeEditor

Answers = dict[tuple[str, int, str], list[str]]  # by editor, prompt and source


def record_answers(
    editors: Mapping[str, tuple[MoleculeEditor, bool]],
    sources: Sequence[str],
    numbers: Sequence[int],
    num_answers: int,
    file: Path,
) -> Answers:
    """Ask every editor what is not answered yet.

    Editors that work on one molecule at a time are asked all prompts about it in turn, because they keep what does not
    depend on the prompt; those that work on batches are asked each prompt about a batch.

    Args:
        editors (mapping): Name -> editor, and whether it is told what not to become.
        sources (sequence of `str`): Molecules to edit.
        numbers (sequence of `int`): Of the prompts.
        num_answers (`int`): Most answers to keep.
        file (`Path`): Lines of JSON, one for each editor, prompt and molecule; made if needed.

    Returns:
        `dict`: All answers in the file, best first.
    """
    done = read_answers(file)
    with file.open("a", encoding="utf-8", buffering=1) as lines:  # by lines
        for size in sorted({editor.batch_size for editor, _ in editors.values()}):
            peers = {name: entry for name, entry in editors.items() if entry[0].batch_size == size}
            with tqdm(total=len(sources) * len(numbers) * len(peers), unit="edit", desc=", ".join(peers)) as bar:
                for start in range(0, len(sources), size):
                    batch = sources[start : start + size]
                    for number in numbers:
                        for name, (editor, has_opposite) in peers.items():
                            missing = [source for source in batch if (name, number, source) not in done]
                            prompt = PROMPTS[number]
                            opposite = prompt.opposite if has_opposite else None
                            edits = editor.edit_many(missing, prompt.text, opposite, num_answers) if missing else []
                            for source, answers in zip(missing, edits, strict=True):
                                entry = {"editor": name, "prompt": number, "source": source}
                                lines.write(json.dumps(entry | {"answers": [edit.smiles for edit in answers]}) + "\n")
                            bar.update(len(batch))
    return read_answers(file)


def read_answers(file: Path) -> Answers:
    """Read answers; a last line that a kill cut off is dropped from the file."""
    if not file.exists():
        return {}
    whole, _, _ = file.read_text(encoding="utf-8").rpartition("\n")
    write_text(file, f"{whole}\n" if whole else "")
    entries = map(json.loads, whole.splitlines())
    return {(entry["editor"], entry["prompt"], entry["source"]): entry["answers"] for entry in entries}
