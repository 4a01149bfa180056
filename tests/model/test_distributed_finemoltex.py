"""Tensors of all ranks; two ranks themselves run in the contract of the objectives and in the training tests."""

import torch

from modeling_finemoltex.model.distributed_finemoltex import count_over_ranks, first_row_of_rank, is_distributed


def test_a_single_process_is_not_distributed():
    assert not is_distributed()
    count = torch.tensor(3.0)
    assert count_over_ranks(count) is count
    assert first_row_of_rank(7) == 0


def test_a_group_of_one_rank_is_not_distributed():
    store = torch.distributed.HashStore()
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        assert not is_distributed()
    finally:
        torch.distributed.destroy_process_group()
