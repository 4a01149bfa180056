"""The card of an editing folder: its code runs, its figures are those of the alignment."""

import re

from huggingface_hub import ModelCard

from modeling_finemoltex import EditConstraints, LatentSettings
from modeling_finemoltex.editing import save_editing_folder
from modeling_finemoltex.hub.publishing import check_folder

PENALTIES = [10 ** (-place / 4) for place in range(16)]  # a finer grid: one of them moves a tiny model just enough


def test_the_card_edits_a_molecule(parts, tmp_path, capsys):
    folder = save_editing_folder(parts, tmp_path / "tiny", {"dataset": "`arenes.smi`", "metrics": {"cosine": 0.5}})
    check_folder(folder)
    card = ModelCard.load(folder / "README.md").text
    assert "written as SELFIES" in card and "from `arenes.smi`." in card and "| cosine | 0.5000 |" in card
    first, second = re.findall(r"```python\n(.*?)```", card, flags=re.DOTALL)
    assert '"[C][C][O]"' in second
    capsys.readouterr()
    # A generator of a few seconds seldom writes anything similar: further moves, and any molecule is let through.
    loaded = "LatentOptimizationEditor.from_pretrained(folder"
    assert loaded in first
    anything = (
        "constraints=EditConstraints(0.0, max_sa_score=10.0), settings=LatentSettings(PENALTIES, learning_rate=1.0)"
    )
    code = first.replace('"tiny"', repr(str(folder))).replace(loaded, f"{loaded}, {anything}")
    assert "SearchEditor(MoleculeTextEncoder.from_pretrained(folder))" in code
    constrained = "from_pretrained(folder), constraints=EditConstraints(0.0, max_sa_score=10.0))"
    code = code.replace("MoleculeTextEncoder.from_pretrained(folder))", f"MoleculeTextEncoder.{constrained}")
    lines: list[str] = []
    names = {"EditConstraints": EditConstraints, "LatentSettings": LatentSettings, "PENALTIES": PENALTIES}
    for editors in ("(search,)", "(latent,)"):
        exec(code.replace("(search, latent)", editors), dict(names))
        written = capsys.readouterr().out.splitlines()
        assert written, editors
        lines += written
    for line in lines:
        smiles, score, similarity = line.split()
        assert smiles != "Cc1ccc(O)cc1" and -2 <= float(score) <= 2 and 0 <= float(similarity) < 1
