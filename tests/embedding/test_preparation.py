"""Windows come in order, no further ahead than needed, and workers never outlive what they work for."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from rdkit import Chem

from modeling_finemoltex.data.identifiers import canonical_smiles
from modeling_finemoltex.data.molecule_files import MoleculeFile
from modeling_finemoltex.embedding.preparation import MoleculePreparation, TextPreparation, prepare_windows
from modeling_finemoltex.processors.relative_stereo_finemoltex import AND_GROUP, OR_GROUP

ROOT = Path(__file__).resolve().parents[2]


def test_batches_hold_similar_sizes_and_every_place_once(processor, molecules):
    smiles = [*molecules, "C1CC"]
    window = MoleculePreparation(processor.feature_extractor, batch_size=4)(smiles)
    counts = [batch.inputs["motif_counts"].tolist() for batch in window.batches]
    assert sum(counts, []) == sorted(sum(counts, []))
    assert sorted(place for batch in window.batches for place in batch.places) == list(range(len(molecules)))
    assert list(window.rejected) == [len(molecules)] and window.values == smiles


def test_texts_are_padded_to_their_own_batch(processor):
    texts = ["an ester", "a", "an ester on an aromatic ring", "b"]
    window = TextPreparation(processor, batch_size=2, max_length=64)(texts)
    assert [batch.places for batch in window.batches] == [[1, 3], [0, 2]]
    assert window.batches[0].inputs["input_ids"].shape[1] < window.batches[1].inputs["input_ids"].shape[1]


@pytest.mark.parametrize("num_workers, ahead", [(0, 1), (1, 3), (2, 5)])
def test_windows_keep_their_order_and_are_read_when_needed(processor, num_workers, ahead):
    read = []

    def windows():
        for number in range(12):
            read.append(number)
            yield number, ["C" * (number + 1)]

    prepare = MoleculePreparation(processor.feature_extractor, batch_size=1)
    for expected, (tag, window) in enumerate(prepare_windows(windows(), prepare, num_workers)):
        assert tag == expected and window.values == ["C" * (expected + 1)]
        assert len(read) <= expected + ahead
    assert len(read) == 12


def test_errors_of_a_worker_arrive():
    with pytest.raises(AttributeError, match="'NoneType' object has no attribute 'featurize'"):
        list(prepare_windows([("tag", ["C"])], MoleculePreparation(None, batch_size=1), num_workers=1))


@pytest.mark.slow
def test_workers_end_with_a_killed_process(tmp_path):
    """Their results do not fit into a pipe, and nobody empties it any more."""
    script = tmp_path / "killed.py"
    script.write_text(
        "import os, signal, time\n"
        "import numpy as np, psutil\n"
        "from modeling_finemoltex.embedding.preparation import PreparedBatch, PreparedWindow, prepare_windows\n"
        "def prepare(values):\n"
        "    return PreparedWindow([PreparedBatch([0], {'x': np.zeros(1_000_000)})], values, {})\n"
        "for _ in prepare_windows(((n, [n]) for n in range(20)), prepare, 2):\n"
        "    time.sleep(1)\n"
        "    print(*(child.pid for child in psutil.Process().children()), flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with (tmp_path / "pids").open("w") as pids:  # a pipe would stay open as long as the workers
        result = subprocess.run([sys.executable, str(script)], env=environment, stdout=pids)
    assert result.returncode == -signal.SIGKILL
    workers = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert len(workers) == 2
    end = time.monotonic() + 20
    while left := [pid for pid in workers if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]:
        assert time.monotonic() < end, f"workers still running: {left}"
        time.sleep(0.1)


@pytest.mark.parametrize("suffix", [".smi", ".sdf"])
def test_enhanced_stereo_in_a_file_reaches_the_model(processor, tmp_path, suffix):
    forms = ["C[C@H](O)F |&1:1|", "C[C@H](O)F |o1:1|", "C[C@H](O)F"]
    if suffix == ".smi":
        text = "".join(f"{form} id{number}\n" for number, form in enumerate(forms))
    else:
        text = "".join(f"{Chem.MolToV3KMolBlock(Chem.MolFromSmiles(form))}$$$$\n" for form in forms)
    (tmp_path / f"a{suffix}").write_text(text)
    source = MoleculeFile(tmp_path / f"a{suffix}")
    prepare = MoleculePreparation(processor.feature_extractor, 3, source.to_molecule)
    window = prepare([row.value for row in source])
    (batch,) = window.batches
    groups = batch.inputs["atom_features"][:, -1].reshape(3, -1).max(1)
    assert dict(zip(batch.places, groups.tolist(), strict=True)) == {0: AND_GROUP, 1: OR_GROUP, 2: 0}
    assert list(map(canonical_smiles, window.values)) == ["C[C@H](O)F"] * 3 and not window.rejected
