"""The retrieval head: its contract, its scores and where its matching head comes from."""

import numpy as np
import pytest
import torch
from contracts.first_layout import write_first_layout
from contracts.head import GRAPH, TextHeadContract

from modeling_finemoltex import (
    AutoModelForMoleculeRetrieval,
    FineMolTexForPreTraining,
    FineMolTexForRetrieval,
    FineMolTexModel,
)
from modeling_finemoltex.retrieval import PairReranker


class TestRetrievalHead(TextHeadContract):
    head_class = FineMolTexForRetrieval
    own = ("matching_head.",)
    row_outputs = ("molecule_embeds", "text_embeds")
    num_hidden_states = 5  # two of atoms, three of words
    num_attentions = 2

    def make_loss(self, model, inputs):
        output, base = model(**inputs), model.finemoltex
        graph = {name: inputs[name] for name in GRAPH}
        hidden = torch.ones(10, int(graph["motif_counts"].max()) + 1, dtype=torch.bool)
        texts = {name: inputs[name] for name in ("input_ids", "attention_mask")}
        scores = model.match(base(**graph, hidden_motifs=hidden), base(**texts), texts["attention_mask"])
        return torch.nn.functional.cross_entropy(output.logits_per_text, torch.arange(10)) + scores.square().sum()


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


@pytest.mark.parametrize("is_first_layout", [False, True])
def test_a_checkpoint_trained_to_match_brings_its_matching_head(change_config, tmp_path, is_first_layout):
    trained = FineMolTexForPreTraining(change_config(objectives={"matching": {"weight": 0.5}}))
    if is_first_layout:
        write_first_layout(trained, tmp_path, matching_score_weight=0.3)
    else:
        trained.save_pretrained(tmp_path)
    loaded, report = AutoModelForMoleculeRetrieval.from_pretrained(tmp_path, output_loading_info=True)
    assert type(loaded) is FineMolTexForRetrieval and not report["missing_keys"]
    for name, tensor in trained.objectives["matching"].matching_head.state_dict().items():
        assert torch.equal(loaded.matching_head.state_dict()[name], tensor), name
    assert loaded.config.retrieval_config.matching_weight == (0.3 if is_first_layout else 0.1)
    loaded.save_pretrained(tmp_path / "again")
    back = FineMolTexForPreTraining.from_pretrained(tmp_path / "again", config=trained.config)
    head = back.objectives["matching"].matching_head
    assert all(torch.equal(head.state_dict()[name], one) for name, one in loaded.matching_head.state_dict().items())


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
