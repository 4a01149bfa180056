"""Late interaction: the contract of an objective, and queries with several right molecules."""

import pytest
import torch
from contracts.head import without_dropout
from contracts.objective import ObjectiveContract, take_rows
from huggingface_hub.errors import StrictDataclassError

from modeling_finemoltex import FineMolTexForPreTraining


class TestLateInteractionObjective(ObjectiveContract):
    name = "late_interaction"
    losses = ("late_interaction",)

    @pytest.fixture
    def objective_config(self, change_config):
        others = {"contrastive": None, "masked_modelling": None}
        return without_dropout(
            change_config(objectives={self.name: {}, **others}, token_config={"size": 8, "num_counts": 2})
        )

    def expected_of_two_ranks(self, pretrainer, pairs):
        """Each rank compares its own half."""
        half = len(pairs["seeds"]) // 2
        halves = torch.arange(2 * half).chunk(2)
        return sum(pretrainer(**take_rows(pairs, rows)).loss for rows in halves) / 2


def test_a_model_without_tokens_is_refused(change_config):
    with pytest.raises(ValueError, match=r"needs token vectors: set `token_config=\{'size': 64\}`"):
        FineMolTexForPreTraining(change_config(objectives={"late_interaction": {}}))


def test_a_model_of_concepts_alone_is_refused(change_config):
    sizes = {"size": 8, "levels": "none", "num_concepts": 3}
    with pytest.raises(ValueError, match="`token_config.levels` is 'none': set it to 'both', 'motif' or 'atom'"):
        FineMolTexForPreTraining(change_config(objectives={"late_interaction": {}}, token_config=sizes))
    with pytest.raises(StrictDataclassError, match="and `num_concepts` is 0"):
        change_config(token_config={"size": 8, "levels": "none"})


def test_a_query_that_all_molecules_answer_has_no_negatives(change_config, batch):
    objectives = {"contrastive": {}, "masked_modelling": None}
    model = FineMolTexForPreTraining(change_config(objectives=objectives)).eval()
    num_pairs = len(batch["motif_counts"])
    facts = torch.ones(num_pairs, 1, dtype=torch.int16)
    conditions = torch.tensor([[[0, 1, 127]]]).repeat(num_pairs, 1, 1)
    assert model(**batch, fact_counts=facts, conditions=conditions).loss < 1e-6
