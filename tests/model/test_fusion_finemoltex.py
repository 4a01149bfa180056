import pytest
import torch


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


def test_no_light_text_layers_are_allowed(config):
    from modeling_finemoltex import FineMolTexConfig, FineMolTexModel

    fusion = {"num_text_layers": 0, "co_attention_text_layers": [0, 0]}
    bare = FineMolTexConfig.from_preset("tiny", multimodal_config=fusion)
    ids = torch.randint(5, 100, (2, 7))
    assert FineMolTexModel(bare).get_text_features(ids).shape == (2, 32)
