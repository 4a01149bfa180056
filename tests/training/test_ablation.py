"""Variants are trained for equal time, and tabulated seed by seed."""

import numpy as np
import pytest
from rdkit import Chem

from modeling_finemoltex.evaluation import StructureQuery, build_structure_pool
from modeling_finemoltex.training import ablation, format_ablation_table, run_variant, summarise_runs


def test_differences_are_paired_by_seed():
    ranks = {"plain": [0.20, 0.30, 0.25], "better": [0.22, 0.33, 0.26]}
    runs = [
        {"variant": name, "seed": seed, "steps": 10, "metrics": {"t2m_mrr": value}}
        for name, values in ranks.items()
        for seed, value in enumerate(values)
    ]
    header, _, plain, better = format_ablation_table(list(ranks), runs).splitlines()
    assert header.startswith("| variant | seeds | steps |") and plain.endswith("| – |")
    assert better.endswith("| +2.0 [-0.5, +4.5] |")  # 2 ± 4.30 / sqrt(3), although the levels differ by 10
    assert "| 25.0 ± 5.0 |" in plain and "| plain | 3 | 10 |" in plain
    (single,) = format_ablation_table(["plain", "better"], runs[:1] + runs[3:4]).splitlines()[3:]
    assert single.endswith("| +2.0 |")  # one seed has no interval


def test_measures_that_nobody_has_are_left_out():
    runs = [{"variant": "plain", "seed": 0, "steps": 10, "metrics": {"t2m_mrr": 0.5, "structure_pair_p@10": 0.25}}]
    header, _, plain = format_ablation_table(["plain"], runs).splitlines()
    assert "| two groups, P@10 |" in header and "one group" not in header and "Hits@1" not in header
    assert plain == "| plain | 1 | 10 | 50.0 | 25.0 | – |"


def test_a_summary_has_mean_and_spread():
    runs = [{"variant": "plain", "metrics": {"t2m_mrr": value}} for value in (0.2, 0.4)]
    runs.append({"variant": "single", "metrics": {"t2m_mrr": 0.3, "m2t_mrr": 0.1}})
    summary = summarise_runs(["plain", "single", "missing"], runs)
    assert summary["plain"]["t2m_mrr"] == {
        "mean": pytest.approx(0.3),
        "seeds": 2,
        "deviation": pytest.approx(0.02**0.5),
    }
    assert summary["single"] == {"t2m_mrr": {"mean": 0.3, "seeds": 1}, "m2t_mrr": {"mean": 0.1, "seeds": 1}}
    assert summary["missing"] == {}


def test_steps_and_structures_instead_of_seconds(pairs_file, tmp_path):
    base = f"--preset tiny --dataset {pairs_file} --split random --validation_size 20 --test_size 0 --use_cpu"
    base += f" --output_dir {tmp_path} --motif_min_count 1 --disable_tqdm true --max_text_length 16"
    smiles = [f"C{'C' * length}O" for length in range(12)] + [f"C{'C' * length}N" for length in range(24)]
    queries = [StructureQuery(("an alcohol",), "single", ("[OX2H]",))]
    pool = build_structure_pool(smiles, [Chem.MolFromSmiles(one) for one in smiles], queries)
    options = {"objective": ["masked_modelling=none", "transport", "soft_target.similarity=fingerprint"]}
    run = run_variant(options, base.split(), 0, None, tmp_path, steps=2, pool=pool)
    assert run["steps"] == 2 and 0 <= run["metrics"]["structure_single_p@10"] <= 1
    assert np.isfinite(run["metrics"]["m2t_hits@1"]) and "motif_majority" not in run["metrics"]


def test_time_or_steps_is_needed(tmp_path):
    with pytest.raises(ValueError, match="Give either `seconds` or `steps`: got 1 and 2"):
        run_variant({}, [], 0, 1, tmp_path, steps=2)
    with pytest.raises(ValueError, match="got None and None"):
        run_variant({}, [], 0, None, tmp_path)


def test_a_variant_is_trained_for_its_time_and_measured(pairs_file, tmp_path, monkeypatch):
    monkeypatch.setattr(ablation, "PROBE_STEPS", 2)
    base = f"--preset tiny --dataset {pairs_file} --split random --validation_size 20 --test_size 0 --use_cpu"
    base += f" --output_dir {tmp_path} --motif_min_count 1 --disable_tqdm true"
    run = run_variant({"max_text_length": 16}, base.split(), 1, 0.001, tmp_path)
    assert run["steps"] == 1 and run["seed"] == 1 and run["options"] == {"max_text_length": 16}
    metrics = run["metrics"]
    assert {"t2m_mrr", "motif_without_text", "word_without_molecule"} <= set(metrics)
    assert 0 <= metrics["motif_majority"] <= 1 and 0 <= metrics["word_majority"] <= 1
