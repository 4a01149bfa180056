"""What words find by the token score: it adds up to the score, follows the atoms, and says so for each molecule."""

import numpy as np
import pytest
import torch

from modeling_finemoltex import FineMolTexModel, MoleculeTextEncoder
from modeling_finemoltex.explain import match_tokens

TEXT = "an acid on an aromatic ring"


@pytest.fixture(params=["both", "motif", "atom", "both and concepts", "none and concepts"])
def encoder(change_config, processor, request):
    torch.manual_seed(0)
    levels, _, concepts = request.param.partition(" and ")
    sizes = {"size": 16, "levels": levels, "num_concepts": 5 if concepts else 0}
    model = FineMolTexModel(change_config(token_config=sizes))
    if concepts:
        torch.nn.init.normal_(model.molecule_tokens.concepts.detectors.weight, std=0.5)
        torch.nn.init.normal_(model.word_tokens.concepts.naming.weight)
    torch.nn.init.normal_(model.word_tokens.weighting.weight)
    torch.nn.init.normal_(model.word_tokens.projection.weight)
    return MoleculeTextEncoder(model, processor)


def test_contributions_add_up_to_the_score(encoder, molecules):
    smiles = list(molecules)[:4]
    matches = match_tokens(encoder, smiles, TEXT)
    _, packed = encoder.encode_with_tokens(smiles)
    assert all(one.contributions.shape == (6,) for one in matches)
    found = [one.contributions.sum() + one.rest for one in matches]
    assert found == pytest.approx(encoder.score_tokens([TEXT], packed)[0].tolist(), abs=0.05)  # int8


def test_every_molecule_has_its_own_atoms(encoder, molecules):
    smiles = ["CCO", "CC(=O)Oc1ccccc1C(=O)O"]
    first, second = match_tokens(encoder, smiles, TEXT)
    assert first.by_atom.shape == (6, 3) and second.by_atom.shape == (6, 13)
    (alone,) = match_tokens(encoder, smiles[1:], TEXT)
    np.testing.assert_allclose(alone.by_atom, second.by_atom, atol=1e-5)
    np.testing.assert_allclose(alone.contributions, second.contributions, atol=1e-5)
    assert ((0 <= second.by_atom) & (second.by_atom <= 1)).all()


def test_telling_words_are_those_that_add_most(encoder):
    (match,) = match_tokens(encoder, ["CCO"], TEXT)
    telling = match.telling_words()
    values = match.contributions[telling]
    assert list(values) == sorted(values, reverse=True)
    assert set(match.highlighted()) == {atom for word in telling for atom in match.atoms_of(word)}
    assert match.to_dict()["words"][1]["text"] == "acid"


def test_a_model_without_tokens_says_so(config, processor):
    with pytest.raises(ValueError, match="This model has no token score"):
        match_tokens(MoleculeTextEncoder(FineMolTexModel(config), processor), ["CCO"], TEXT)
