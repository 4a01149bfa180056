"""Rows of evaluation molecules go, everything else stays, and the report adds up."""

import json
import logging

import datasets
import pytest

from modeling_finemoltex.data import deduplicate_against, leakage, skeletons
from modeling_finemoltex.data.identifiers import inchikey, inchikey14

TRAIN = ["C[C@H](N)C(=O)O", "CCO", "c1ccccc1", "OCC", "not a molecule", "[13CH4]", "CC(=O)[O-]"]


def train(**columns) -> datasets.Dataset:
    return datasets.Dataset.from_dict({"smiles": TRAIN, "text": [str(row) for row in range(len(TRAIN))], **columns})


@pytest.mark.parametrize(
    ("by", "kept"),
    [
        ("skeleton", [2, 4]),
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
    assert [one["num_molecules_removed"] for one in report["eval_sets"]] == [1, 2, 0]
    assert "removed 2 of 7 rows, 1 molecules (row 1 CCO, row 3 OCC" in caplog.text
    assert "1 of 7 rows have no skeleton, cannot be compared and were kept (first: row 4, 'not a molecule')" in (
        caplog.text
    )


DRUG, OTHER_DRUG = "CC(=O)Nc1ccc(O)cc1", "CC(C)Cc1ccc(C(C)C(=O)O)cc1"  # 11 and 15 heavy atoms
SALTS = {
    f"{DRUG}.Cl": [DRUG],
    f"Cl.O.{DRUG}.{DRUG}": [DRUG],
    "[Na+].CC(C)Cc1ccc([C@H](C)C(=O)[O-])cc1": [OTHER_DRUG],
    f"{DRUG}.{OTHER_DRUG}": [DRUG, OTHER_DRUG],  # 11 of 15 is more than 60 %
    f"{DRUG}.Cc1ccc(cc1)S(=O)(=O)O": [DRUG, "Cc1ccc(cc1)S(=O)(=O)O"],  # 11 of 11
    f"{OTHER_DRUG}.OC(=O)C=CC(=O)O": [OTHER_DRUG],  # 8 of 15
    "CCCCCCCCCC.OCCCCC": ["CCCCCCCCCC", "OCCCCC"],  # 6 of 10, just enough
    "CCCCCCCCCC.OCCCC": ["CCCCCCCCCC"],
    "[Na+].[Cl-]": [],  # atoms
    "[Na+].CC(=O)[O-]": ["CC(=O)O"],
    "InChI=1S/C2H7N.ClH/c1-2-3;/h2-3H2,1H3;1H": ["CCN"],
    DRUG: [],
    "Cl": [],
}


@pytest.mark.parametrize(("smiles", "main"), SALTS.items())
def test_skeletons_are_of_the_whole_and_of_its_main_fragments(smiles, main):
    whole, *parts = skeletons(smiles).split()
    assert whole == inchikey14(smiles) and sorted(parts) == sorted(map(inchikey14, main))


def test_what_has_no_skeleton_is_told():
    assert skeletons("C((") is None and skeletons(None) is None
    assert len(skeletons("CCO.CCO").split()) == 2  # the fragments are alike


@pytest.mark.parametrize(
    ("training", "held_out", "leaks"),
    [
        (f"{DRUG}.Cl", DRUG, True),
        (DRUG, f"{DRUG}.Cl", True),
        (f"{DRUG}.Cl", f"O.{DRUG}.OS(=O)(=O)O", True),  # two salts of one base
        (f"{DRUG}.{OTHER_DRUG}", OTHER_DRUG, True),
        (f"{DRUG}.Cl", "Cl", False),
        (f"{DRUG}.Cl", "[Na+].[Cl-]", False),
        (f"{DRUG}.Cl", f"{OTHER_DRUG}.Cl", False),  # a counter-ion alone is shared
        (f"{OTHER_DRUG}.OC(=O)C=CC(=O)O", "OC(=O)C=CC(=O)O", False),
        ("Cl", "Cl", True),
        ("[K+].[Cl-]", "[Na+].[Cl-]", False),
    ],
)
def test_salts_of_a_held_out_molecule_leak(training, held_out, leaks):
    rows = datasets.Dataset.from_dict({"smiles": [training, "CCCCCCCCC"]})
    kept, report = deduplicate_against(rows, [[held_out, "C1CC1"]])
    assert len(kept) == 2 - leaks and report["eval_sets"][0]["num_removed"] == leaks
    assert report["by"] == "skeleton" and report["eval_sets"][0]["num_molecules"] == 2
    whole = deduplicate_against(rows, [[held_out, "C1CC1"]], by="inchikey14")[0]
    assert len(whole) == 2 - (training == held_out)


def test_ready_inchikeys_are_used():
    keys = [inchikey("CCO")] + [inchikey("C")] * (len(TRAIN) - 2) + [""]
    dataset, report = deduplicate_against(train(inchikey=keys), [["CCO"]])
    assert report["num_removed"] == 1 and report["eval_sets"][0]["examples"][0]["row"] == 0
    assert report["invalid_rows"] == [len(TRAIN) - 1]
    evaluation = datasets.Dataset.from_dict({"inchikey": [inchikey("c1ccccc1")]})
    assert deduplicate_against(train(), [evaluation])[1]["num_removed"] == 1


def test_ready_inchikeys_say_nothing_about_fragments(monkeypatch):
    smiles = ["CCN", "CCN.Cl", "CCCN.Cl", None]
    rows = datasets.Dataset.from_dict({"smiles": smiles, "inchikey": [inchikey(one) for one in smiles]})
    computed = []
    monkeypatch.setattr(leakage, "skeletons", lambda one: computed.append(one) or skeletons(one))
    kept, report = deduplicate_against(rows, [rows.select([0])])
    assert kept["smiles"][:] == smiles[2:] and report["eval_sets"][0]["num_removed"] == 2
    assert computed == ["CCN.Cl", "CCCN.Cl"]  # the others are known


def test_ready_skeletons_are_used(monkeypatch):
    monkeypatch.setattr(leakage, "map_unique", lambda *args: pytest.fail("computed again"))
    rows = datasets.Dataset.from_dict({"smiles": ["a", "b", "c"], "skeletons": ["X Y", "Z", None]})
    evaluation = datasets.Dataset.from_dict({"skeletons": ["W Y"]})
    kept, report = deduplicate_against(rows, [evaluation])
    assert kept["smiles"][:] == ["b", "c"] and report["invalid_rows"] == [2]


def test_dataset_fingerprint_is_stable():
    first, second = (deduplicate_against(train(), [["CCO"]])[0] for _ in range(2))
    assert first._fingerprint == second._fingerprint


def test_bad_input_is_explained():
    with pytest.raises(ValueError, match="be one of skeleton, inchikey14, inchikey, canonical_smiles: got 'name'"):
        deduplicate_against(train(), [["C"]], by="name")
    with pytest.raises(ValueError, match="evaluation set 1 has no column 'smiles'; it has \\['text'\\]"):
        deduplicate_against(train(), [["C"], datasets.Dataset.from_dict({"text": ["C"]})])
    with pytest.raises(ValueError, match="evaluation set 0 must be a dataset or a list of SMILES: got str"):
        deduplicate_against(train(), ["CCO"])
