"""A saved blend predicts as before, streams through a file, and makes nothing of a file but its estimators."""

import csv
import json
import shutil

import numpy as np
import pytest
import torch

pytest.importorskip("sklearn")
pytest.importorskip("skops")

from skops import io as skops

from modeling_finemoltex import FineMolTexModel, MoleculeTextEncoder
from modeling_finemoltex.data import MoleculeFile
from modeling_finemoltex.property_prediction import (
    PropertyBlend,
    PropertyPredictor,
    estimators,
    load_predictor,
    predict_file,
    property_blend,
)
from modeling_finemoltex.property_prediction.blend import Blend
from modeling_finemoltex.property_prediction.fingerprints import TrainingFingerprints
from modeling_finemoltex.property_prediction.molecule_features import make_store
from modeling_finemoltex.property_prediction.recipes import find_recipe

from .conftest import MOLECULES


def fit(store, encoder, task_type, labels, columns, temperature=0.5):
    blend = Blend(find_recipe("blend", task_type), task_type, len(columns))
    blend.fit(store.get(MOLECULES, blend.blocks), labels, seed=0)
    near = TrainingFingerprints.from_smiles(MOLECULES)
    return PropertyBlend(blend, encoder, columns, temperature, near)


@pytest.fixture(scope="module")
def encoder(config, processor):
    torch.manual_seed(0)
    return MoleculeTextEncoder(FineMolTexModel(config), processor)


@pytest.fixture(scope="module")
def store(encoder):
    """Features of the training molecules, computed once."""
    return make_store(lambda: encoder)


@pytest.fixture(scope="module")
def predictor(encoder, store):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(estimators, "NUM_TREES", 5)
        labels = [[float("N" in one), float("c" in one) if "F" not in one else np.nan] for one in MOLECULES]
        return fit(store, encoder, "binary", np.array(labels), ["amine", "aromatic"])


@pytest.fixture(scope="module")
def folder(predictor, tmp_path_factory):
    folder = tmp_path_factory.mktemp("blend")
    predictor.save(folder)
    return folder


