"""Molecules to latents and back."""

import pytest
import torch

from modeling_finemoltex.editing import LatentCoder, measure_reconstruction
from modeling_finemoltex.editing.latent_coder import BATCH, Latents


@pytest.fixture(scope="module")
def coder(parts):
    return LatentCoder(parts.model.generator, parts.generator_tokenizer)


def test_what_is_encoded_is_decoded(coder, arenes):
    tokens = [coder.tokenize(smiles) for smiles in arenes[:4]]
    latents = coder.encode(tokens)
    assert latents.states.shape[:2] == latents.attention_mask.shape == (4, coder.generator.config.num_latents)
    written = coder.decode(latents)
    assert [coder.tokenize(smiles) for smiles in written] == tokens
    many = Latents(*(part.repeat(BATCH // 4 + 1, *[1] * (part.ndim - 1)) for part in latents))
    assert coder.decode(many) == written * (BATCH // 4 + 1)  # in batches
    assert torch.equal(coder.encode(tokens[2:3]).states, latents.states[2:3])


def test_figures_of_a_perfect_and_a_deaf_generator(coder, arenes, parts):
    figures = measure_reconstruction(coder, [*arenes, "[Fe+2]"])
    share = len(arenes) / (len(arenes) + 1)
    assert figures == {
        "num_molecules": len(arenes) + 1,
        "reconstruction": share,
        "validity": share,
        "similarity": 1.0,
        "num_unwritable": 1,
    }
    torch.manual_seed(0)
    deaf = LatentCoder(type(coder.generator)(coder.generator.config).eval(), parts.generator_tokenizer)
    assert measure_reconstruction(deaf, arenes[:4])["reconstruction"] == 0
    with pytest.raises(ValueError, match="got 1, of which 1 are none"):
        measure_reconstruction(coder, ["C1CC"])


def test_what_cannot_be_written_is_named(coder, parts):
    with pytest.raises(ValueError, match=r"does not know all parts of '\[Fe\+2\]'"):
        coder.tokenize("[Fe+2]")
    with pytest.raises(ValueError, match="takes 11. tokens, and the generator reads at most 64"):
        coder.tokenize("C" * 90)
    over_smiles = LatentCoder(parts.model.generator, parts.generator_tokenizer, "smiles")
    with pytest.raises(ValueError, match="does not know all parts"):  # its tokens are those of SELFIES
        over_smiles.tokenize("CCO")
