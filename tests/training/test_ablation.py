"""Variants are trained for equal time, and tabulated seed by seed."""

from modeling_finemoltex.training import ablation, format_ablation_table, run_variant


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


def test_a_variant_is_trained_for_its_time_and_measured(pairs_file, tmp_path, monkeypatch):
    monkeypatch.setattr(ablation, "PROBE_STEPS", 2)
    base = f"--preset tiny --dataset {pairs_file} --split random --validation_size 20 --test_size 0 --use_cpu"
    base += f" --output_dir {tmp_path} --motif_min_count 1 --disable_tqdm true"
    run = run_variant({"max_text_length": 16}, base.split(), 1, 0.001, tmp_path)
    assert run["steps"] == 1 and run["seed"] == 1 and run["options"] == {"max_text_length": 16}
    metrics = run["metrics"]
    assert {"t2m_mrr", "motif_without_text", "word_without_molecule"} <= set(metrics)
    assert 0 <= metrics["motif_majority"] <= 1 and 0 <= metrics["word_majority"] <= 1
