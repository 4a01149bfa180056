import numpy as np
import pytest
import torch

from modeling_finemoltex import (
    AutoModelForMoleculeRetrieval,
    FineMolTexConfig,
    FineMolTexForPreTraining,
    FineMolTexForRetrieval,
    FineMolTexModel,
)
from modeling_finemoltex.retrieval import PairReranker


@pytest.fixture
def retrieval(config):
    return FineMolTexForRetrieval(config).eval()


def test_scores_every_text_with_every_molecule(retrieval, processor, molecules):
    texts = list(molecules.values())[:3]
    with torch.no_grad():
        together = retrieval(
            **{**processor(smiles=list(molecules)), **processor(text=texts)}
        )  # 10 molecules, 3 texts: not pairs
    assert together.logits_per_text.shape == (3, len(molecules))
    scale = retrieval.finemoltex.logit_scale.exp()
    cosines = together.text_embeds @ together.molecule_embeds.T
    torch.testing.assert_close(together.logits_per_text, scale * cosines)
    torch.testing.assert_close(together.logits_per_molecule, together.logits_per_text.T)


def test_one_side_alone_has_embeddings_and_no_scores(retrieval, processor):
    batch = processor(text=["an acid"])
    output = retrieval(**batch)
    assert output.logits_per_text is None and output.molecule_embeds is None
    torch.testing.assert_close(output.text_embeds, retrieval.get_text_features(**batch))
    molecule = processor(smiles="CCO")
    torch.testing.assert_close(
        retrieval(**molecule).molecule_embeds, retrieval.get_molecule_features(**molecule), atol=1e-6, rtol=0
    )


def test_a_checkpoint_trained_to_match_brings_its_matching_head(config, tmp_path):
    trained = FineMolTexForPreTraining(FineMolTexConfig(**{**config.to_dict(), "matching_loss_weight": 1.0}))
    trained.save_pretrained(tmp_path)
    loaded, report = AutoModelForMoleculeRetrieval.from_pretrained(tmp_path, output_loading_info=True)
    assert type(loaded) is FineMolTexForRetrieval and not report["missing_keys"]
    for name, tensor in trained.matching_head.state_dict().items():
        assert torch.equal(loaded.matching_head.state_dict()[name], tensor), name


def test_a_base_checkpoint_starts_with_an_untrained_matching_head(config, tmp_path):
    base = FineMolTexModel(config)
    base.save_pretrained(tmp_path)
    loaded, report = AutoModelForMoleculeRetrieval.from_pretrained(tmp_path, output_loading_info=True)
    assert report["missing_keys"] and all(key.startswith("matching_head.") for key in report["missing_keys"])
    for name, tensor in base.state_dict().items():
        assert torch.equal(loaded.finemoltex.state_dict()[name], tensor), name


def test_the_reranker_agrees_with_the_model_in_both_directions(retrieval, processor, molecules):
    smiles, texts = list(molecules), list(molecules.values())
    rerank = PairReranker(retrieval, processor, smiles, texts, batch_size=3)
    candidates = np.array([[1, 4, 2], [7, 0, 9]])
    scores = rerank("t2m", np.array([3, 5]), candidates)
    mirrored = rerank("m2t", candidates.ravel(), np.repeat([3, 5], 3)[:, None])
    np.testing.assert_allclose(scores.ravel(), mirrored.ravel(), atol=1e-5)
    with torch.no_grad():
        text_batch, molecule_batch = processor(text=texts[3]), processor(smiles=smiles[4])
        base = retrieval.finemoltex
        expected = retrieval.match(base(**molecule_batch), base(**text_batch), text_batch["attention_mask"])
    assert scores[0, 1] == pytest.approx(expected.item(), abs=1e-5)


def test_the_reranker_names_the_directions_it_knows(retrieval, processor):
    rerank = PairReranker(retrieval, processor, ["C"], ["methane"])
    with pytest.raises(ValueError, match='"t2m" or "m2t"'):
        rerank("both", np.array([0]), np.array([[0]]))
