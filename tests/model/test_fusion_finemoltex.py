import pytest
import torch

from modeling_finemoltex import FineMolTexModel
from modeling_finemoltex.model.chunking_finemoltex import compute_at_once
from modeling_finemoltex.model.fusion_finemoltex import FineMolTexFusion


@pytest.fixture
def streams(config):
    width = config.multimodal_config.hidden_size
    motif_mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    text_mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    return torch.randn(2, 4, width), motif_mask, torch.randn(2, 5, width), text_mask


def test_each_stream_sees_the_other_only_through_co_attention(model, streams):
    fusion = model.finemoltex.fusion
    motifs, motif_mask, words, text_mask = streams
    fused_motifs, fused_words = fusion(*streams)
    assert fused_motifs.shape == motifs.shape and fused_words.shape == words.shape
    other_motifs, _ = fusion(motifs, motif_mask, words + 1, text_mask)
    _, other_words = fusion(motifs + 1, motif_mask, words, text_mask)
    assert not torch.allclose(other_motifs, fused_motifs) and not torch.allclose(other_words, fused_words)


def test_padding_changes_nothing(model, streams):
    motifs, motif_mask, words, text_mask = streams
    fused_motifs, fused_words = model.finemoltex.fusion(*streams)
    alone = model.finemoltex.fusion(motifs[1:, :2], motif_mask[1:, :2], words[1:, :3], text_mask[1:, :3])
    torch.testing.assert_close(alone[0], fused_motifs[1:, :2], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(alone[1], fused_words[1:, :3], atol=1e-5, rtol=1e-5)


def test_streams_joined_by_length_equal_streams_joined_at_once(model):
    width = model.config.multimodal_config.hidden_size
    slots, words = torch.randint(2, 6, (37,)), torch.randint(1, 12, (37,))
    masks = [(torch.arange(most) < counts[:, None]).long() for most, counts in ((6, slots), (12, words))]
    motifs, texts = torch.randn(37, 6, width), torch.randn(37, 12, width)
    by_length = model.finemoltex.fusion(motifs, masks[0], texts, masks[1])
    with compute_at_once():
        at_once = model.finemoltex.fusion(motifs, masks[0], texts, masks[1])
    for one, two, mask in zip(by_length, at_once, masks, strict=True):
        torch.testing.assert_close(one[mask.bool()], two[mask.bool()], atol=1e-5, rtol=1e-5)


def test_without_co_attention_the_streams_stay_as_they_are(change_config, streams):
    schedule = {"co_attention_motif_layers": [], "co_attention_text_layers": []}
    fusion = FineMolTexFusion(change_config(multimodal_config=schedule)).eval()
    motifs, _, words, _ = streams
    fused = fusion(*streams)
    assert fused[0] is motifs and fused[1] is words
    assert len(fusion.motif_layers) == fusion._alone[0]


def test_no_light_text_layers_are_allowed(change_config):
    bare = change_config(multimodal_config={"num_text_layers": 0, "co_attention_text_layers": [0, 0]})
    ids = torch.randint(5, 100, (2, 7))
    assert FineMolTexModel(bare).get_text_features(ids).shape == (2, 32)
