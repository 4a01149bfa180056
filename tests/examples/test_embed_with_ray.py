"""A library in Parquet files becomes answers, every row once: from a URL, started again, and with a killed worker."""

import os
import subprocess
import sys
import time
from pathlib import Path

import fsspec
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modeling_finemoltex import MoleculeTextIndex, embed_file, load_embeddings
from modeling_finemoltex.embedding import MoleculeTextEncoder

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "examples" / "embed_with_ray.py"


@pytest.fixture
def run(run_file):
    """Function that runs the script in this process, on one thread less than nothing else needs."""
    import torch

    threads = torch.get_num_threads()
    yield lambda *words: run_file(SCRIPT, *words)
    torch.set_num_threads(threads)


@pytest.fixture
def memory():
    """A file system in memory, empty again after the test."""
    system = fsspec.filesystem("memory")
    yield system
    system.store.clear()


def write_library(place, smiles, system=None):
    """Write two files of molecules, with ids, in small row groups."""
    half = len(smiles) // 2
    for number, part in enumerate((smiles[:half], smiles[half:])):
        table = pa.table({"id": [f"{number}-{row}" for row in range(len(part))], "smiles": part})
        with (system or fsspec.filesystem("file")).open(f"{place}/part-{number}.parquet", "wb") as file:
            pq.write_table(table, file, row_group_size=7)


def read_all(folder, system=None):
    """All rows by their ids; each id is there once."""
    system = system or fsspec.filesystem("file")
    rows = []
    for path in system.glob(f"{folder}/*.parquet"):
        with system.open(path) as file:
            rows += pq.read_table(file).to_pylist()
    by_id = {row["id"]: row for row in rows}
    assert len(by_id) == len(rows)
    return by_id


def test_rows_of_a_url_get_the_vectors_of_embed(run, memory, molecules, plain_folder, tmp_path):
    smiles = [*molecules, "C1CC", None, *molecules]
    write_library("/library", smiles, memory)
    words = ["--model", plain_folder, "--id_column", "id", "--partition_rows", 5, "--workers", 0]
    printed = run("memory://library/part-*.parquet", "memory://answers", *words)
    assert "22 rows in 6 files, 2 of them without an answer" in printed
    found = read_all("/answers", memory)
    encoder = MoleculeTextEncoder.from_pretrained(plain_folder, device="cpu")
    expected = encoder.encode_molecules(list(molecules))
    half, size = len(smiles) // 2, len(molecules)
    for row, one in enumerate(smiles):
        answer = found[f"{row // half}-{row % half}"]
        assert answer["smiles"] == one and answer["row"] == row
        if one in molecules:
            vector = expected[row if row < size else row - size - 2]
            np.testing.assert_allclose(answer["embedding"], vector, atol=1e-6)
            assert answer["problem"] is None
        else:
            assert answer["embedding"] is None and answer["problem"]
    index = MoleculeTextIndex.from_embeddings("memory://answers", location=tmp_path / "library.lance")
    index.encoder = encoder
    assert len(index) == 20 and {hit.id for hit in index.search(smiles="OCC", k=2)[0]} == {"0-1", "1-2"}
    lost = memory.glob("/answers/*.parquet")[0]
    memory.rm(lost)
    memory.pipe_file(f"{lost}.0123.unfinished", b"half a file of a worker that died")
    assert "5 computed now" in run("memory://library", "memory://answers", *words)  # a folder: all its files
    assert read_all("/answers", memory).keys() == found.keys() and not memory.glob("/answers/*.unfinished")
    with pytest.raises(SystemExit, match="belongs to another job, which differs in partition_rows"):
        run("memory://library", "memory://answers", *words, "--partition_rows", 6)
    with pytest.raises(SystemExit, match="has no column name; it has id, smiles"):
        run("memory://library", "memory://other", "--keep", "name")


