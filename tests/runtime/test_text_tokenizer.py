"""Word ids without Transformers: those of the processor."""

import logging

import pytest

LONG = "alcohol " * 100
TEXTS = ("an alcohol", "\u03b2-lactam \u2010 CO\u2082 &amp; [A12, L34].", "\u4e2d", LONG)


@pytest.mark.parametrize("texts", [TEXTS, TEXTS[:1], TEXTS[2:3]], ids=["padded", "one", "unknown"])
def test_ids_are_those_of_the_processor(onnx_encoder, whole_encoder, texts):
    expected = whole_encoder.processor(text=list(texts), return_tensors="np", max_length=whole_encoder.max_length)
    found = onnx_encoder.processor(list(texts))
    assert sorted(found) == sorted(expected)
    for name, array in expected.items():
        assert array.dtype == found[name].dtype and array.tolist() == found[name].tolist()


def test_words_are_cut_as_they_are(onnx_encoder, whole_encoder):
    own, other = onnx_encoder.processor.tokenizer, whole_encoder.processor.tokenizer
    for word in ("alcohol", "qzx", "\u4e2d", LONG):
        for special in (True, False):
            ids = other(word, add_special_tokens=special)["input_ids"]
            assert own(word, add_special_tokens=special)["input_ids"] == ids
    assert own.unk_token_id == other.unk_token_id


def test_cutting_is_said_once(onnx_encoder, caplog):
    onnx_encoder.processor.tokenizer._has_warned = False
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            onnx_encoder.processor([LONG])
    assert caplog.text.count("was truncated") == 1


def test_no_text_is_refused(onnx_encoder):
    with pytest.raises(ValueError, match="No text given: pass a non-empty list of strings"):
        onnx_encoder.processor([])
