"""A task embeds every molecule and text once, and scores any system."""

import numpy as np
import pytest

from modeling_finemoltex.evaluation import RetrievalSetting, RetrievalTask, embed_tasks


class LengthEncoder:
    """Embeds strings by their length, and counts what it is asked."""

    def __init__(self):
        self.asked = []

    def encode_molecules(self, smiles):
        self.asked += smiles
        return np.array([[len(one), 1.0] for one in smiles])

    encode_texts = encode_molecules


PLAIN = RetrievalTask("plain", ["C", "CC", "CCC"], ["a", "ab", "abc"], RetrievalSetting((), (1,)), ["CCCC"])


def test_each_distinct_item_is_embedded_once():
    encoder = LengthEncoder()
    again = RetrievalTask("again", ["CC", "C"], ["ab", "a"], PLAIN.setting)
    (molecules, texts), (second, _) = embed_tasks([PLAIN, again], encoder)
    assert sorted(encoder.asked) == sorted(["C", "CC", "CCC", "CCCC", "a", "ab", "abc"])
    assert molecules[:, 0].tolist() == [1, 2, 3, 4] and texts[:, 0].tolist() == [1, 2, 3]
    assert second[:, 0].tolist() == [2, 1]
    values = PLAIN.score(molecules, texts)
    assert values["t2m_hits@1"].shape == (3,) and set(values) == set(PLAIN.score_at_random())


def test_a_text_of_several_sentences_is_their_mean():
    pytest.importorskip("scipy")
    task = RetrievalTask("parts", ["C"], ["a. abc"], PLAIN.setting, text_parts=[["a", "abc"]])
    ((_, texts),) = embed_tasks([task], LengthEncoder())
    np.testing.assert_allclose(texts, [[2.0, 1.0]])


def test_fewer_queries_have_a_name_of_their_own():
    some = PLAIN.with_queries(2)
    assert some.name == "plain_2queries" and len(some.setting.queries) == 2 and some.all_smiles == PLAIN.all_smiles
    assert PLAIN.with_queries(3) is PLAIN
