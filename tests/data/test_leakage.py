"""Rows of evaluation molecules go, everything else stays, and the report adds up."""

import json
import logging

import datasets
import pytest

from modeling_finemoltex.data import deduplicate_against
from modeling_finemoltex.data.identifiers import inchikey

TRAIN = ["C[C@H](N)C(=O)O", "CCO", "c1ccccc1", "OCC", "not a molecule", "[13CH4]", "CC(=O)[O-]"]


def train(**columns) -> datasets.Dataset:
    return datasets.Dataset.from_dict({"smiles": TRAIN, "text": [str(row) for row in range(len(TRAIN))], **columns})


@pytest.mark.parametrize(
    ("by", "kept"),
    [
        ("inchikey14", [2, 4]),
        ("inchikey", [0, 2, 4, 5, 6]),  # stereo, isotope and charge tell molecules apart
        ("canonical_smiles", [0, 2, 4, 5, 6]),
    ],
)
def test_strictness(by, kept):
    evaluation = ["C[C@@H](N)C(=O)O", "C(O)C", "C", "CC(=O)O"]
    dataset, report = deduplicate_against(train(), [evaluation], by=by)
    assert dataset["text"][:] == [str(row) for row in kept]
    assert (report["num_rows"], report["num_removed"], report["num_kept"]) == (7, 7 - len(kept), len(kept))
    assert report["invalid_rows"] == [4]
    json.dumps(report)


def test_report_counts_each_set(caplog):
    evaluation = datasets.Dataset.from_dict({"smiles": ["CCO", "CCO", "C(("]})
    with caplog.at_level(logging.INFO, "modeling_finemoltex"):
        dataset, report = deduplicate_against(train(), [evaluation, ["c1ccccc1", "CCO"], []])
    assert len(dataset) == 4
    first, second, third = report["eval_sets"]
    assert first["num_molecules"] == 1 and first["invalid_rows"] == [2]
    assert first["examples"] == [{"row": 1, "smiles": "CCO"}, {"row": 3, "smiles": "OCC"}]
    assert (first["num_removed"], second["num_removed"], third["num_removed"]) == (2, 3, 0)
    assert report["num_removed"] == 3  # rows in two sets are removed once
    assert "removed 2 of 7 rows (row 1 CCO, row 3 OCC" in caplog.text
    assert "1 of 7 rows have no inchikey14, cannot be compared and were kept (first: row 4, 'not a molecule')" in (
        caplog.text
    )


def test_ready_inchikeys_are_used():
    keys = [inchikey("CCO")] + [inchikey("C")] * (len(TRAIN) - 2) + [""]
    dataset, report = deduplicate_against(train(inchikey=keys), [["CCO"]])
    assert report["num_removed"] == 1 and report["eval_sets"][0]["examples"][0]["row"] == 0
    assert report["invalid_rows"] == [len(TRAIN) - 1]
    evaluation = datasets.Dataset.from_dict({"inchikey": [inchikey("c1ccccc1")]})
    assert deduplicate_against(train(), [evaluation])[1]["num_removed"] == 1


def test_dataset_fingerprint_is_stable():
    first, second = (deduplicate_against(train(), [["CCO"]])[0] for _ in range(2))
    assert first._fingerprint == second._fingerprint


def test_bad_input_is_explained():
    with pytest.raises(ValueError, match="`by` must be one of inchikey14, inchikey, canonical_smiles: got 'name'"):
        deduplicate_against(train(), [["C"]], by="name")
    with pytest.raises(ValueError, match="evaluation set 1 has no column 'smiles'; it has \\['text'\\]"):
        deduplicate_against(train(), [["C"], datasets.Dataset.from_dict({"text": ["C"]})])
    with pytest.raises(ValueError, match="evaluation set 0 must be a dataset or a list of SMILES: got str"):
        deduplicate_against(train(), ["CCO"])
