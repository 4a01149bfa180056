"""The writer that copies: what it mixes, what it repeats, and that a loss is that of the mixture."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from transformers import T5Config
from transformers.modeling_outputs import BaseModelOutput

from modeling_finemoltex.model.caption_writer_finemoltex import NO_SOURCE, FineMolTexCopyingWriter

SIZES = {"vocab_size": 30, "d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2, "dropout_rate": 0.0}
IDS = {"pad_token_id": 0, "eos_token_id": 3, "decoder_start_token_id": 2}


@pytest.fixture
def writer():
    torch.manual_seed(0)
    model = FineMolTexCopyingWriter(T5Config(**SIZES, **IDS)).eval()
    model.shared.weight.data.mul_(0.1)
    return model


def read(source):
    """What an encoder would give for rows of tokens."""
    torch.manual_seed(1)
    states = torch.randn(*source.shape, SIZES["d_model"])
    return {"encoder_outputs": BaseModelOutput(last_hidden_state=states), "attention_mask": torch.ones_like(source)}


SOURCE = torch.tensor([[NO_SOURCE, 2, 11, 12, 13, 11, 14, 3], [NO_SOURCE, 2, 15, 16, 3, NO_SOURCE, 17, 18]])


@torch.no_grad()
def test_logits_are_logarithms_of_a_mixture(writer):
    written = torch.tensor([[2, 11, 12], [2, 15, 20]])
    mixed = writer(**read(SOURCE), source_ids=SOURCE, decoder_input_ids=written).logits.exp()
    torch.testing.assert_close(mixed.sum(-1), torch.ones(2, 3))
    plain = writer(**read(SOURCE), decoder_input_ids=written).logits.softmax(-1)
    ratio = mixed[0, :, 20:] / plain[0, :, 20:]  # words that the source lacks are all reduced by the gate
    torch.testing.assert_close(ratio, ratio[:, :1].expand_as(ratio))
    assert (ratio < 1).all() and (mixed[0, 0, 11] > plain[0, 0, 11])


def test_an_untrained_writer_goes_on_with_its_source(writer):
    """After "11 12 13 11" both 12 and 14 stand behind an 11; the longer match decides."""
    written = writer.generate(**read(SOURCE[:1]), source_ids=SOURCE[:1], max_new_tokens=8)
    assert written[0].tolist() == [2, 11, 12, 13, 11, 14, 3]


def test_a_row_without_a_source_is_written_from_the_vocabulary(writer):
    nothing = torch.full((1, 8), NO_SOURCE)
    written = torch.tensor([[2, 5]])
    with torch.no_grad():
        mixed = writer(**read(nothing), source_ids=nothing, decoder_input_ids=written).logits
        plain = writer(**read(nothing), decoder_input_ids=written).logits.log_softmax(-1)
    torch.testing.assert_close(mixed, plain)


def test_the_loss_is_that_of_the_mixture_in_training_and_after(writer):
    labels = torch.tensor([[11, 12, 25, 3], [15, 3, -100, -100]])
    inputs = {**read(SOURCE), "source_ids": SOURCE, "labels": labels}
    output = writer(**inputs)
    expected = F.nll_loss(output.logits.flatten(0, 1), labels.flatten(), ignore_index=-100)
    torch.testing.assert_close(output.loss, expected)
    torch.testing.assert_close(writer.train()(**inputs).loss, expected)


def test_with_a_cache_the_order_of_what_was_copied_is_known(writer):
    whole = writer.generate(**read(SOURCE), source_ids=SOURCE, max_new_tokens=7, use_cache=False)
    assert torch.equal(writer.generate(**read(SOURCE), source_ids=SOURCE, max_new_tokens=7, use_cache=True), whole)
