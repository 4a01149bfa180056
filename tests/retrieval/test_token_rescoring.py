"""Re-scoring by tokens: the ranking of the model's own scores, kept by saving, adding and removing."""

import numpy as np
import pytest
import torch

from modeling_finemoltex import (
    FineMolTexForRetrieval,
    FineMolTexModel,
    MoleculeTextEncoder,
    MoleculeTextIndex,
    embed_file,
)
from modeling_finemoltex.retrieval.token_rescoring import count_candidates

TEXT = "an alcohol with a small ring"


@pytest.fixture
def encoder(change_config, processor):
    torch.manual_seed(0)
    model = FineMolTexModel(change_config(token_config={"size": 32}))
    torch.nn.init.normal_(model.word_tokens.weighting.weight)
    torch.nn.init.normal_(model.word_tokens.projection.weight)
    return MoleculeTextEncoder(model, processor)


@pytest.fixture
def smiles(molecules):
    return list(molecules)


def score_directly(encoder, smiles):
    """Score by the retrieval head, in the unit of cosines."""
    head = FineMolTexForRetrieval(encoder.model.config).eval()
    head.finemoltex.load_state_dict(encoder.model.state_dict())
    texts = encoder.processor(text=[TEXT], return_tensors="pt")
    output = head(**encoder.processor(smiles=smiles, return_tensors="pt"), **texts)
    return (output.logits_per_text[0] / head.finemoltex.inverse_temperature).detach().numpy()


def test_hits_are_ranked_by_both_scores(encoder, smiles):
    index = MoleculeTextIndex.build(encoder, smiles=smiles)
    expected = score_directly(encoder, smiles)
    hits = index.search(texts=TEXT, k=len(smiles))[0]
    assert np.abs(expected - [hit.score for hit in sorted(hits, key=lambda hit: hit.row)]).max() < 0.03  # int8
    assert hits == sorted(hits, key=lambda hit: -hit.score)
    cosines = index.search(texts=TEXT, k=len(smiles), rescored=0)[0]
    assert np.abs([hit.score for hit in cosines]).max() <= 1 + 1e-6
    assert [hit.row for hit in cosines] != [hit.row for hit in hits]


def test_queries_that_are_no_words_are_cosines(encoder, smiles):
    index = MoleculeTextIndex.build(encoder, smiles=smiles)
    assert index.search(smiles=smiles[1], k=1)[0][0].score == pytest.approx(1.0, abs=1e-5)


def test_tokens_follow_the_rows(encoder, smiles, tmp_path):
    index = MoleculeTextIndex.build(encoder, smiles=smiles[:4], ids=list("abcd"))
    index.add(smiles=smiles[4:], ids=list("efghij"))
    index.remove(["a", "f"])
    expected = [(hit.id, hit.score) for hit in index.search(texts=TEXT, k=8)[0]]
    index.save(tmp_path / "index")
    index.save(tmp_path / "index")  # over itself
    loaded = MoleculeTextIndex.load(tmp_path / "index", encoder)
    assert [(hit.id, hit.score) for hit in loaded.search(texts=TEXT, k=8)[0]] == expected
    whole = MoleculeTextIndex.build(encoder, smiles=smiles, ids=list("abcdefghij"))
    found = [(hit.id, hit.score) for hit in whole.search(texts=TEXT, k=10)[0] if hit.id not in "af"]
    assert [name for name, _ in found] == [name for name, _ in expected]


def test_an_embedding_folder_brings_its_tokens(encoder, smiles, tmp_path):
    library = tmp_path / "library.smi"
    library.write_text("".join(f"{one} {place}\n" for place, one in enumerate(smiles)))
    metadata = embed_file(library, tmp_path / "with", encoder, num_workers=0, progress_bar=False)
    assert metadata["token_size"] == 32
    index = MoleculeTextIndex.from_embeddings(tmp_path / "with")
    index.encoder = encoder
    direct = MoleculeTextIndex.build(encoder, smiles=smiles)
    scores = [hit.score for hit in index.search(texts=TEXT, k=10)[0]]
    assert scores == pytest.approx([hit.score for hit in direct.search(texts=TEXT, k=10)[0]], abs=1e-3)
    embed_file(library, tmp_path / "without", encoder, num_workers=0, progress_bar=False, tokens=False)
    plain = MoleculeTextIndex.from_embeddings(tmp_path / "without")
    plain.encoder = encoder
    assert all(abs(hit.score) <= 1 + 1e-6 for hit in plain.search(texts=TEXT, k=10)[0])


def test_as_many_candidates_as_asked_for():
    assert count_candidates(10, None, 1000, is_filtered=False) == 200
    assert count_candidates(10, None, 1000, is_filtered=True) == 50
    assert count_candidates(300, None, 1000, is_filtered=False) == 300
    assert count_candidates(10, 5000, 1000, is_filtered=False) == 1000
    with pytest.raises(ValueError, match="`rescored` must be a number of rows from 0 on: got -1"):
        count_candidates(10, -1, 1000, is_filtered=False)
