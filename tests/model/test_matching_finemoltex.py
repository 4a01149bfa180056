import torch

from modeling_finemoltex import FineMolTexModel
from modeling_finemoltex.model.matching_finemoltex import FineMolTexMatchingHead, match_pairs


def test_pairs_computed_by_length_equal_pairs_computed_one_by_one(config):
    model = FineMolTexModel(config).eval()
    width = config.multimodal_config.hidden_size
    num_pairs, words, slots = 37, torch.randint(1, 12, (37,)), torch.randint(2, 6, (37,))
    motif_tokens, word_tokens = torch.randn(num_pairs, 6, width), torch.randn(num_pairs, 12, width)
    motif_mask = (torch.arange(6) < slots[:, None]).long()
    word_mask = (torch.arange(12) < words[:, None]).long()
    fusion, head = model.fusion, FineMolTexMatchingHead(config)
    together = match_pairs(fusion, head, motif_tokens, motif_mask, word_tokens, word_mask)
    for row in range(num_pairs):
        pair = (motif_tokens[row, None, : slots[row]], motif_mask[row, None, : slots[row]])
        pair += (word_tokens[row, None, : words[row]], word_mask[row, None, : words[row]])
        alone = match_pairs(fusion, head, *pair)
        torch.testing.assert_close(alone[0], together[row], atol=1e-5, rtol=0)


def test_padding_does_not_count(config):
    head = FineMolTexMatchingHead(config).eval()
    motifs, words = torch.randn(2, 4, 32), torch.randn(2, 5, 32)
    masks = torch.tensor([[1, 1, 0, 0]] * 2), torch.tensor([[1, 1, 1, 0, 0]] * 2)
    logits = head(motifs, masks[0], words, masks[1])
    assert logits.shape == (2,)
    motifs[:, 2:], words[:, 3:] = 7.0, -7.0
    torch.testing.assert_close(head(motifs, masks[0], words, masks[1]), logits)
