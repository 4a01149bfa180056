"""Co-attention is read while the model runs, and nothing is left behind."""

import pytest
import torch

from modeling_finemoltex.explain.co_attention import average_attention, record_co_attention


def test_recording_leaves_nothing_behind(word_model):
    fusion = word_model.finemoltex.fusion
    with pytest.raises(RuntimeError), record_co_attention(fusion) as scores:
        raise RuntimeError
    assert not scores and not any(block._forward_hooks for block in fusion.co_attention)
    mask = torch.tensor([[1, 1, 0]])
    weights = average_attention([torch.zeros(1, 2, 4, 3), torch.zeros(1, 2, 4, 3)], mask)
    assert torch.equal(weights, torch.tensor([0.5, 0.5, 0.0]).expand(1, 4, 3))
