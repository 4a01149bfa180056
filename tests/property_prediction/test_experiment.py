"""Experiments on tables with every trouble: missing labels, single classes, 617 tasks, 10 rows, resuming."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import AutoModel, AutoModelForSequenceClassification, HfArgumentParser

pytest.importorskip("sklearn")

from modeling_finemoltex import FineMolTexDataCollator
from modeling_finemoltex.property_prediction import (
    ConformalCalibration,
    ExperimentArguments,
    TrainingMolecules,
    estimators,
    load_predictor,
    measure_coverage,
    run_experiments,
)
from modeling_finemoltex.property_prediction import fingerprint_baselines as baselines
from modeling_finemoltex.property_prediction.methods import BASELINES, METHODS, WITH_VECTORS
from modeling_finemoltex.property_prediction.recipes import OF_SMILES
from modeling_finemoltex.training import linear_probe

from .conftest import MOLECULES, write_table


def has_nitrogen(smiles):
    return int("N" in smiles or "n" in smiles)


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr(baselines, "NUM_TREES", 10)
    monkeypatch.setattr(estimators, "NUM_TREES", 10)


@pytest.fixture
def run(base_folder, processor, tmp_path):
    """Run an experiment on the tiny model with few epochs."""

    def call(dataset, **options):
        defaults = {"model": base_folder, "dataset": [dataset], "output_dir": str(tmp_path / "out"), "epochs": 2}
        defaults |= {"split": "random", "label_columns": ["y"], "methods": ["probe"], "save_models": False}
        arguments = ExperimentArguments(**{**defaults, **options})
        return run_experiments(arguments, lambda folder: (processor, FineMolTexDataCollator(processor)))

    return call


def test_every_method_has_a_row(run, tmp_path):
    path = write_table(tmp_path / "amines.csv", {"y": has_nitrogen})
    results = run(path, methods=["fine_tuned"], baselines=True, valid_size=0.2, test_size=0.2, epochs=1)
    by_method = {entry["method"]: entry["test"]["roc_auc"] for entry in results["runs"]}
    assert set(by_method) == {*BASELINES, "fine_tuned"} and not set(BASELINES) & set(WITH_VECTORS)
    assert {"ecfp_rf", "counts_rf", "descriptors_et", "descriptors_blend", "blend_no_vectors"} < set(BASELINES)
    assert all(0 <= value <= 1 for value in by_method.values())
    assert by_method["ecfp_lr"] > 0.75  # a convex fit on bits that show nitrogen
    table = (tmp_path / "out" / "results.md").read_text()
    assert "| pre-trained, fine-tuned |" in table and "amines (roc_auc)" in table and "published" not in table


def test_predictions_keep_the_input_rows_and_models_load_again(run, processor, tmp_path):
    smiles = [*MOLECULES[:40], "not a molecule", *MOLECULES[40:]]
    path = write_table(tmp_path / "t.csv", {"id": lambda one: f"<{one}>", "y": has_nitrogen}, smiles)
    run(path, save_models=True)
    folder = tmp_path / "out" / "t" / "probe" / "seed0"
    frame = pd.read_csv(folder / "predictions.csv", dtype=str, keep_default_na=False)
    original = pd.read_csv(path, dtype=str)
    assert list(frame.columns) == [*original.columns, "assigned_split", "predicted_y"]
    pd.testing.assert_frame_equal(frame[original.columns], original)
    assert frame["assigned_split"][40] == "unparsable" and frame["predicted_y"][40] == ""
    held_out = frame[frame["assigned_split"].isin(["valid", "test"])]
    assert len(held_out) == 18 and (held_out["predicted_y"] != "").all()
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    assert model.config.id2label == {0: "y"}
    again = model.predict(model(**processor(smiles=list(held_out["smiles"]))).logits)
    np.testing.assert_allclose(again.detach()[:, 0], held_out["predicted_y"].astype(float), atol=1e-5)
    assert (folder / "training_fingerprints.fps").is_file()


def test_an_interrupted_experiment_goes_on(run, tmp_path, monkeypatch):
    path = write_table(tmp_path / "t.csv", {"y": has_nitrogen})
    first = run(path, methods=["ecfp_lr"])
    monkeypatch.setattr(baselines, "fit_linear", None)  # would fail if run again
    second = run(path, methods=["ecfp_lr", "probe"], seeds=[0])
    assert second["runs"][0] == first["runs"][0] and [entry["method"] for entry in second["runs"]] == [
        "ecfp_lr",
        "probe",
    ]
    assert json.loads((tmp_path / "out" / "results.json").read_text()) == second
    with pytest.raises(ValueError, match="was made with `split` 'random', not 'scaffold'. Give another `output_dir`"):
        run(path, split="scaffold")


def test_shares_of_the_training_labels_are_runs_of_their_own(run, tmp_path):
    path = write_table(tmp_path / "t.csv", {"y": has_nitrogen})
    first = run(path, methods=["ecfp_lr"], label_fractions=[0.2], save_models=True)
    results = run(path, methods=["ecfp_lr", "probe"], label_fractions=[0.2, 0.5, 1.0], seeds=[0, 1], save_models=True)
    done = {(one["method"], one.get("label_fraction", 1.0), one["seed"]) for one in results["runs"]}
    expected = {(one, share, seed) for one in ("ecfp_lr", "probe") for share in (0.2, 0.5, 1.0) for seed in (0, 1)}
    assert done == expected and len(results["runs"]) == 12 and results["runs"][0] == first["runs"][0]
    folders = {folder.name for folder in (tmp_path / "out" / "t" / "probe").iterdir()}
    assert folders == {f"seed{seed}{end}" for seed in (0, 1) for end in ("", "_labels0.2", "_labels0.5")}
    assigned = [
        pd.read_csv(tmp_path / "out" / "t" / "probe" / name / "predictions.csv")["assigned_split"].value_counts()
        for name in ("seed0_labels0.2", "seed0")
    ]
    assert assigned[0]["train"] == round(0.2 * assigned[1]["train"]) and assigned[0]["test"] == assigned[1]["test"]
    written = (tmp_path / "out" / "results.md").read_text()
    assert "| t, test roc_auc by training labels | 0.2 | 0.5 | 1 | mean |" in written


def test_pools_are_refused_of_a_model_without(run, tmp_path):
    path = write_table(tmp_path / "t.csv", {"y": has_nitrogen})
    with pytest.raises(ValueError, match="need a model with `readout` 'pools'.*this one has 'atoms'"):
        run(path, methods=["pools_rf"])
    arguments = ExperimentArguments(model="m", dataset=["d"], output_dir="o", all=True)
    assert "pools_rf" not in arguments.methods and "blend" in arguments.methods


@pytest.mark.parametrize("method", ["ecfp_rf", "ecfp_lr", "probe", "fine_tuned", "gin_scratch", "blend"])
def test_missing_labels_and_single_classes(run, tmp_path, method):
    columns = {
        "y": lambda one: "" if "S" in one.upper() else has_nitrogen(one),
        "always": lambda one: 1,
        "rare": lambda one: 1 if one == MOLECULES[7] else "" if "C1" in one else 0,
    }
    results = run(write_table(tmp_path / "t.csv", columns), label_columns=list(columns), methods=[method])
    test = results["runs"][0]["test"]
    assert "roc_auc" not in test["per_task"]["always"] and test["per_task"]["always"]["log_loss"] < 1.5
    assert test["num_tasks"] == 3 and np.isfinite(test["roc_auc"])


@pytest.mark.slow
@pytest.mark.parametrize("method", ["ecfp_lr", "probe", "fine_tuned"])
def test_617_tasks(run, tmp_path, method, monkeypatch):
    monkeypatch.setattr(baselines, "STRENGTHS", (1.0,))
    monkeypatch.setattr(linear_probe, "PENALTIES", (10.0,))
    columns = {
        f"task{n}": lambda one, n=n: ["", 0, 1][(len(one) * (n + 1) + ord(one[-1]) + n) % 3] for n in range(617)
    }
    results = run(
        write_table(tmp_path / "t.csv", columns, MOLECULES[::2]),
        label_columns=list(columns),
        methods=[method],
        epochs=1,
    )
    assert results["runs"][0]["test"]["num_tasks"] == 617


@pytest.mark.parametrize("method", ["ecfp_rf", "ecfp_lr", "probe", "fine_tuned", "gin_scratch", "blend"])
def test_ten_rows(run, tmp_path, method):
    path = write_table(tmp_path / "t.csv", {"y": has_nitrogen}, MOLECULES[10:40:3])
    results = run(path, methods=[method])
    assert results["sets"]["t"]["split"] == {"train": 8, "valid": 1, "test": 1}
    assert "roc_auc" not in results["runs"][0]["test"] and np.isfinite(results["runs"][0]["test"]["log_loss"])


def test_too_few_rows_for_a_split(run, tmp_path):
    path = write_table(tmp_path / "t.csv", {"y": has_nitrogen}, MOLECULES[:3])
    with pytest.raises(ValueError, match="no row is left for valid of 3 usable rows. Give a larger `valid_size`"):
        run(path)
    path = write_table(tmp_path / "t.csv", {"y": has_nitrogen}, MOLECULES[:10])
    with pytest.raises(ValueError, match="leaves no row for train: the 10 rows have 1 scaffolds"):
        run(path, split="scaffold")


@pytest.mark.parametrize("method", ["ecfp_rf", "ecfp_lr", "probe", "fine_tuned", "blend"])
def test_regression_and_named_classes(run, tmp_path, method):
    path = write_table(tmp_path / "t.csv", {"y": lambda one: 1000 + 5 * len(one)})
    results = run(path, methods=[method], task_type="regression", output_dir=str(tmp_path / "numbers"))
    assert results["runs"][0]["test"]["mae"] < 50  # in units of the target, not standardised ones
    path = write_table(tmp_path / "t.csv", {"y": lambda one: ["yes", "no", "maybe", ""][len(one) % 4]})
    results = run(path, methods=[method], task_type="multiclass")
    assert set(results["runs"][0]["test"]["per_task"]) == {"yes", "no", "maybe"}


def test_a_text_beside_the_molecule(run, tmp_path):
    path = write_table(tmp_path / "t.csv", {"y": has_nitrogen, "note": lambda one: f"an amine {len(one)}"})
    results = run(path, text_column="note", methods=["fine_tuned", "probe", "ecfp_lr", "gin_scratch"], epochs=1)
    assert len(results["runs"]) == 4  # the baselines read molecules alone


def test_split_by_column_and_balanced_classes(run, tmp_path):
    columns = {"y": has_nitrogen, "part": lambda one: "test" if "s" in one else "val" if "n" in one else "train"}
    path = write_table(tmp_path / "t.csv", columns)
    results = run(path, split="column", split_column="part", balance_classes=True, methods=["ecfp_lr", "probe"])
    assert results["sets"]["t"]["split"] == {"train": 60, "valid": 15, "test": 15}
    with pytest.raises(ValueError, match="no column 'fold' to split by"):
        run(path, split="column", split_column="fold", output_dir=str(tmp_path / "other"))
    with pytest.raises(ValueError, match="`split column` and `split_column` go together"):
        run(path, split="column")


def test_a_blend_is_the_default_and_its_members_are_fitted_once(run, tmp_path, monkeypatch):
    path = write_table(tmp_path / "t.csv", {"y": has_nitrogen})
    assert ExperimentArguments("m", ["d"], "o").methods == ["blend"]
    assert set(ExperimentArguments("m", ["d"], "o", all=True).methods) == set(METHODS).difference(OF_SMILES)
    fitted = []
    make = estimators.make_estimator
    monkeypatch.setattr(
        "modeling_finemoltex.property_prediction.blend.make_estimator",
        lambda *given: fitted.append(given[0]) or make(*given),
    )
    rows = ["descriptors_et", "descriptors_svm", "descriptors_blend", "blend_no_vectors"]
    results = run(path, methods=rows, save_models=True)
    assert sorted(fitted) == ["extra_trees", "extra_trees", "forest", "forest", "svm", "svm"]
    assert [entry["method"] for entry in results["runs"]] == rows
    assert not list((tmp_path / "out").rglob("*.skops"))  # only what reads the model is a model


def test_a_saved_blend_predicts_what_the_experiment_did(run, tmp_path):
    pytest.importorskip("skops")
    path = write_table(tmp_path / "t.csv", {"y": has_nitrogen, "rare": lambda one: int(one == MOLECULES[3])})
    results = run(path, methods=["blend"], label_columns=["y", "rare"], save_models=True)
    (entry,) = results["runs"]
    assert entry["facts"]["temperature"] > 0 and len(entry["facts"]["members"]) == 4
    folder = tmp_path / "out" / "t" / "blend" / "seed0"
    frame = pd.read_csv(folder / "predictions.csv")
    held_out = frame[frame["assigned_split"] == "test"]
    found = load_predictor(folder, device="cpu").predict(list(held_out["smiles"]))
    np.testing.assert_allclose(found, held_out[["predicted_y", "predicted_rare"]], atol=1e-4)


def test_a_blend_without_skops_is_refused_before_it_is_fitted(run, tmp_path, monkeypatch):
    from modeling_finemoltex.property_prediction import property_blend

    property_blend.import_skops.cache_clear()
    monkeypatch.setitem(sys.modules, "skops", None)
    path = write_table(tmp_path / "t.csv", {"y": has_nitrogen})
    with pytest.raises(ImportError, match=r'pip install "finemoltex\[properties\]"'):
        run(path, methods=["blend"], save_models=True)
    assert run(path, methods=["blend"])["runs"]  # not saved


def test_raw_figures_go_to_a_second_file_and_come_from_it(run, tmp_path):
    path = write_table(tmp_path / "t.csv", {"y": has_nitrogen})
    raw = tmp_path / "results" / "raw.json"
    raw.parent.mkdir()
    first = run(path, methods=["descriptors_svm"], results_file=str(raw))
    assert json.loads(raw.read_text()) == first
    second = run(path, methods=["descriptors_svm", "ecfp_lr"], results_file=str(raw), output_dir=str(tmp_path / "new"))
    assert second["runs"][0] == first["runs"][0] and len(second["runs"]) == 2
    assert json.loads(raw.read_text()) == second


def test_chains_apart_leave_rows_for_the_test(run, tmp_path):
    chains = [f"{'C' * length}{end}" for end in ("O", "N", "Cl", "S", "F", "Br") for length in range(2, 12)]
    path = write_table(tmp_path / "t.csv", {"y": has_nitrogen}, chains)
    with pytest.raises(ValueError, match='or give `chains="apart"`'):
        run(path, split="scaffold", methods=["ecfp_lr"])
    results = run(path, split="scaffold", chains="apart", methods=["ecfp_lr"], valid_size=0.2, test_size=0.2)
    assert results["sets"]["t"]["split"] == {"train": 30, "valid": 10, "test": 20}
    with pytest.raises(ValueError, match="`chains apart` is for the `scaffold` split, not for 'random'"):
        run(path, chains="apart")


def test_lora_changes_matrices_only_and_leaves_a_plain_model(run, base_folder, tmp_path):
    pytest.importorskip("peft")
    path = write_table(tmp_path / "t.csv", {"y": has_nitrogen})
    run(path, methods=["lora"], head_learning_rate=1e-2, lora_rank=4, save_models=True)
    folder = tmp_path / "out" / "t" / "lora" / "seed0"
    tuned, report = AutoModelForSequenceClassification.from_pretrained(folder, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    before = AutoModel.from_pretrained(base_folder).state_dict()
    after = tuned.finemoltex.state_dict()
    changed = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    assert "molecule_readout.expand.weight" in changed
    assert "graph_encoder.layers.0.expand.weight" in changed
    assert not [name for name in changed if "norm" in name or "embedding" in name or name.endswith("bias")]


def test_lora_without_peft_says_what_to_install(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    path = write_table(tmp_path / "t.csv", {"y": has_nitrogen})
    with pytest.raises(ImportError, match=r'pip install "finemoltex\[properties\]"'):
        run(path, methods=["lora"])


def test_wrong_options(run, tmp_path):
    path = write_table(tmp_path / "t.csv", {"y": has_nitrogen})
    with pytest.raises(ValueError, match="Unknown method 'svm': choose among ecfp_rf"):
        run(path, methods=["svm"])
    with pytest.raises(ValueError, match="has no column 'z'"):
        run(path, label_columns=["z"])


def test_trust_beside_the_model(run, tmp_path):
    path = write_table(tmp_path / "t.csv", {"y": has_nitrogen})
    results = run(path, save_models=True, level=0.8, valid_size=0.3, test_size=0.3)
    (entry,) = results["runs"]
    assert {"brier", "ece"} < set(entry["test"]) and entry["coverage"]["level"] == 0.8
    assert entry["coverage"]["num_labels"] == results["sets"]["t"]["split"]["test"]
    folder = tmp_path / "out" / "t" / "probe" / "seed0"
    frame = pd.read_csv(folder / "predictions.csv")
    parts = {name: frame[frame["assigned_split"] == name] for name in ("train", "valid", "test")}
    calibration = ConformalCalibration.load(folder)
    assert sum(map(len, calibration.errors["y"].values())) == len(parts["valid"])
    scores = parts["valid"].loc[parts["valid"]["y"] == 1, "predicted_y"]
    np.testing.assert_allclose(calibration.errors["y"]["1"], sorted(1 - scores), atol=1e-6)
    found = measure_coverage(
        calibration, parts["test"][["predicted_y"]].to_numpy(), parts["test"][["y"]].to_numpy(float), 0.8
    )
    assert found["coverage"] == pytest.approx(entry["coverage"]["coverage"])
    training = TrainingMolecules.load(folder)
    assert training.smiles == parts["train"]["smiles"].tolist()
    assert [row[0] for row in training.labels] == parts["train"]["y"].astype(str).tolist()


def test_scrambled_labels_are_dealt_anew_for_each_seed(run, tmp_path):
    path = write_table(tmp_path / "t.csv", {"y": has_nitrogen})
    options = {"methods": ["ecfp_lr"], "valid_size": 0.2, "test_size": 0.4, "split": "scaffold", "save_models": True}
    results = run(path, scramble_labels=True, seeds=list(range(5)), **options)
    figures = [entry["test"]["roc_auc"] for entry in results["runs"]]
    assert len(set(figures)) > 2 and abs(np.mean(figures) - 0.5) < 0.2
    assert not (tmp_path / "out" / "t").exists()  # nobody is to take such a model for one
    with pytest.raises(ValueError, match="was made with `scramble_labels` True, not False"):
        run(path, **options)
    plain = run(path, **options, output_dir=str(tmp_path / "plain"))
    assert plain["sets"]["t"]["split"] == results["sets"]["t"]["split"]
    assert plain["runs"][0]["test"]["roc_auc"] not in figures  # the same rows, when the labels are their own


def test_its_options_explain_themselves():
    assert "one row in twenty" in HfArgumentParser(ExperimentArguments).format_help()
