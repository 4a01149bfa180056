"""The count embedding: its features are those of text and molecule, and its cosine stands beside the learned one."""

import pytest
import torch
from transformers import AutoModel

from modeling_finemoltex import FineMolTexCountConfig, FineMolTexModel
from modeling_finemoltex.model.counts_finemoltex import FineMolTexTextCounts, spell_word

SIZES = {"size": 6, "num_text_buckets": 4096, "num_molecule_buckets": 512, "weight": 0.25}
TEXTS = ["ethanol is a primary alcohol", "benzene"]
SMILES = ["CCO", "c1ccccc1"]


@pytest.fixture
def counting_config(change_config):
    return change_config(count_config=SIZES)


@pytest.fixture
def model(counting_config, processor):
    torch.manual_seed(0)
    model = FineMolTexModel(counting_config).eval()
    model.fitted.counts.texts.spell(processor.tokenizer.get_vocab(), processor.tokenizer.all_special_ids)
    for part in (model.fitted.counts.molecules, model.fitted.counts.texts):
        torch.nn.init.normal_(part.projection.table)
    return model


@pytest.fixture
def batch(processor):
    return processor(smiles=SMILES, text=TEXTS, padding=True, return_tensors="pt")


def list_ngrams(text, processor, lengths):
    letters = [letter for token in processor.tokenizer.tokenize(text) for letter in spell_word(token)]
    return [tuple(letters[start : start + n]) for n in lengths for start in range(len(letters) - n + 1)]


def test_every_ngram_is_counted(model, batch, processor):
    counts = model.fitted.counts.texts.count(batch["input_ids"], batch["attention_mask"])
    for row, text in zip(counts, TEXTS, strict=True):
        grams = list_ngrams(text, processor, range(2, 6))
        assert row.sum() == len(grams)
        times = torch.tensor(sorted(grams.count(gram) for gram in set(grams)), dtype=row.dtype)
        assert torch.equal(row[row > 0].sort().values, times)  # no two meet in a bucket here


def test_ngrams_know_the_order_of_letters(counting_config):
    counts = FineMolTexTextCounts(counting_config)
    counts.reset_own_parameters(counting_config)
    counts.spell({"ab": 0, "ba": 1, "##ab": 2}, [])
    one, other, inside = counts.count(torch.tensor([[0], [1], [2]]), torch.ones(3, 1))
    assert not torch.equal(one, other)
    assert (one - inside).min() == 0  # the start of a word adds n-grams, a continuation has none of its own
    assert (one.sum(), inside.sum()) == (3, 1)


def test_padding_and_other_rows_change_nothing(model, batch, processor):
    alone = processor(text=TEXTS[1:], return_tensors="pt")
    counted = model.fitted.counts.texts(batch["input_ids"], batch["attention_mask"])
    torch.testing.assert_close(model.fitted.counts.texts(alone["input_ids"], alone["attention_mask"])[0], counted[1])
    torch.testing.assert_close(counted.norm(dim=1), torch.ones(2))


def test_words_beyond_the_vocabulary_have_no_letters(model):
    far = torch.tensor([[model.config.text_config.vocab_size + 3]])
    assert not model.fitted.counts.texts.count(far, torch.ones(1, 1)).any()


def test_the_cosines_add_up_by_weight(model, batch):
    output = model(**batch)
    assert output.molecule_embeds.shape == (2, model.config.embedding_size)
    assert model.config.embedding_size == model.config.encoder_size + SIZES["size"]
    split = [embeds.split([model.config.encoder_size, SIZES["size"]], dim=1) for embeds in output[:2]]
    (molecule_learned, molecule_counted), (text_learned, text_counted) = split
    shares = {0.75: (molecule_learned, text_learned), 0.25: (molecule_counted, text_counted)}
    for share, embeds in ((share, one) for share, both in shares.items() for one in both):
        torch.testing.assert_close(embeds.square().sum(1), torch.full((2,), share))
    learned = model.place_words(model.encode_words(batch["input_ids"], batch["attention_mask"])[1])
    counted = model.fitted.counts.texts(batch["input_ids"], batch["attention_mask"])
    torch.testing.assert_close(text_learned, 0.75**0.5 * learned)
    torch.testing.assert_close(text_counted, 0.25**0.5 * counted)


def test_every_way_to_embed_agrees(model, batch):
    output = model(**batch)
    molecules = {name: value for name, value in batch.items() if name not in ("input_ids", "attention_mask")}
    torch.testing.assert_close(model.get_molecule_features(**molecules), output.molecule_embeds)
    texts = model.get_text_features(batch["input_ids"], batch["attention_mask"])
    torch.testing.assert_close(texts, output.text_embeds)


def test_an_unfitted_one_is_zero(counting_config, batch):
    model = FineMolTexModel(counting_config).eval()
    assert not model(**batch).text_embeds[:, -SIZES["size"] :].any()


def test_it_is_saved_and_loaded(model, batch, tmp_path):
    model.save_pretrained(tmp_path)
    loaded = AutoModel.from_pretrained(tmp_path)
    for one, other in zip(model(**batch)[:2], loaded(**batch)[:2], strict=True):
        torch.testing.assert_close(one, other)


def test_training_leaves_it_alone(model):
    names = ("molecule_counts", "text_counts")
    assert not any(parameter.requires_grad for name in names for parameter in model.parts()[name].parameters())


def test_word_embeddings_instead_of_ids_are_refused(model):
    with pytest.raises(ValueError, match="counts the letters of words: give texts as `input_ids`"):
        model(inputs_embeds=torch.zeros(1, 3, model.config.text_config.hidden_size))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"shortest": 4, "longest": 3}, "got shortest 4 and longest 3"),
        ({"weight": 1.0}, "between 0 and 1: got 1.0"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(fields, message):
    with pytest.raises(Exception, match=message):
        FineMolTexCountConfig(**fields)
