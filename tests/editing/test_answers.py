"""Answers are recorded once, and a run that was killed goes on."""

import json

from modeling_finemoltex.editing import Edit, MoleculeEditor, record_answers
from modeling_finemoltex.editing.answers import read_answers


class Recorder(MoleculeEditor):
    """Answers with the prompt's length, and remembers what it was asked."""

    def __init__(self, batch_size: int) -> None:
        self.batch_size, self.asked = batch_size, []

    def edit(self, smiles, prompt, opposite=None, num_edits=10):
        self.asked.append((smiles, opposite is not None))
        return [Edit(f"{smiles}{number}", None, None) for number in range(num_edits)]


def test_every_editor_answers_every_prompt_once(tmp_path):
    file, alone, together = tmp_path / "answers.jsonl", Recorder(1), Recorder(8)
    editors = {"alone": (alone, True), "together": (together, False)}
    answers = record_answers(editors, ["C", "CC"], [101, 103], 2, file)
    assert set(answers) == {(name, number, one) for name in editors for number in (101, 103) for one in ("C", "CC")}
    assert answers["alone", 101, "CC"] == ["CC0", "CC1"]
    assert set(alone.asked) == {("C", True), ("CC", True)} and set(together.asked) == {("C", False), ("CC", False)}
    assert record_answers(editors, ["C", "CC"], [101, 103], 2, file) == answers
    assert len(alone.asked) == len(together.asked) == 4  # nothing was asked again


def test_a_line_that_a_kill_cut_off_is_asked_again(tmp_path):
    file, editor = tmp_path / "answers.jsonl", Recorder(1)
    whole = json.dumps({"editor": "one", "prompt": 101, "source": "C", "answers": ["CC"]})
    file.write_text(f'{whole}\n{{"editor": "one", "pro', encoding="utf-8")
    assert read_answers(file) == {("one", 101, "C"): ["CC"]}
    assert len(record_answers({"one": (editor, False)}, ["C", "CC"], [101], 1, file)) == 2
    assert editor.asked == [("CC", False)]
    assert read_answers(tmp_path / "missing.jsonl") == {}
