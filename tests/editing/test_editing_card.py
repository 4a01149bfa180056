"""The card of an editing folder: its code runs, its figures are those of the alignment."""

import re

import torch
from copying_generator import swap_along
from huggingface_hub import ModelCard

from modeling_finemoltex import FineMolTexForMoleculeEditing
from modeling_finemoltex.editing import TextGuide, save_editing_folder
from modeling_finemoltex.hub.publishing import check_folder

ASKED = ("This molecule is soluble in water.", "This molecule is insoluble in water.")
KNOWN = ("This molecule is an alcohol.", "This molecule is an acid.")  # in words of the small tokenizer


def test_the_card_edits_a_molecule(parts, encoder, tmp_path, capsys):
    model = FineMolTexForMoleculeEditing.from_parts(encoder.model, parts.model.generator)
    direction = torch.from_numpy(TextGuide(encoder, *KNOWN).directions[0])
    swap_along(model, parts.generator_tokenizer, direction, "[O]", "[F]")
    facts = {"dataset": "`arenes.smi`", "metrics": {"cosine": 0.5}}
    folder = save_editing_folder(parts._replace(model=model), tmp_path / "tiny", facts)
    check_folder(folder)
    card = ModelCard.load(folder / "README.md").text
    assert "written as SELFIES" in card and "from `arenes.smi`." in card and "| cosine | 0.5000 |" in card
    code, second = re.findall(r"```python\n(.*?)```", card, flags=re.DOTALL)
    assert '"[C][C][O]"' in second and all(sentence in code for sentence in ASKED)
    for asked, known in zip(ASKED, KNOWN, strict=True):
        code = code.replace(asked, known)
    capsys.readouterr()
    exec(code.replace('"tiny"', repr(str(folder))), {})
    *searched, optimised = capsys.readouterr().out.splitlines()
    assert searched and optimised.split()[0] == "Cc1ccc(F)cc1"
    for line in (*searched, optimised):
        smiles, score, similarity = line.split()
        assert smiles != "Cc1ccc(O)cc1" and -2 <= float(score) <= 2 and 0.4 <= float(similarity) < 1
