"""Feature columns: values, types, cache, errors and streams, with the real processor."""

import copy

import datasets
import numpy as np
import pytest
from rdkit import Chem

from modeling_finemoltex import FineMolTexDataCollator, FineMolTexFeatureExtractor, FineMolTexProcessor
from modeling_finemoltex.data import featurize_pairs, skipped_rows
from modeling_finemoltex.data.feature_cache import pair_features
from modeling_finemoltex.data.identifiers import stable_hash


@pytest.fixture
def tiny_processor(tokenizer):
    return FineMolTexProcessor(FineMolTexFeatureExtractor(), copy.deepcopy(tokenizer))


@pytest.fixture
def rows(molecules):
    return datasets.Dataset.from_dict({"smiles": list(molecules), "text": list(molecules.values()), "extra": [0] * 10})


def test_columns_hold_what_the_processor_says(rows, tiny_processor):
    featurized = featurize_pairs(rows, tiny_processor, max_length=64)
    assert featurized.features == pair_features(tiny_processor.feature_extractor)
    assert featurized["pair_ids"][:] == list(range(10))
    for row, source in zip(featurized, rows, strict=True):
        graph = tiny_processor.feature_extractor.featurize(source["smiles"])
        for name in tiny_processor.feature_extractor.columns:
            np.testing.assert_array_equal(row[name], np.asarray(getattr(graph, name)).reshape(-1))
        assert row["input_ids"] == tiny_processor.tokenizer(source["text"])["input_ids"]
        assert row["num_tokens"] == len(row["input_ids"])
        assert row["text_ids"] == stable_hash(source["text"])
        assert row["molecule_ids"] == stable_hash(Chem.CanonSmiles(source["smiles"]))


def test_rows_collate_to_the_same_batch_as_strings(rows, tiny_processor):
    featurized = featurize_pairs(rows, tiny_processor, max_length=64)
    batch = FineMolTexDataCollator(tiny_processor)([featurized[row] for row in range(4)])
    direct = tiny_processor(smiles=rows["smiles"][:4], text=rows["text"][:4], return_tensors="pt", padding=True)
    for name, tensor in direct.items():
        assert batch[name].tolist() == tensor.tolist(), name


def test_identifiers_do_not_depend_on_spelling_or_run(tiny_processor):
    rows = datasets.Dataset.from_dict({"smiles": ["CCO", "OCC", "CCN"], "text": ["a", "b", "a"]})
    featurized = featurize_pairs(rows, tiny_processor, max_length=8)
    first, second, third = featurized["molecule_ids"][:]
    assert first == second != third
    assert featurized["text_ids"][0] == featurized["text_ids"][2] != featurized["text_ids"][1]
    assert first == stable_hash("CCO") == 3931648761289943521  # the same on every machine: files on disk hold it


def test_second_run_reads_the_cache(rows, tiny_processor, monkeypatch):
    first = featurize_pairs(rows, tiny_processor, max_length=16)
    tiny_processor.tokenizer(["a longer text", "b"], padding=True, truncation=True, max_length=3)  # changes its state

    def refuse(*args, **kwargs):
        raise AssertionError("featurised again")

    monkeypatch.setattr(FineMolTexFeatureExtractor, "featurize", refuse)
    again = featurize_pairs(rows, tiny_processor, max_length=16)
    assert again[:] == first[:] and again.cache_files == first.cache_files


@pytest.mark.parametrize("change", ["text", "max_length", "fragmentation", "on_error", "vocabulary"])
def test_the_cache_knows_what_features_depend_on(rows, tiny_processor, change):
    before = featurize_pairs(rows, tiny_processor, max_length=16)._fingerprint
    options = {"max_length": 16}
    if change == "text":
        rows = rows.map(lambda row: {"text": row["text"] + "!"})
    elif change == "fragmentation":
        other = "paper" if tiny_processor.feature_extractor.fragmentation == "functional" else "functional"
        tiny_processor = FineMolTexProcessor(FineMolTexFeatureExtractor(fragmentation=other), tiny_processor.tokenizer)
    elif change == "vocabulary":
        tiny_processor.tokenizer.add_tokens(["alkaloid-like"])
    else:
        options[change] = {"max_length": 17, "on_error": "skip"}[change]
    assert featurize_pairs(rows, tiny_processor, **options)._fingerprint != before


def test_processes_give_the_same_rows(rows, tiny_processor):
    alone = featurize_pairs(rows, tiny_processor, max_length=64)
    shuffled = datasets.concatenate_datasets([rows, rows])
    together = featurize_pairs(shuffled, tiny_processor, max_length=64, num_proc=2)
    assert together["input_ids"][:10] == together["input_ids"][10:] == alone["input_ids"][:]
    assert together["pair_ids"][:] == list(range(20))
    assert featurize_pairs(shuffled, tiny_processor, max_length=64)._fingerprint == together._fingerprint


def test_long_texts_are_cut_and_counted(rows, tiny_processor, caplog):
    featurized = featurize_pairs(rows, tiny_processor, max_length=5)
    assert max(featurized["num_tokens"]) == 5
    assert f"of {len(rows)} texts fill all 5 tokens" in caplog.text


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(
    ("smiles", "text", "message"),
    [("C(C", "open", r"Row 2 with SMILES 'C\(C' cannot be used"), (None, "none", "Row 2 with SMILES None"),
     ("C", " ", "Row 2 .* has no text: got ' '"), ("C", None, "has no text: got None")],
)  # fmt: skip
def test_bad_rows(tiny_processor, caplog, smiles, text, message, streaming):
    rows = datasets.Dataset.from_dict({"smiles": ["C", "CC", smiles, "CCC"], "text": ["a", "b", text, "c"]})
    source = rows.to_iterable_dataset() if streaming else rows
    with pytest.raises(ValueError, match=message):
        list(featurize_pairs(source, tiny_processor, max_length=8))
    kept = featurize_pairs(source, tiny_processor, max_length=8, on_error="skip")
    assert [row["pair_ids"] for row in kept] == [0, 1, 3]
    assert "Skipped 1 of 4 rows (row 2: " in caplog.text
    if not streaming:
        assert skipped_rows(kept, num_rows=4) == [2]
        assert "Left out 1 of 4 rows" in caplog.text


def test_nothing_left(tiny_processor):
    rows = datasets.Dataset.from_dict({"smiles": ["?", "!"], "text": ["a", "b"]})
    with pytest.raises(ValueError, match=r"all 2 rows were rejected \(Row 0 .*not valid SMILES syntax.*; Row 1"):
        featurize_pairs(rows, tiny_processor, max_length=8, on_error="skip")


def test_streams_give_the_same_rows(rows, tiny_processor):
    streamed = featurize_pairs(rows.to_iterable_dataset(), tiny_processor, max_length=64)
    assert isinstance(streamed, datasets.IterableDataset)
    for left, right in zip(streamed, featurize_pairs(rows, tiny_processor, max_length=64), strict=True):
        assert {name: np.asarray(value).tolist() for name, value in left.items()} == right
    batch = FineMolTexDataCollator(tiny_processor)(list(streamed))
    assert batch["input_ids"].shape[0] == len(rows)


def test_bad_arguments(rows, tiny_processor):
    with pytest.raises(ValueError, match="has no column 'text'; it has"):
        featurize_pairs(rows.remove_columns("text"), tiny_processor, max_length=8)
    with pytest.raises(ValueError, match='`on_error` must be "raise" or "skip": got \'ignore\''):
        featurize_pairs(rows, tiny_processor, max_length=8, on_error="ignore")
