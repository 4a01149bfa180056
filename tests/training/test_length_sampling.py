"""Batches of rows of about one length, in an order that a resumed run finds again."""

from modeling_finemoltex.training.length_sampling import LengthSampler


def test_batches_hold_rows_of_about_one_length():
    lengths, step = [3, 9] * 40, 0
    sampler = LengthSampler(lengths, 4, 0, lambda: step)
    order = list(sampler)
    assert sorted(order) == list(range(80)) and order == list(sampler)
    mixed = sum(len({lengths[row] for row in order[start : start + 4]}) > 1 for start in range(0, 80, 4))
    assert mixed <= 2
    step = 20  # the next epoch
    assert list(sampler) != order
