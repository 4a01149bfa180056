"""The card of an editing folder: its code runs, its figures are those of the alignment."""

import re

from huggingface_hub import ModelCard

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
    exec(first.replace('"tiny"', repr(str(folder))), {})
    for line in capsys.readouterr().out.splitlines():  # a generator of a few seconds seldom writes anything similar
        smiles, score, similarity = line.split()
        assert smiles != "Cc1ccc(O)cc1" and -2 <= float(score) <= 2 and 0.4 <= float(similarity) < 1
