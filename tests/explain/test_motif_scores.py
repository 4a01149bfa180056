"""Motifs are scored by the words that name them."""

from typing import NamedTuple

import numpy as np
import torch

from modeling_finemoltex import FineMolTexModel, MoleculeTextEncoder, MotifWordAligner
from modeling_finemoltex.explain import match_tokens, score_motifs

SMILES = "NS(=O)(=O)c1ccncc1"


class Question(NamedTuple):
    smiles: str
    text: str
    spans: list[tuple[int, int]]


QUESTION = Question(SMILES, "a pyridine ring", [(2, 15)])


def test_values_are_those_of_the_alignment(config, processor):
    aligner = MotifWordAligner(MoleculeTextEncoder(FineMolTexModel(config), processor))
    (values,) = score_motifs(aligner, [QUESTION])
    (alignment,) = aligner.align([SMILES], [QUESTION.text])
    np.testing.assert_array_equal(values["similarity"], alignment.similarity[:, 1:].mean(1))
    np.testing.assert_array_equal(values["model"], values["similarity"])
    assert "tokens" not in values and score_motifs(aligner, [QUESTION._replace(spans=[(50, 60)])]) == [{}]


def test_tokens_ask_what_a_word_finds_and_not_what_it_adds(change_config, processor):
    torch.manual_seed(0)
    model = FineMolTexModel(change_config(token_config={"size": 16, "levels": "both"}))
    torch.nn.init.normal_(model.word_tokens.weighting.weight)
    aligner = MotifWordAligner(MoleculeTextEncoder(model, processor))
    (values,) = score_motifs(aligner, [QUESTION])
    (alignment,) = aligner.align([SMILES], [QUESTION.text])
    (match,) = match_tokens(aligner.encoder, [SMILES], QUESTION.text)
    by_motif = [match.by_atom[1:, motif.atoms].max() for motif in alignment.motifs]
    np.testing.assert_array_equal(values["model"], by_motif)
    np.testing.assert_array_equal(values["tokens"], by_motif)
    assert not np.allclose(alignment.tokens[:, 1:].max(1), by_motif)