def test_properties_and_captions(run, molecules, change_config, processor, tmp_path, plain_folder):
    from modeling_finemoltex import FineMolTexForCaptioning, FineMolTexForPropertyPrediction
    from modeling_finemoltex.captioning import Captioner, CaptioningParts, build_writer, save_captioning_folder
    from modeling_finemoltex.property_prediction import load_predictor

    model = FineMolTexForPropertyPrediction(change_config(num_labels=1, problem_type="regression"))
    model.save_pretrained(tmp_path / "tuned")
    processor.save_pretrained(tmp_path / "tuned")
    encoder = MoleculeTextEncoder.from_pretrained(plain_folder, device="cpu")
    tokenizer = encoder.processor.tokenizer
    writer = build_writer(tokenizer, hidden_size=16, num_layers=1, intermediate_size=32, num_heads=2)
    writing = FineMolTexForCaptioning.from_parts(encoder.model, writer)
    save_captioning_folder(CaptioningParts(writing, encoder.processor, tokenizer), tmp_path / "captioning")
    (tmp_path / "library").mkdir()
    write_library(tmp_path / "library", [*molecules, "C1CC"])
    words = [tmp_path / "library", tmp_path / "numbers", "--id_column", "id", "--workers", 0]
    run(*words, "--task", "predict", "--model", tmp_path / "tuned")
    found = {row["smiles"]: row["predicted_LABEL_0"] for row in read_all(tmp_path / "numbers").values()}
    expected = load_predictor(tmp_path / "tuned").predict(list(molecules))[:, 0]
    assert [found[one] for one in molecules] == pytest.approx(expected.tolist(), abs=1e-5) and found["C1CC"] is None
    run(*words[:1], tmp_path / "captions", *words[2:], "--task", "caption", "--model", tmp_path / "captioning")
    found = {row["smiles"]: (row["caption"], row["problem"]) for row in read_all(tmp_path / "captions").values()}
    expected = [one.text for one in Captioner.from_pretrained(str(tmp_path / "captioning")).write(list(molecules))]
    assert [found[one] for one in molecules] == [(text, None) for text in expected]
    assert found["C1CC"][0] is None and "not valid SMILES" in found["C1CC"][1]


def find_worker(pid):
    """Find a process of Ray that computes partitions, among those that a process started."""
    for process in psutil.Process(pid).children(recursive=True):
        try:
            if process.name().startswith("ray::Map") or "ray::Map" in " ".join(process.cmdline()[:1]):
                return process
        except psutil.NoSuchProcess:
            continue
    raise AssertionError("Ray has no worker")


@pytest.mark.slow
def test_a_killed_worker_loses_and_repeats_nothing(molecules, plain_folder, tmp_path):
    pytest.importorskip("ray")
    smiles = [*molecules] * 200
    (tmp_path / "library").mkdir()
    write_library(tmp_path / "library", smiles)
    words = [
        f"file://{tmp_path}/library/*.parquet",
        tmp_path / "answers",
        "--model",
        plain_folder,
        "--id_column",
        "id",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
    started = subprocess.Popen(
        [sys.executable, SCRIPT, *map(str, words), "--partition_rows", "50", "--workers", "1"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        while len(list((tmp_path / "answers").glob("*.parquet"))) < 2:
            assert started.poll() is None, started.stdout.read()
            time.sleep(0.02)
        find_worker(started.pid).kill()
        assert len(list((tmp_path / "answers").glob("*.parquet"))) < 40
        printed = started.communicate(timeout=600)[0]
    finally:
        started.kill()
    assert started.returncode == 0, printed[-2_000:]
    assert f"{len(smiles):,} rows in 40 files, 0 of them without an answer" in printed, printed[-2_000:]
    found = read_all(tmp_path / "answers")
    (tmp_path / "library.smi").write_text("\n".join(smiles))
    encoder = MoleculeTextEncoder.from_pretrained(plain_folder, device="cpu")
    embed_file(tmp_path / "library.smi", tmp_path / "embeddings", encoder, shard_rows=50, num_workers=0)
    columns = load_embeddings(tmp_path / "embeddings").dataset.to_table(["row", "embedding"]).to_pydict()
    half = len(smiles) // 2
    for row, vector in zip(columns["row"], columns["embedding"], strict=True):
        np.testing.assert_allclose(found[f"{row // half}-{row % half}"]["embedding"], vector, atol=1e-6)
