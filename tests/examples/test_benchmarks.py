"""The benchmarks measure what they name, on a tiny model, and write one form of figures."""

import json
import sys
from pathlib import Path

import pytest
import torch

from modeling_finemoltex import FineMolTexModel

BENCHMARKS = Path(__file__).resolve().parents[2] / "examples" / "benchmarks"
SECONDS = {"median", "low", "high", "per_second"}


@pytest.fixture
def benchmark(monkeypatch, run_file):
    """Function that runs the benchmarks, which set the number of threads, and returns what they printed."""
    threads = torch.get_num_threads()
    monkeypatch.syspath_prepend(BENCHMARKS)  # as Python does for a script that it is given
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    yield lambda *words: run_file(BENCHMARKS / "run.py", "--smoke", "--quiet", *words)
    torch.set_num_threads(threads)
    for name in [name for name in sys.modules if name.startswith(("benchmark_", "measure_", "plain_dual_"))]:
        del sys.modules[name]


@pytest.fixture
def words(tmp_path, config, processor, molecules) -> list:
    """A tiny model and a table of pairs, as arguments."""
    FineMolTexModel(config).save_pretrained(tmp_path / "model")
    processor.save_pretrained(tmp_path / "model")
    table = ["smiles,text", *(f'"{smiles}","{text}"' for smiles, text in molecules.items())]
    (tmp_path / "pairs.csv").write_text("\n".join(table), encoding="utf-8")
    return ["--model", tmp_path / "model", "--pairs", tmp_path / "pairs.csv"]


def check_cases(result: dict) -> None:
    """Make sure that every case has times, a rate, and a ratio to a case that is there."""
    assert result["cases"]
    for case in result["cases"].values():
        assert SECONDS <= set(case["wall"]) and SECONDS <= set(case["processor"])
        assert case["per_second"] == case[case["clock"]]["per_second"] > 0
        assert case["count"] > 0 and case["repeats"] > 0
        assert ("ratio" in case) == ("baseline" in case)
        assert "baseline" not in case or (case["baseline"] in result["cases"] and case["ratio"]["median"] > 0)


def test_two_benchmarks_write_their_figures(benchmark, words, tmp_path):
    printed = benchmark("--only", "forward", "search", *words, "--output", tmp_path / "figures")
    written = {file.stem: json.loads(file.read_text()) for file in (tmp_path / "figures").iterdir()}
    assert set(written) == {"forward", "search"}
    for name, result in written.items():
        check_cases(result)
        assert result["benchmark"] == name and result["form"] == 1 and result["settings"]["smoke"]
        assert {"cores", "processor"} <= set(result["machine"]) and "torch" in result["versions"]
        assert all(case in printed for case in result["cases"])
    cases = written["search"]["cases"]
    assert cases["800, flat, molecules"]["figures"]["recall@10"] == 1
    assert cases["800, ivf_flat, molecules"]["figures"]["recall@10"] >= 0.9
    assert cases["800, ivf_flat, building"]["figures"]["structure_mb"] > 0
    assert written["forward"]["cases"]["molecules"]["baseline"] == "molecules, plain"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (("--repeats", "0"), "--repeats is 0: give a whole number from 1 on"),
        (("--sizes", "50"), "--sizes has 50: give at least 100"),
        (("--device", "gpu9x"), "--device 'gpu9x' is unknown"),
        (("--molecules", "nowhere.csv"), "nowhere.csv does not exist"),
        (("--only", "flying"), "invalid choice: 'flying'"),
    ],
)
def test_what_cannot_be_measured_is_refused(benchmark, capsys, wrong, message):
    with pytest.raises(SystemExit):
        benchmark(*wrong)
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_every_benchmark_runs(benchmark, tmp_path):
    pytest.importorskip("onnxruntime")
    benchmark("--output", tmp_path)
    names = {"featurise", "forward", "step", "mini-batches", "encode", "evaluate", "export", "search", "edit"}
    assert {file.stem for file in tmp_path.iterdir()} == names | {"predict", "start"}
    for file in tmp_path.iterdir():
        check_cases(json.loads(file.read_text()))


@pytest.mark.gpu
def test_an_accelerator_measures_all_that_computes_there(benchmark, words, tmp_path):
    names = ("featurise", "forward", "step", "mini-batches", "encode", "predict")
    benchmark("--only", *names, "--device", "cuda", *words, "--output", tmp_path / "figures")
    for name in names:
        result = json.loads((tmp_path / "figures" / f"{name}.json").read_text())
        check_cases(result)
        assert result["machine"]["accelerator"] and result["settings"]["clock"] == "wall"
