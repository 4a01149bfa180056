import pytest
import torch

from modeling_finemoltex.model.attention_finemoltex import (
    FineMolTexAttention,
    FineMolTexCoAttention,
    FineMolTexFeedForward,
    FineMolTexFusionLayer,
    eager_attention_forward,
)


@pytest.fixture
def eager_config(change_config):
    config = change_config()
    config._attn_implementation = "eager"
    return config


def test_eager_attention_is_softmax_of_products():
    module = torch.nn.Module().eval()
    query, key, value = torch.randn(2, 3, 4, 5), torch.randn(2, 3, 6, 5), torch.randn(2, 3, 6, 5)
    mask = torch.zeros(2, 1, 4, 6)
    mask[..., 5] = -torch.inf
    mixed, weights = eager_attention_forward(module, query, key, value, mask, scaling=0.5)
    expected = (0.5 * query @ key[:, :, :5].transpose(2, 3)).softmax(-1)
    torch.testing.assert_close(weights[..., :5], expected)
    assert (weights[..., 5] == 0).all()
    torch.testing.assert_close(mixed, (expected @ value[:, :, :5]).transpose(1, 2))
    torch.testing.assert_close(
        mixed,
        torch.nn.functional.scaled_dot_product_attention(query, key, value, mask, scale=0.5).transpose(1, 2),
    )


def test_attention_reads_the_context_alone(eager_config):
    attention = FineMolTexAttention(eager_config, num_heads=2).eval()
    states, context = torch.randn(2, 3, 32), torch.randn(2, 5, 32)
    output, weights = attention(states, context, None)
    assert output.shape == (2, 3, 32) and weights.shape == (2, 2, 3, 5)
    order = torch.tensor([4, 1, 0, 2, 3])
    torch.testing.assert_close(attention(states, context[:, order], None)[0], output, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(attention(states[:, :1], context, None)[0], output[:, :1], atol=1e-5, rtol=1e-5)


def test_layers_keep_the_shape_and_normalise(eager_config):
    states = torch.randn(2, 3, 32)
    for layer in (FineMolTexFeedForward(eager_config), FineMolTexFusionLayer(eager_config, num_heads=4)):
        output = layer.eval()(states, None) if isinstance(layer, FineMolTexFusionLayer) else layer.eval()(states)
        torch.testing.assert_close(output.mean(-1), torch.zeros(2, 3), atol=1e-5, rtol=0)


def test_both_streams_of_co_attention_see_the_old_states(eager_config):
    block = FineMolTexCoAttention(eager_config).eval()
    motifs, words = torch.randn(2, 3, 32), torch.randn(2, 5, 32)
    new_motifs, new_words = block(motifs, words, None, None)
    alone = block.text_feed_forward(block.text_attention(words, motifs, None)[0])
    torch.testing.assert_close(new_words, alone)
    assert new_motifs.shape == motifs.shape
