"""Packed token vectors: nearly the same back, small, and checked."""

import pytest
import torch

from modeling_finemoltex.embedding.token_vectors import pack_tokens, unpack_tokens
from modeling_finemoltex.model.tokens_finemoltex import MoleculeTokens


@pytest.fixture
def tokens():
    torch.manual_seed(0)
    owner = torch.tensor([0, 1, 1, 0, 0, 1, 1])  # motifs, then atoms
    vectors = torch.randn(7, 16) * torch.logspace(-2, 1, 7)[:, None]
    counts = torch.tensor([[0, 1.02, 0.01, 0, 3.0], [0.5, 0, 0, 0, 0]])
    return MoleculeTokens(vectors, owner, torch.arange(7) >= 3, counts)


def test_what_is_packed_comes_back(tokens):
    packed = pack_tokens(tokens, 2)
    assert [len(one) for one in packed] == [6 + 3 * 18 + 2 * 3, 6 + 4 * 18 + 3]
    back = unpack_tokens(packed, 16, 5)
    order = torch.tensor([0, 3, 4, 1, 2, 5, 6])
    assert back.molecule_of_token.tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert back.is_atom.tolist() == tokens.is_atom[order].tolist()
    assert (back.concepts - tokens.concepts).abs().max() <= 1 / 64
    largest = tokens.vectors[order].abs().amax(1, keepdim=True)
    assert ((back.vectors - tokens.vectors[order]).abs() < 0.01 * largest).all()


def test_a_zero_vector_and_no_molecule_are_fine():
    zero = MoleculeTokens(torch.zeros(1, 4), torch.zeros(1, dtype=torch.long), torch.zeros(1, dtype=torch.bool))
    assert not unpack_tokens(pack_tokens(zero, 1), 4).vectors.any()
    assert unpack_tokens([], 4).vectors.shape == (0, 4)
    assert unpack_tokens([], 4).concepts is None


@pytest.mark.parametrize("change", [lambda one: one[:-1], lambda one: b"", lambda one: one + b"x"])
def test_damage_is_named(tokens, change):
    packed = pack_tokens(tokens, 2)
    with pytest.raises(ValueError, match="The tokens of molecule 1 are damaged"):
        unpack_tokens([packed[0], change(packed[1])], 16, 5)


@pytest.mark.parametrize("num_concepts", [0, 4])
def test_concepts_that_the_model_has_not_are_damage(tokens, num_concepts):
    with pytest.raises(ValueError, match=f"and 2 of {num_concepts} concepts"):
        unpack_tokens(pack_tokens(tokens, 2), 16, num_concepts)
