"""Prompts: nothing, SMILES, or captions behind their similarity."""

import pytest

from modeling_finemoltex import FineMolTexCaptioningConfig
from modeling_finemoltex.captioning import CaptionMemory, Neighbour
from modeling_finemoltex.captioning.caption_prompts import pad_rows, quote_captions, write_prompt


def test_each_kind_of_prompt(tokenizer):
    memory = CaptionMemory(["CCO", "c1ccccc1"], ["an alcohol", "an aromatic ring"])
    assert write_prompt("CCCO", tokenizer, FineMolTexCaptioningConfig(), memory) == []
    letters = write_prompt("CCCO", tokenizer, FineMolTexCaptioningConfig(prompt="smiles"), None)
    assert tokenizer.decode(letters[:-1]).replace(" ", "") == "ccco" and letters[-1] == tokenizer.sep_token_id
    config = FineMolTexCaptioningConfig(prompt="captions", num_examples=1)
    quoted = tokenizer.decode(write_prompt("CCCO", tokenizer, config, memory)).replace(" ", "")
    assert quoted.endswith("[CLS]analcohol[SEP]") and quoted.partition("[CLS]")[0].isdecimal()
    with pytest.raises(ValueError, match="quote captions of similar molecules: give a `memory`"):
        write_prompt("CCCO", tokenizer, config, None)


def test_captions_share_the_length(tokenizer):
    long = [Neighbour("C", "a single carbon atom " * 20, similarity) for similarity in (0.9, 0.5)]
    ids = quote_captions(long, tokenizer, 40)
    starts = [place for place, one in enumerate(ids) if one == tokenizer.cls_token_id]
    assert len(ids) == 40 and len(starts) == 2 and ids[starts[0] + 1 : 20] == ids[starts[1] + 1 : 40]
    assert quote_captions([], tokenizer, 40) == []


def test_rows_are_padded_on_the_right():
    ids, mask = pad_rows([[5, 6, 7], [8], []], 0)
    assert ids.tolist() == [[5, 6, 7], [8, 0, 0], [0, 0, 0]] and mask.tolist() == [[1, 1, 1], [1, 0, 0], [0, 0, 0]]
