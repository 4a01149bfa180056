import dataclasses

import pytest
import torch
from contracts.objective import as_batch
from torch import nn

from modeling_finemoltex import FineMolTexForPreTraining, Objective, ObjectiveOptions
from modeling_finemoltex.model.objectives_finemoltex import READABLE, check_choice, encode_pairs, read_options


@dataclasses.dataclass
class ScaleOptions(ObjectiveOptions):
    scale: float = 1.0

    def __post_init__(self):
        if self.scale <= 0:
            raise ValueError(f"`scale` must be positive: got {self.scale}.")


class ScaleObjective(Objective):
    """Has a parameter beside its sub-modules."""

    Options = ScaleOptions

    def __init__(self, config, options):
        super().__init__(config, options)
        self.factor = nn.Parameter(torch.full((), options.scale))


def test_options_are_filled_with_their_defaults():
    assert read_options("scale", ScaleObjective, {"scale": 2.0}) == ScaleOptions(weight=1.0, scale=2.0)


def test_unknown_and_refused_options_name_the_objective():
    with pytest.raises(ValueError, match=r"'scale' has no option size: its options are \['weight', 'scale'\]"):
        read_options("scale", ScaleObjective, {"size": 2})
    with pytest.raises(ValueError, match="The objective 'scale': `scale` must be positive: got -1"):
        read_options("scale", ScaleObjective, {"scale": -1})


def test_choices_are_checked():
    check_choice("loss", "a", ["a", "b"])
    with pytest.raises(ValueError, match=r"`loss` must be one of \('a', 'b'\): got 'c'"):
        check_choice("loss", "c", ["a", "b"])


def test_an_objective_declares_what_it_owns(config):
    part = ScaleObjective(config, ScaleOptions()).parts()[""]
    assert part.kind == "objective" and len(list(part.parameters())) == 1
    bare = Objective(config, ObjectiveOptions())
    assert bare.parts() == {} and not bare.reads and not bare.is_costly
    with pytest.raises(NotImplementedError, match="Objective has no `forward`"):
        bare(None, None, None)


@pytest.mark.parametrize("reads", [(), *((name,) for name in READABLE), READABLE])
def test_each_encoder_runs_once_and_only_what_is_read_is_computed(change_config, batch, reads):
    model = FineMolTexForPreTraining(change_config(token_config={"size": 8})).eval()
    calls = []
    for name in ("graph_encoder", "text_encoder", "motif_tower"):
        getattr(model.finemoltex, name).register_forward_hook(lambda *args, name=name: calls.append(name))
    pairs = as_batch({**batch, "seeds": None, "molecule_ids": None, "text_ids": None})
    encoded = encode_pairs(model.finemoltex, pairs, reads)
    assert sorted(calls) == sorted(["graph_encoder", "text_encoder", *["motif_tower"] * ("motif_states" in reads)])
    assert {name for name in READABLE if getattr(encoded, name) is not None} == set(reads)
    plain = model.finemoltex(**batch)
    torch.testing.assert_close(encoded.molecule_embeds, plain.molecule_embeds)
    torch.testing.assert_close(encoded.text_embeds, plain.text_embeds)
    if "motif_embeds" in reads:
        assert encoded.motif_embeds.shape == (pairs.molecules.num_motifs, 32)
