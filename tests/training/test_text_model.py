import json
import subprocess
import sys

import pytest
from transformers import AutoTokenizer

from modeling_finemoltex.training.text_model import build_text_model, train_tokenizer

from .conftest import make_pairs

TEXTS = [text for _, text in make_pairs()]
NAME = "2,4-Dichloro-12-(4-methylcyclohexane)"

PROGRAM = """
import json, sys
from modeling_finemoltex.training.text_model import train_tokenizer
print(json.dumps(train_tokenizer(json.load(sys.stdin), 90).get_vocab(), sort_keys=True))
"""


def test_round_trip_through_a_folder(tmp_path):
    tokenizer = train_tokenizer(TEXTS, 120, max_length=32)
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert loaded(NAME)["input_ids"] == tokenizer(NAME)["input_ids"]
    assert loaded.model_max_length == 32
    assert set(loaded(NAME)) == {"input_ids", "attention_mask"}
    for name in ("pad", "unk", "cls", "sep", "mask"):
        assert getattr(loaded, f"{name}_token_id") == getattr(tokenizer, f"{name}_token_id")


def test_locants_stay_words_of_their_own_and_case_does_not_matter():
    tokenizer = train_tokenizer(TEXTS, 120)
    assert tokenizer.tokenize("1,4-methyl4")[-1] == "4"
    assert tokenizer.tokenize("1-4-methyl")[:4] == ["1", "-", "4", "-"]
    assert tokenizer.tokenize("4-METHYL") == tokenizer.tokenize("4-methyl")


def test_only_the_five_special_tokens_are_special():
    tokenizer = train_tokenizer(TEXTS, 120)
    assert sorted(tokenizer.all_special_tokens) == ["[CLS]", "[MASK]", "[PAD]", "[SEP]", "[UNK]"]
    assert (
        tokenizer.decode(tokenizer("4-methyl")["input_ids"], skip_special_tokens=True).replace(" ", "") == "4-methyl"
    )


@pytest.mark.slow
def test_the_same_texts_give_the_same_vocabulary_in_every_process():
    command = [sys.executable, "-c", PROGRAM]
    runs = [
        subprocess.run(command, input=json.dumps(TEXTS), capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert json.loads(runs[0]) == train_tokenizer(TEXTS, 90).get_vocab()


def test_nothing_to_learn_from_is_an_error():
    with pytest.raises(ValueError, match="2 texts without"):
        train_tokenizer(["", "1 2"], 100)


def test_text_config_follows_the_tokenizer():
    tokenizer, text_config = build_text_model("scratch", TEXTS, 120, max_length=600)
    assert text_config["vocab_size"] == len(tokenizer)
    assert text_config["max_position_embeddings"] == 600


def test_pretrained_encoder_keeps_its_own_sizes_and_limits(tokenizer, tmp_path):
    from transformers import BertConfig

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    BertConfig(vocab_size=len(tokenizer), max_position_embeddings=40, **sizes).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded, text_config = build_text_model(str(tmp_path), [], 120, max_length=32)
    assert (text_config["hidden_size"], text_config["model_type"], len(loaded)) == (16, "bert", len(tokenizer))
    with pytest.raises(ValueError, match="at most 40 tokens"):
        build_text_model(str(tmp_path), [], 120, max_length=64)
