"""The memory bank against multi-head attention written with loops, and what the published one keeps."""

import pytest
import torch
from torch import nn

from modeling_finemoltex.model.memory_bank_finemoltex import FineMolTexMemoryBank, softmax_in_groups

GROUP_OF = torch.tensor([0, 0, 0, 1, 2, 2])


def make_bank(**options):
    """A bank whose own parameters are started, as a model does; otherwise they are uninitialised memory."""
    bank = FineMolTexMemoryBank(8, 5, **options)
    for module in bank.modules():
        if hasattr(module, "reset_own_parameters"):
            module.reset_own_parameters(None)
    return bank


@pytest.fixture(params=[False, True], ids=["corrected", "faithful"])
def bank(request):
    return make_bank(num_slots=3, num_heads=2, faithful=request.param).eval()


@pytest.fixture
def states():
    return torch.randn(6, 8, generator=torch.Generator().manual_seed(1))


def read_slowly(bank, states):
    """Let each slot attend to each group, and average the answers; one number at a time."""
    slots = torch.cat([torch.zeros(bank.num_zero_slots, 8), bank.slots.weight])
    places = []
    for group in range(3):
        members = states[GROUP_OF == group]
        answers = []
        for slot in slots:
            heads = []
            for head in (slice(0, 4), slice(4, 8)):
                scores = [(bank.query(slot)[head] @ bank.key(one)[head]) / 4**0.5 for one in members]
                shares = torch.stack(scores).softmax(0)
                heads.append(sum(share * bank.value(one)[head] for share, one in zip(shares, members, strict=True)))
            answers.append(bank.output(torch.cat(heads)))
        places.append(torch.stack(answers).mean(0))
    return nn.functional.normalize(bank.head(torch.stack(places)), dim=-1)


def test_it_is_the_mean_of_what_each_slot_attends_to(bank, states):
    assert len(bank.slots.weight) + bank.num_zero_slots == 3
    torch.testing.assert_close(bank(states, GROUP_OF, 3), read_slowly(bank, states))


def test_the_order_of_the_states_and_the_other_groups_do_not_matter(bank, states):
    order = torch.tensor([4, 2, 3, 0, 5, 1])
    torch.testing.assert_close(bank(states[order], GROUP_OF[order], 3), bank(states, GROUP_OF, 3))
    torch.testing.assert_close(bank(states[:3], GROUP_OF[:3], 1), bank(states, GROUP_OF, 3)[:1])


def test_shares_add_up_to_one_also_for_large_scores():
    scores = torch.tensor([[1000.0, -1000.0], [1001.0, -1000.0], [-500.0, 0.0]])
    shares = softmax_in_groups(scores, torch.tensor([0, 0, 1]), 2)
    torch.testing.assert_close(shares[:2], scores[:2].softmax(0))
    assert torch.equal(shares[2], torch.ones(2))


def test_published_statistics_are_of_each_modality_in_training_and_shared_at_test(states):
    bank = make_bank(faithful=True).train()
    norm = bank.head[2]
    assert isinstance(norm, nn.BatchNorm1d) and norm.num_batches_tracked == 0
    bank(states, GROUP_OF, 3), bank(2 + states, GROUP_OF, 3)
    assert norm.num_batches_tracked == 2
    before = norm.running_mean.clone()
    assert bank(states[:3], GROUP_OF[:3], 1).isfinite().all()  # one row has no statistics
    assert torch.equal(norm.running_mean, before) and norm.num_batches_tracked == 2


def test_half_precision_gives_float32_of_length_one(states):
    bank = make_bank().bfloat16()
    embeds = bank(states.bfloat16(), GROUP_OF, 3)
    assert embeds.dtype == torch.float32
    torch.testing.assert_close(embeds.norm(dim=-1), torch.ones(3))
