"""Molecules as features for scikit-learn: alone, in pipelines, in searches, copied, pickled, and by its own checks."""

import pickle
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rdkit import Chem

pytest.importorskip("sklearn", minversion="1.7")

from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from modeling_finemoltex import FineMolTexForPreTraining, FineMolTexTransformer, MoleculeTextEncoder, default_model
from modeling_finemoltex.data.molecule_filters import DESCRIPTORS
from modeling_finemoltex.property_prediction import molecule_transformer

ROOT = Path(__file__).resolve().parents[2]
SMILES = ["CCO", "c1ccccc1", "CC(=O)O", "CCN", "C1CCCCC1", "c1ccncc1", "CCCl", "CC(C)O"] * 3
IS_RING = ["1" in one for one in SMILES]


@pytest.fixture(scope="module")
def expected(base_folder):
    return MoleculeTextEncoder.from_pretrained(base_folder).encode_molecules(SMILES)


@pytest.fixture
def make(base_folder):
    return lambda **parameters: FineMolTexTransformer(base_folder, **parameters)


FORMS = {
    "list": list,
    "tuple": tuple,
    "nested list": lambda smiles: [[one] for one in smiles],
    "array of strings": np.array,
    "array of objects": lambda smiles: np.array(smiles, dtype=object),
    "column": lambda smiles: np.array(smiles, dtype=object)[:, None],
    "series": pd.Series,
    "series of strings": lambda smiles: pd.Series(smiles, dtype="string"),
    "categories": lambda smiles: pd.Series(smiles, dtype="category"),
    "table": lambda smiles: pd.DataFrame({"structure": smiles}),
    "molecules": lambda smiles: list(map(Chem.MolFromSmiles, smiles)),
    "series of molecules": lambda smiles: pd.Series(map(Chem.MolFromSmiles, smiles)),
    "shuffled index": lambda smiles: pd.DataFrame(
        {"smiles": smiles}, index=[f"m{-row}" for row in range(len(smiles))]
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_molecules_come_in_many_forms(form, make, expected):
    features = make().fit_transform(FORMS[form](SMILES))
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, expected, atol=1e-5)


@pytest.mark.parametrize(
    "wrong, error, message",
    [
        ("CCO", TypeError, "Give a list"),
        (Chem.MolFromSmiles("CCO"), TypeError, "Give a list"),
        (np.ones((3, 1)), ValueError, "got numbers, such as 1.0"),
        ([3, 4], ValueError, "got numbers, such as 3"),
        (iter(["CCO"]), TypeError, "got list_iterator"),
        ([], ValueError, r"0 sample\(s\)"),
        (pd.DataFrame({"a": ["C"], "b": ["C"]}), ValueError, r"2 feature\(s\).*Choose it with `ColumnTransformer`"),
        ([["C", "C"]], ValueError, r"2 feature\(s\)"),
        (np.array("CCO"), ValueError, r"shape \(\)"),
    ],
)
def test_what_is_no_column_of_molecules(wrong, error, message):
    for method in (FineMolTexTransformer().fit, FineMolTexTransformer().transform):
        with pytest.raises(error, match=message):
            method(wrong)


@pytest.mark.parametrize("parameters", [{"features": "all"}, {"on_error": "skip"}, {"batch_size": 0}])
def test_wrong_parameters_are_named_when_they_are_used(parameters):
    (name,) = parameters
    transformer = FineMolTexTransformer(**parameters)  # not yet
    for call in (transformer.fit, transformer.transform):
        with pytest.raises(ValueError, match=f"`{name}` must be"):
            call(["CCO"])
    with pytest.raises(TypeError, match="`model` must be a folder or a Hub id"):
        FineMolTexTransformer(3).fit(["CCO"])
    with pytest.raises(ValueError, match="'no-such-folder' cannot be loaded as a model"):
        FineMolTexTransformer("no-such-folder").fit(["CCO"])


@pytest.mark.parametrize("features", molecule_transformer.FEATURES)
def test_rows_that_are_no_molecules(features, make, expected):
    wrong = [SMILES[0], "C(C", None, SMILES[1], np.nan, "", pd.NA, "CCO ethanol"]
    table = pd.Series(wrong, index=[f"mol{row}" for row in range(len(wrong))])
    with pytest.raises(ValueError, match=r"Row 1 \(index 'mol1'\), 'C\(C': .*6 of 8 rows .*`on_error=\"nan\"`"):
        make(features=features).fit_transform(table)
    with pytest.raises(ValueError, match=r"Row 1, 'C\(C': "):
        make(features=features).fit_transform(wrong)
    found = make(features=features, on_error="nan").fit_transform(wrong)
    assert np.flatnonzero(np.isnan(found).all(1)).tolist() == [1, 2, 4, 5, 6, 7]
    assert np.isfinite(found[[0, 3]]).all()
    if features != "descriptors":
        np.testing.assert_allclose(found[[0, 3], : expected.shape[1]], expected[:2], atol=1e-5)
    assert np.isnan(make(features=features, on_error="nan").fit_transform([None, None])).all()


def test_descriptors_are_those_of_rdkit_and_never_infinite(make):
    names = list(DESCRIPTORS)
    large = "C" * 80
    with_metal = "[Cs+].CC(=O)[O-]"
    found = make(features="descriptors").fit_transform(["CCO", large, with_metal])
    assert found.shape == (3, len(names)) and found.dtype == np.float64
    molecule = Chem.MolFromSmiles("CCO")
    assert found[0].tolist() == pytest.approx([DESCRIPTORS[name](molecule) for name in names])
    assert not np.isinf(found).any() and found[1, names.index("Ipc")] == molecule_transformer.MOST
    assert np.isnan(found[2]).any() and not np.isnan(found[2]).all()
    both = make(features="both").fit_transform(["CCO", large])
    np.testing.assert_array_equal(both[:, -len(names) :], found[:2])


def test_names_and_tables(make, expected):
    transformer = make(features="both").set_output(transform="pandas")
    table = pd.DataFrame({"structure": SMILES[:3]}, index=["c", "a", "b"])
    found = transformer.fit_transform(table)
    assert found.index.tolist() == ["c", "a", "b"]
    width = expected.shape[1]
    assert found.columns.tolist() == [*(f"finemoltex{place}" for place in range(width)), *DESCRIPTORS]
    assert transformer.get_feature_names_out().tolist() == transformer.get_feature_names_out(["structure"]).tolist()
    assert (transformer.n_features_in_, transformer.feature_names_in_.tolist()) == (1, ["structure"])
    with pytest.raises(ValueError, match="must be \\['structure'\\], the column of the molecules: got \\['smiles'\\]"):
        transformer.get_feature_names_out(["smiles"])
    with pytest.raises(ValueError, match="in 'structure', now in 'smiles'"):
        transformer.transform(table.rename(columns={"structure": "smiles"}))
    transformer.fit(SMILES)
    assert not hasattr(transformer, "feature_names_in_")
    with pytest.raises(ValueError, match="must be \\['one name'\\]"):
        transformer.get_feature_names_out(["a", "b"])


@pytest.mark.parametrize("column", ["smiles", ["smiles"]])
def test_beside_other_columns(column, make, expected):
    rows = np.random.default_rng(0).permutation(len(SMILES))
    table = pd.DataFrame({"smiles": SMILES, "assay": np.arange(len(SMILES))}).iloc[rows]
    columns = ColumnTransformer([("molecule", make(), column), ("rest", StandardScaler(), ["assay"])])
    found = columns.set_output(transform="pandas").fit_transform(table)
    assert found.columns[0] == "molecule__finemoltex0" and found.index.tolist() == rows.tolist()
    np.testing.assert_allclose(found.iloc[:, :-1], expected[rows], atol=1e-5)


def test_a_search_with_two_jobs(make):
    """Workers are processes of their own: transformers reach them as pickles and load the model there."""
    pipeline = Pipeline([("molecules", make()), ("impute", SimpleImputer()), ("model", LogisticRegression())])
    grid = {"molecules__features": ["embedding", "both"]}
    search = GridSearchCV(pipeline, grid, n_jobs=2, cv=2, error_score="raise").fit(pd.Series(SMILES), IS_RING)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.predict(["CCO", "c1ccccc1"]).shape == (2,)
    assert search.best_estimator_[:-2].get_feature_names_out()[0] == "finemoltex0"


def test_the_parameter_decides_what_a_search_compares(make, expected):
    pipeline = make_pipeline(make(), LogisticRegression())
    pipeline.set_params(finemoltextransformer__features="descriptors")
    assert pipeline[:-1].fit_transform(SMILES).shape == (len(SMILES), len(DESCRIPTORS))
    again = clone(make(features="both", batch_size=3, device="cpu", on_error="nan"))
    assert again.get_params() == make(features="both", batch_size=3, device="cpu", on_error="nan").get_params()
    np.testing.assert_allclose(again.fit_transform(SMILES)[:, : expected.shape[1]], expected, atol=1e-5)


def test_a_pickle_holds_no_weights_and_works_in_another_process(make, expected, tmp_path, forked_python):
    pipeline = make_pipeline(make(), LogisticRegression()).fit(SMILES, IS_RING)
    assert len(pickle.dumps(pipeline[0])) < 2000
    (tmp_path / "pipeline.pkl").write_bytes(pickle.dumps(pipeline))
    code = (
        "import pickle, numpy as np\n"
        "with open('pipeline.pkl', 'rb') as file:\n    pipeline = pickle.load(file)\n"
        f"np.save('features.npy', pipeline[0].transform({SMILES!r}))\n"
        f"np.save('chances.npy', pipeline.predict_proba({SMILES!r}))\n"
    )
    done = forked_python.run(code, cwd=tmp_path, path=[ROOT])
    assert done.returncode == 0, done.stderr[-2000:]
    np.testing.assert_allclose(np.load(tmp_path / "features.npy"), expected, atol=1e-5)
    np.testing.assert_allclose(np.load(tmp_path / "chances.npy"), pipeline.predict_proba(SMILES), atol=1e-5)


def test_another_model_under_the_same_name_is_refused(config, processor, tmp_path):
    for part in (FineMolTexForPreTraining(config), processor):
        part.save_pretrained(tmp_path)
    fitted = FineMolTexTransformer(tmp_path).fit(SMILES)
    before = fitted.transform(SMILES)
    FineMolTexForPreTraining(config).save_pretrained(tmp_path)  # drawn anew
    with pytest.raises(ValueError, match="is not the model of `fit`: weights .* now, .* then"):
        fitted.transform(SMILES)
    assert not np.allclose(fitted.fit_transform(SMILES), before, atol=1e-3)


@pytest.mark.filterwarnings("ignore:.*found in sys.modules")
def test_an_old_scikit_learn_is_refused(monkeypatch):
    monkeypatch.setattr("sklearn.__version__", "1.6.1")
    with pytest.raises(ImportError, match="needs scikit-learn 1.7 or later: pip install"):
        runpy.run_module(molecule_transformer.__name__)


def test_copies_share_one_model(make):
    molecule_transformer._load_encoder.cache_clear()
    for _ in range(3):
        clone(make()).fit_transform(SMILES[:2])
    assert molecule_transformer._load_encoder.cache_info().misses == 1


def test_the_shipped_model_is_the_default():
    folder = default_model()
    expected = MoleculeTextEncoder.from_pretrained(folder).encode_molecules(["CCO"])
    np.testing.assert_allclose(FineMolTexTransformer().transform(["CCO"]), expected, atol=1e-5)
