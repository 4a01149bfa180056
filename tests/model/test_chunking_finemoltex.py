"""Chunks of similar length: the same results, with less padding."""

import pytest
import torch

from modeling_finemoltex.model.chunking_finemoltex import (
    MAX_CHUNKS,
    MIN_CHUNK_ROWS,
    average_tokens,
    chunk_by_length,
    compute_at_once,
    count_slots,
    encode_in_chunks,
)


def test_chunks_hold_every_row_by_length():
    lengths = torch.randint(1, 40, (100,))
    chunks = chunk_by_length(lengths)
    assert len(chunks) == MAX_CHUNKS
    assert torch.cat(chunks).sort().values.tolist() == list(range(100))
    longest = [lengths[rows].max() for rows in chunks]
    shortest = [lengths[rows].min() for rows in chunks]
    assert all(one <= two for one, two in zip(longest[:-1], shortest[1:], strict=True))


def test_small_batches_and_other_devices_are_computed_at_once():
    assert chunk_by_length(torch.ones(MIN_CHUNK_ROWS, dtype=torch.long)) is None
    assert chunk_by_length(torch.ones(MIN_CHUNK_ROWS + 1, dtype=torch.long)) is not None
    assert chunk_by_length(torch.ones(100, dtype=torch.long, device="meta")) is None


def test_a_block_can_ask_for_whole_batches():
    lengths = torch.ones(100, dtype=torch.long)
    with compute_at_once():
        with compute_at_once():
            assert chunk_by_length(lengths) is None
        assert chunk_by_length(lengths) is None
    assert chunk_by_length(lengths) is not None
    with pytest.raises(RuntimeError), compute_at_once():
        raise RuntimeError
    assert chunk_by_length(lengths) is not None


def test_slots_are_counted_up_to_the_last_token():
    mask = torch.tensor([[1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 1, 0]])  # padding on the right, on the left, inside
    assert count_slots(mask).tolist() == [2, 4, 3]


def test_means_leave_padding_out_and_are_float32():
    states = torch.tensor([[[1.0], [3.0], [100.0]]], dtype=torch.bfloat16)
    mean = average_tokens(states, torch.tensor([[1, 1, 0]]))
    assert mean.dtype == torch.float32 and mean.item() == 2
    assert average_tokens(states, torch.zeros(1, 3).long()).item() == 0


@pytest.mark.parametrize("keep_states", [True, False])
def test_encoded_in_chunks_equals_encoded_at_once(keep_states):
    lengths = torch.randint(1, 30, (50,))
    mask = (torch.arange(30) < lengths[:, None]).long()
    inputs = torch.randn(50, 30, 4)
    widths = []

    def encode(rows, rows_mask):
        widths.append(rows.shape[1])
        return (rows * rows_mask[..., None]).cumsum(1)  # a state depends on its own row alone

    states, means = encode_in_chunks(encode, inputs, mask, keep_states)
    expected = (inputs * mask[..., None]).cumsum(1)
    assert widths == sorted(widths) and widths[0] < 30
    torch.testing.assert_close(means, average_tokens(expected, mask))
    if keep_states:
        torch.testing.assert_close(states[mask.bool()], expected[mask.bool()])
    else:
        assert states is None