@pytest.fixture
def copied(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copied")
    return tmp_path / "copied"


def test_it_predicts_as_before(predictor, folder):
    loaded = load_predictor(folder, device="cpu")
    assert isinstance(loaded, PropertyBlend) and loaded.columns == ["amine", "aromatic"]
    assert loaded.problem_type == "multi_label_classification"
    found = loaded.predict(MOLECULES[:7])
    np.testing.assert_allclose(found, predictor.predict(MOLECULES[:7]), atol=1e-5)
    assert found.shape == (7, 2) and found.dtype == np.float32 and 0 <= found.min() <= found.max() <= 1
    np.testing.assert_allclose(loaded.embed(["CCO"]), predictor.embed(["CCO"]), atol=1e-6)
    assert loaded.predict([]).shape == (0, 2)
    suffixes = {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert {".skops", ".safetensors"} < suffixes and not suffixes & {
        ".pkl",
        ".pickle",
        ".joblib",
        ".pt",
        ".bin",
        ".npy",
    }
    with pytest.raises(ValueError, match="index 1 cannot be embedded"):
        loaded.predict(["C", "C(C"])


@pytest.mark.parametrize("batch_size", [1, 64])
def test_a_file_streams_in_order(folder, predictor, tmp_path, batch_size):
    file = tmp_path / "library.csv"
    file.write_text("name,smiles\na,CCN\nbad,C(C\nb,c1ccccc1\nshort\nc,NCC\n", encoding="utf-8")
    loaded = load_predictor(folder, device="cpu")
    counts = predict_file(MoleculeFile(file, keep_cells=True), tmp_path / "out.csv", loaded, batch_size)
    assert counts == {"num_rows": 5, "num_errors": 2}
    with open(tmp_path / "out.csv", encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    added = ["predicted_amine", "predicted_aromatic", "nearest_training_tanimoto", "error"]
    assert list(rows[0]) == ["name", "smiles", *added] and [row["name"] for row in rows] == list(
        ("a", "bad", "b", "short", "c")
    )
    assert rows[1]["error"].startswith("line 3: RDKit cannot parse the SMILES 'C(C'") and not rows[1][added[0]]
    found = [[float(rows[place][name]) for name in added[:2]] for place in (0, 2, 4)]
    np.testing.assert_allclose(found, predictor.predict(["CCN", "c1ccccc1", "CCN"]), atol=1e-4)


def test_rows_are_read_as_they_are_needed(folder, tmp_path, monkeypatch):
    """Constant memory: no more than a window of molecules has features at once."""
    sizes = []
    fill = property_blend.fill_descriptors
    monkeypatch.setattr(property_blend, "fill_descriptors", lambda *given: sizes.append(len(given[0])) or fill(*given))
    file = tmp_path / "library.smi"
    file.write_text("".join(f"{'C' * (1 + row % 9)}O m{row}\n" for row in range(50)))
    predict_file(file, tmp_path / "out.csv", load_predictor(folder, device="cpu"), batch_size=1)
    assert sum(sizes) == 50 and max(sizes) <= 8


def test_numbers_and_classes(encoder, store, tmp_path, monkeypatch):
    monkeypatch.setattr(estimators, "NUM_TREES", 5)
    numbers = fit(store, encoder, "regression", np.array([[float(len(one))] for one in MOLECULES]), ["length"], 1.0)
    numbers.save(tmp_path / "numbers")
    again = load_predictor(tmp_path / "numbers", device="cpu").predict(MOLECULES[::9])
    np.testing.assert_allclose(again, numbers.predict(MOLECULES[::9]), rtol=1e-4)
    assert np.abs(again[:, 0] - [len(one) for one in MOLECULES[::9]]).mean() < 2
    classes = fit(
        store, encoder, "multiclass", np.array([[float("1" in one)] for one in MOLECULES]), ["chain", "ring"]
    )
    classes.save(tmp_path / "classes")
    (tmp_path / "t.smi").write_text("CCN\nC1CCCC1F\n")
    loaded = load_predictor(tmp_path / "classes", device="cpu")
    predict_file(tmp_path / "t.smi", tmp_path / "out.csv", loaded)
    with open(tmp_path / "out.csv", encoding="utf-8", newline="") as stream:
        assert [row["predicted_class"] for row in csv.DictReader(stream)] == ["chain", "ring"]


def test_nothing_foreign_is_made_of_a_file(copied):
    skops.dump([[np.random.default_rng(0)]], copied / "property_blend.skops")
    skops.dump([[pytest.approx]], copied / "property_blend.skops")
    with pytest.raises(ValueError, match="holds .*approx.*, which no blend does; it was not loaded"):
        PropertyBlend.from_pretrained(copied)


def change_facts(folder, **fields):
    file = folder / "property_blend.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"format": 9}, "is of format 9, this version reads 1"),
        ({"descriptors": ["NoDescriptor"]}, r"lacks \['NoDescriptor'\]. Install that release, or fit again"),
        ({"model_weights": "0"}, "holds other weights than those that the blend was fitted with"),
    ],
)
def test_other_versions_are_refused(copied, fields, message):
    change_facts(copied, **fields)
    with pytest.raises(ValueError, match=message):
        PropertyBlend.from_pretrained(copied, device="cpu")


def test_damaged_files_are_refused(copied, tmp_path):
    file = copied / "property_blend.skops"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(ValueError, match="property_blend.skops cannot be read.*saved by scikit-learn"):
        PropertyBlend.from_pretrained(copied, device="cpu")
    file.unlink()
    with pytest.raises(ValueError, match="property_blend.skops cannot be read"):
        PropertyBlend.from_pretrained(copied, device="cpu")
    (copied / "property_blend.json").write_text("{")
    with pytest.raises(ValueError, match="property_blend.json cannot be read"):
        PropertyBlend.from_pretrained(copied, device="cpu")


def test_another_release_of_scikit_learn_is_said(copied, caplog):
    change_facts(copied, **{"scikit-learn": "1.7.0"})
    PropertyBlend.from_pretrained(copied, device="cpu")
    assert "was saved by scikit-learn 1.7.0" in caplog.text


def test_other_folders_load_as_before(tuned_folder):
    assert isinstance(load_predictor(tuned_folder, device="cpu"), PropertyPredictor)


def test_names_fit_the_outputs(predictor):
    with pytest.raises(ValueError, match="A blend of 2 outputs needs as many names: got 1"):
        PropertyBlend(predictor.blend, predictor.encoder, ["one"])
