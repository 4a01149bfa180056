"""Queries and contents come as one of molecules, texts and vectors."""

import numpy as np
import pytest

pytest.importorskip("faiss")

from modeling_finemoltex.retrieval.index_inputs import check_counts, count_ids, embed_queries, take_one


def no_encoder():
    pytest.fail("vectors need no encoder")


def test_one_of_several_is_taken():
    assert take_one(smiles="CCO", texts=None) == ("smiles", ["CCO"])
    assert take_one(smiles=None, texts=("a", "b")) == ("texts", ["a", "b"])
    with pytest.raises(ValueError, match="either of `smiles` and `texts`: got smiles and texts"):
        take_one(smiles="C", texts="a")


def test_vectors_are_scaled_without_an_encoder():
    np.testing.assert_allclose(embed_queries(no_encoder, 2, embeddings=[0.0, 2.0]), [[0.0, 1.0]])
    with pytest.raises(ValueError, match=r"\(queries, 3\), got \(1, 2\)"):
        embed_queries(no_encoder, 3, embeddings=[0.0, 2.0])
    with pytest.raises(ValueError, match="There is no query"):
        embed_queries(no_encoder, 3, texts=[])


def test_messages_list_a_few_ids():
    assert count_ids(["a"]) == "1 id is ('a')"
    assert count_ids(list("abcdef")) == "6 ids are ('a', 'b', 'c', 'd', 'e', ...)"
    with pytest.raises(ValueError, match="got 1 smiles, 2 ids"):
        check_counts(smiles=["C"], ids=["a", "b"])
