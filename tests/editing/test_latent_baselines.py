"""Moves in latent space that do not read the prompt."""

import pytest
import torch

from modeling_finemoltex.editing import LatentMoveEditor

SOURCE = "Cc1ccc(O)cc1"


@pytest.mark.parametrize("kind", ["random", "pca", "variance"])
def test_blind_moves_ignore_the_text_but_not_the_seed(parts, arenes, prompt, kind):
    blind = LatentMoveEditor(parts, kind, arenes, only_admissible=False)
    drawn = blind.edit(SOURCE, prompt)
    assert len(drawn) == 5 and all(edit.text_score is None for edit in drawn)
    assert [one.smiles for one in blind.edit_many([SOURCE], prompt)[0]] == [one.smiles for one in drawn]
    latents = blind.coder.encode([blind.coder.tokenize(SOURCE)])
    moves = [
        editor.move(latents, [SOURCE], prompt, None) - latents.states
        for editor in (blind, LatentMoveEditor(parts, kind, arenes, seed=1))
    ]
    lengths = moves[0][:, 0, 0].norm(dim=-1)  # (W,), of the first token
    torch.testing.assert_close(lengths / lengths[0], torch.tensor([1.0, 1.5, 2.0, 2.5, 3.0]))
    assert not torch.allclose(*moves)


def test_larger_moves_change_what_is_written(parts, arenes, prompt):
    far = LatentMoveEditor(parts, "variance", arenes, only_admissible=False, strengths=(0.0, 1e3))
    unmoved, moved = far.edit(SOURCE, prompt)
    assert {unmoved.smiles, moved.smiles} >= {SOURCE} and unmoved.smiles != moved.smiles


def test_refusals_are_explained(parts, arenes):
    with pytest.raises(ValueError, match="`kind` must be one of 'random', 'pca', 'variance': got 'genetic'"):
        LatentMoveEditor(parts, "genetic", arenes)
    with pytest.raises(ValueError, match="at least two molecules that the generator can write: got 1"):
        LatentMoveEditor(parts, "pca", [SOURCE, "[Fe+2]"])
