import dataclasses

import pytest
import torch

from modeling_finemoltex import (
    FineMolTexMoleculeEditingOutput,
    FineMolTexOutput,
    FineMolTexPreTrainingOutput,
    FineMolTexRetrievalOutput,
)

OUTPUTS = [FineMolTexOutput, FineMolTexPreTrainingOutput, FineMolTexRetrievalOutput, FineMolTexMoleculeEditingOutput]


@pytest.mark.parametrize("output", OUTPUTS)
def test_every_field_is_documented_and_the_states_come_last(output):
    names = [field.name for field in dataclasses.fields(output)]
    assert names[-2:] == ["hidden_states", "attentions"]
    assert all(name in output.__doc__ for name in names)


@pytest.mark.parametrize("output", OUTPUTS)
def test_absent_fields_are_left_out_of_the_tuple(output):
    name = dataclasses.fields(output)[0].name
    assert len(output(**{name: torch.zeros(())}).to_tuple()) == 1 and output().to_tuple() == ()


def test_the_trainer_gathers_what_has_a_row_per_pair(config):
    ignored = set(config.keys_to_ignore_at_inference)
    kept = {field.name for field in dataclasses.fields(FineMolTexPreTrainingOutput)} - ignored
    assert kept == {"loss", "molecule_embeds", "text_embeds", "counts"}
