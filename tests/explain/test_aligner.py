"""Both matrices are right to the number, and a learned motif-word pair is found."""

import numpy as np
import pytest
import torch

import modeling_finemoltex.model.attention_finemoltex as attention_finemoltex
from modeling_finemoltex import FineMolTexModel, Molecules, MoleculeTextEncoder, MotifWordAligner
from modeling_finemoltex.explain import match_tokens

PAIR = ("c1ccccc1C=O", "a benzene (with aldehyde).")


@torch.no_grad()
def test_both_matrices_are_what_the_model_computes(aligner, word_model, word_processor):
    model = word_model.finemoltex
    other = ("C1CCCCC1N", "here cyclohexane is bound to amino")
    found, padded = aligner.align([PAIR[0], other[0]], [PAIR[1], other[1]])
    (alone,) = aligner.align(*[[value] for value in PAIR])
    np.testing.assert_allclose(found.similarity, alone.similarity, atol=1e-5)  # padding changes nothing
    np.testing.assert_allclose(found.attention, alone.attention, atol=1e-5)
    assert found.similarity.shape == found.attention.shape == (len(found.motifs), 4)

    motifs = word_processor.feature_extractor.motifs(PAIR[0])
    assert [motif.atoms for motif in found.motifs] == [motif.atoms for motif in motifs]
    batch = word_processor(smiles=PAIR[0], text=PAIR[1])
    names = word_processor.feature_extractor.model_input_names
    states = model.encode_atoms(Molecules.from_tensors(**{name: batch[name] for name in names}))
    for row, motif in enumerate(motifs):
        group = torch.ones(len(states), dtype=torch.long).index_fill(0, torch.tensor(motif.atoms), 0)
        np.testing.assert_allclose(found.motif_embeds[row], model.place_atoms(states, group, 2)[0], atol=1e-5)
    word_states, _ = model.encode_words(batch["input_ids"], batch["attention_mask"])
    tokens = word_processor.tokenizer.convert_ids_to_tokens(batch["input_ids"][0])
    places = [tokens.index("alde"), tokens.index("##hyde")]
    np.testing.assert_allclose(found.context_embeds[3], model.place_words(word_states[0, places].mean(0)), atol=1e-5)

    texts = word_processor(text=[word.text for word in found.words])
    np.testing.assert_allclose(found.word_embeds, model.get_text_features(**texts), atol=1e-5)
    np.testing.assert_allclose(
        found.similarity, (found.motif_embeds - found.common_motif) @ found.word_embeds.T, atol=1e-5
    )

    weights = {}
    eager = attention_finemoltex.eager_attention_forward

    def keep(module, *inputs, **options):
        mixed, weights[module] = eager(module, *inputs, **options)
        return mixed, weights[module]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model.config, "_attn_implementation", "eager")
        patch.setattr(attention_finemoltex, "eager_attention_forward", keep)
        model(**batch, cross_attention=True)
    blocks = model.fusion.co_attention
    over_words = torch.stack([weights[block.motif_attention][0].mean(0) for block in blocks]).mean(0)  # (K + 1, T)
    over_motifs = torch.stack([weights[block.text_attention][0].mean(0) for block in blocks]).mean(0)  # (T, K + 1)
    slots = [1 + int(batch["atom_to_motif"][motif.atoms[0]]) for motif in motifs]
    expected = ((over_words + over_motifs.T) / 2)[slots]
    np.testing.assert_allclose(found.attention[:, 3], expected[:, places].sum(1), atol=1e-5)
    np.testing.assert_allclose(found.attention[:, 1], expected[:, tokens.index("benzene")], atol=1e-5)


def test_a_word_that_fits_the_common_motifs_fits_none_in_particular(aligner, word_processor):
    counts = word_processor.feature_extractor.motif_vocab["motifs"]
    commonest = sorted(counts, key=lambda label: (-counts[label], label))[:300]
    embeds, _ = aligner.encoder.encode_molecules(commonest, on_error="skip")
    np.testing.assert_allclose(aligner.common_motif, embeds.mean(0), atol=1e-5)
    (found,) = aligner.align(["c1ccccc1C=O"], ["a benzene"])
    raw = found.motif_embeds @ found.word_embeds.T
    np.testing.assert_allclose(
        raw - found.similarity, np.tile(found.word_embeds @ aligner.common_motif, (2, 1)), atol=1e-5
    )


def test_errors_and_a_model_without_co_attention(aligner, processor, config, change_config):
    with pytest.raises(ValueError, match="got 1 molecules and 2 texts"):
        aligner.align(["C"], ["a", "b"])
    with pytest.raises(ValueError, match="text at index 1 has no words"):
        aligner.align(["C", "C"], ["a", "..."])
    with pytest.raises(ValueError, match="Counted from pair 1: RDKit cannot parse"):
        aligner.align(["C", "C("], ["a", "a"], batch_size=1)
    fields = {**config.multimodal_config.to_dict(), "co_attention_motif_layers": [], "co_attention_text_layers": []}
    model = FineMolTexModel(change_config(multimodal_config=fields))
    (found,) = MotifWordAligner(MoleculeTextEncoder(model, processor)).align(["CCO"], ["a small alcohol"])
    assert not found.attention.any() and found.similarity.any() and np.isfinite(found.combined).all()


def test_tokens_are_those_of_each_pair(change_config, processor):
    torch.manual_seed(0)
    model = FineMolTexModel(change_config(token_config={"size": 16, "levels": "both"}))
    aligner = MotifWordAligner(MoleculeTextEncoder(model, processor))
    smiles, texts = ["CCO", "OC(=O)c1ccccc1"], ["a small alcohol", "an acid on a ring"]
    for alignment, molecule, text in zip(aligner.align(smiles, texts), smiles, texts, strict=True):
        (match,) = match_tokens(aligner.encoder, [molecule], text)
        weights = np.maximum(match.contributions, 0) / match.contributions.max()
        for motif, row in zip(alignment.motifs, alignment.tokens, strict=True):
            np.testing.assert_allclose(row, match.by_atom[:, motif.atoms].max(1) * weights, rtol=1e-6)
        assert alignment.default_kind == "tokens" and alignment.tokens.any()
    assert all(one.matches is None for one in aligner.align(smiles, texts, with_tokens=False))


@pytest.mark.slow
def test_a_learned_word_is_found_for_its_motif(learned_aligner, motif_words):
    parts = ("C(=O)O", "C=O", "C#N")
    cases = [(scaffold, part) for scaffold in ("c1ccccc1", "C1CCCCC1", "c1ccncc1") for part in parts]
    texts = [f"a {motif_words[scaffold]} with {motif_words[part]}" for scaffold, part in cases]
    found = learned_aligner.align([scaffold + part for scaffold, part in cases], texts)
    hits = []
    for alignment, (scaffold, part) in zip(found, cases, strict=True):
        for place, motif in enumerate(alignment.motifs):
            word = motif_words[scaffold if len(motif.atoms) == 6 else part]
            hits.append(alignment.best_words(place, 1)[0][0] == word)
    assert len(hits) == 18 and sum(hits) >= 9  # 13 when it was written; by chance a quarter, 4.5
