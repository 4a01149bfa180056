import torch

from modeling_finemoltex.model.readout_finemoltex import TYPICAL_ATOM_COUNT, FineMolTexReadout


def test_the_number_of_atoms_counts_not_only_their_mean():
    readout = FineMolTexReadout(8, 5)
    small, large = readout(torch.ones(6, 8), torch.tensor([0, 0, 1, 1, 1, 1]), 2)
    assert small.shape == (5,) and not torch.allclose(small, large)


def test_it_reads_means_and_sums_through_two_layers():
    readout, states = FineMolTexReadout(4, 3), torch.randn(5, 4)
    groups = torch.tensor([1, 0, 1, 1, 0])
    pooled = torch.stack(
        [
            torch.cat([states[groups == one].mean(0), states[groups == one].sum(0) / TYPICAL_ATOM_COUNT])
            for one in (0, 1)
        ]
    )
    expected = readout.contract(torch.nn.functional.gelu(readout.expand(pooled)))
    torch.testing.assert_close(readout(states, groups, 2), expected)


def test_half_precision_is_pooled_in_float32():
    readout = FineMolTexReadout(4, 3).to(torch.bfloat16)
    states = torch.full((4096, 4), 1.0, dtype=torch.bfloat16)  # their sum has no neighbour in bfloat16
    one = readout(states, torch.zeros(4096, dtype=torch.long), 1)
    assert one.dtype == torch.bfloat16 and one.isfinite().all()
