import torch

from modeling_finemoltex.model.masking_finemoltex import hash_uniform, mix_bits, select_masked_slots


def test_draws_depend_on_seed_and_place_only():
    seeds = torch.tensor([3, 11, 3])
    draws = hash_uniform(seeds, 7)
    torch.testing.assert_close(draws[0], draws[2])
    torch.testing.assert_close(draws[:, :4], hash_uniform(seeds, 4))
    torch.testing.assert_close(draws[1:2], hash_uniform(seeds[1:2], 7))
    assert not torch.equal(draws, hash_uniform(seeds, 7, stream=1))


def test_draws_are_uniform_and_uncorrelated():
    draws = hash_uniform(torch.arange(4000), 16)
    assert 0 < draws.min() and draws.max() < 1
    torch.testing.assert_close(draws.mean(0), torch.full((16,), 0.5), atol=0.02, rtol=0)
    torch.testing.assert_close(draws.var(0), torch.full((16,), 1 / 12), atol=0.005, rtol=0)
    assert (torch.corrcoef(draws.T) - torch.eye(16)).abs().max() < 0.06
    neighbours = torch.corrcoef(torch.stack([draws[:-1, 0], draws[1:, 0]]))[0, 1]
    assert neighbours.abs() < 0.06


def test_drawing_follows_one_softmax_over_the_candidates():
    rows = 20000
    scores = torch.tensor([0.0, 1.0, 2.0, 50.0]).expand(rows, -1)
    candidates = torch.tensor([True, True, True, False]).expand(rows, -1)
    slots, is_masked = select_masked_slots(scores, candidates, 0.34, torch.arange(rows))
    drawn = torch.bincount(slots[is_masked], minlength=4) / rows
    expected = torch.softmax(torch.tensor([0.0, 1.0, 2.0, float("-inf")]), 0)
    torch.testing.assert_close(drawn, expected, atol=0.015, rtol=0)


def test_a_share_of_the_candidates_but_at_least_one_is_masked():
    candidates = torch.zeros(3, 20, dtype=torch.bool)
    candidates[0, 3] = True
    candidates[1, :15] = True
    slots, is_masked = select_masked_slots(torch.zeros(3, 20), candidates, 0.2, torch.arange(3))
    assert is_masked.sum(1).tolist() == [1, 3, 0]
    assert slots[0][is_masked[0]].tolist() == [3]
    assert len(set(slots[1][is_masked[1]].tolist())) == 3


def test_the_mixer_is_that_of_splitmix():
    def by_hand(number):
        number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        number = (number ^ (number >> 27)) * 0x94D049BB133111EB % 2**64
        return number ^ (number >> 31)

    numbers = torch.tensor([0, 1, -1, 2**62 + 12345, -(2**63)])
    assert [one % 2**64 for one in mix_bits(numbers).tolist()] == [by_hand(one % 2**64) for one in numbers.tolist()]
