"""The card of an editing folder: its code runs, its figures are those of the alignment."""

import re

from huggingface_hub import ModelCard

from modeling_finemoltex import EditConstraints
from modeling_finemoltex.editing import save_editing_folder
from modeling_finemoltex.publishing import check_folder


def test_the_card_edits_a_molecule(parts, tmp_path, capsys):
    folder = save_editing_folder(parts, tmp_path / "tiny", {"dataset": "`arenes.smi`", "metrics": {"cosine": 0.5}})
    check_folder(folder)
    card = ModelCard.load(folder / "README.md").text
    assert "written as SELFIES" in card and "from `arenes.smi`." in card and "| cosine | 0.5000 |" in card
    first, second = re.findall(r"```python\n(.*?)```", card, flags=re.DOTALL)
    assert '"[C][C][O]"' in second
    capsys.readouterr()
    # What a generator of a few seconds writes is seldom similar.
    first = first.replace("from_pretrained(folder)", "from_pretrained(folder, constraints=EditConstraints(0.1))")
    exec(first.replace('"tiny"', repr(str(folder))), {"EditConstraints": EditConstraints})
    edits = capsys.readouterr().out.splitlines()
    assert edits
    for line in edits:
        smiles, score, similarity = line.split()
        assert smiles != "Cc1ccc(O)cc1" and -2 <= float(score) <= 2 and float(similarity) >= 0.1
