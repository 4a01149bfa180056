"""Each row exactly once, whatever interrupts the job and however many processes share it."""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from rdkit import Chem

from modeling_finemoltex import FineMolTexModel
from modeling_finemoltex.data.molecule_files import MoleculeFile
from modeling_finemoltex.embedding import MoleculeTextEncoder, embed_file
from modeling_finemoltex.embedding.embedding_folder import load_embeddings, shard_path

ROOT = Path(__file__).resolve().parents[2]
NUM_ROWS, BAD_ROWS = 53, (7, 20, 52)
OPTIONS = {"batch_size": 2, "shard_rows": 20, "num_workers": 0, "progress_bar": False}


@pytest.fixture(scope="module", autouse=True)
def one_core():
    """Compute on one thread, here and in processes started here: other numbers of threads round otherwise."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    yield
    os.sched_setaffinity(0, cores)


@pytest.fixture(scope="module")
def encoder(config, processor, one_core):
    torch.manual_seed(0)
    return MoleculeTextEncoder(FineMolTexModel(config), processor)


@pytest.fixture(scope="module")
def library(tmp_path_factory, molecules) -> Path:
    """53 rows in three shards; row 7 is no SMILES, row 20 is blank, row 52 too short."""
    file = tmp_path_factory.mktemp("library") / "library.csv"
    smiles = list(molecules)
    rows = [[f"m{row}", smiles[row % len(smiles)] if row % 3 else "C" * (row + 1), "note"] for row in range(NUM_ROWS)]
    rows[7][1], rows[20][1], rows[52] = "C1CC", " ", ["m52"]
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([["name", "smiles", "note"], *rows])
    return file


@pytest.fixture(scope="module")
def finished(encoder, library, tmp_path_factory) -> Path:
    """The folder of an uninterrupted job; tests copy what they change."""
    folder = tmp_path_factory.mktemp("finished") / "embeddings"
    embed_file(MoleculeFile(library, id_column="name"), folder, encoder, **OPTIONS)
    return folder


def contents(folder):
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def copy_to(folder, target):
    target.mkdir()
    for name, data in contents(folder).items():
        (target / name).write_bytes(data)
    return target


def test_every_row_is_embedded_or_rejected(encoder, library, finished):
    dataset, metadata = load_embeddings(finished)
    assert (metadata["num_rows"], metadata["num_rejected"], metadata["num_shards"]) == (50, 3, 3)
    assert metadata["model"] == encoder.fingerprint and metadata["input"] == "library.csv"
    assert contents(finished).keys() == {
        "metadata.json",
        "rejected.csv",
        *(f"shard-0000{n}.parquet" for n in range(3)),
    }
    table = dataset.to_table()
    kept = [row for row in range(NUM_ROWS) if row not in BAD_ROWS]
    assert table["row"].to_pylist() == kept
    assert table["id"].to_pylist() == [f"m{row}" for row in kept]
    embeds = np.stack(table["embedding"].to_numpy(zero_copy_only=False))
    np.testing.assert_allclose(embeds, encoder.encode_molecules(table["smiles"].to_pylist()), atol=1e-5)
    assert sum(shard.num_rows for shard in load_embeddings(finished).shards()) == 50


def test_rejected_rows_have_line_and_reason(finished):
    with (finished / "rejected.csv").open(encoding="utf-8") as file:
        rejected = list(csv.DictReader(file))
    assert [(int(one["row"]), int(one["line"]), one["id"]) for one in rejected] == [
        (7, 9, "m7"),
        (20, 22, "m20"),
        (52, 54, ""),
    ]
    assert rejected[0]["input"] == "C1CC"
    assert [one["reason"] for one in rejected] == [
        "RDKit cannot parse the SMILES 'C1CC': it is not valid SMILES syntax",
        "A SMILES must not be blank, got ' '",
        "it has 1 cells, the header has 3",
    ]


@pytest.mark.parametrize("num_workers", [0, 1])
def test_missing_and_cut_shards_are_made_again_and_equal(encoder, library, finished, tmp_path, num_workers, caplog):
    folder = copy_to(finished, tmp_path / "out")
    (folder / "rejected.csv").unlink()
    shard_path(folder, 0).unlink()
    shard_path(folder, 2).write_bytes(shard_path(folder, 2).read_bytes()[:500])
    (folder / "shard-00000.parquet.12.unfinished").write_bytes(b"half")
    kept = shard_path(folder, 1).stat().st_mtime_ns
    embed_file(MoleculeFile(library, id_column="name"), folder, encoder, **OPTIONS | {"num_workers": num_workers})
    assert contents(folder) == contents(finished)
    assert shard_path(folder, 1).stat().st_mtime_ns == kept
    assert "shard-00002.parquet is missing or damaged" in caplog.text


def test_finished_job_is_left_alone(encoder, library, finished):
    before = {file: file.stat().st_mtime_ns for file in finished.iterdir()}
    metadata = embed_file(MoleculeFile(library, id_column="name"), finished, encoder, **OPTIONS)
    assert metadata == json.loads((finished / "metadata.json").read_text())
    assert before == {file: file.stat().st_mtime_ns for file in finished.iterdir()}


def test_moved_input_is_the_same_job_and_changed_input_is_not(encoder, library, finished, tmp_path):
    moved = tmp_path / "moved.csv"
    moved.write_bytes(library.read_bytes())
    assert embed_file(MoleculeFile(moved, id_column="name"), finished, encoder, **OPTIONS)["complete"]
    moved.write_bytes(library.read_bytes() + b"x,C,\n")
    with pytest.raises(ValueError, match=r"belongs to another job: input_bytes \d+ there, \d+ now"):
        embed_file(MoleculeFile(moved, id_column="name"), finished, encoder, **OPTIONS)


def test_other_settings_model_or_folder_are_refused(encoder, config, processor, library, finished, tmp_path):
    with pytest.raises(ValueError, match="another job: id_column 'name' there, None now; batch_size 2 there, 3 now"):
        embed_file(library, finished, encoder, **OPTIONS | {"batch_size": 3})
    torch.manual_seed(1)
    other = MoleculeTextEncoder(FineMolTexModel(config), processor)
    with pytest.raises(ValueError, match="another job: model weights '.*' there, '.*' now"):
        embed_file(MoleculeFile(library, id_column="name"), finished, other, **OPTIONS)
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ValueError, match="neither empty nor an embedding folder: it holds thesis.tex"):
        embed_file(library, tmp_path, encoder, **OPTIONS)
    with pytest.raises(ValueError, match="`shard_rows` must be at least 1, got 0"):
        embed_file(library, tmp_path / "new", encoder, shard_rows=0)


def test_shard_of_another_job_is_refused(encoder, library, finished, tmp_path):
    folder = tmp_path / "other"
    embed_file(library, folder, encoder, **OPTIONS)
    shard_path(folder, 1).write_bytes(shard_path(finished, 1).read_bytes())
    with pytest.raises(ValueError, match="shard-00001.parquet belongs to another job"):
        embed_file(library, folder, encoder, **OPTIONS)


def test_incomplete_and_damaged_folders_are_refused(finished, tmp_path):
    folder = copy_to(finished, tmp_path / "out")
    metadata = json.loads((folder / "metadata.json").read_text())
    (folder / "metadata.json").write_text(json.dumps(metadata | {"complete": False}))
    with pytest.raises(ValueError, match="is incomplete: the job that embeds library.csv has finished 3 shards"):
        load_embeddings(folder)
    (folder / "metadata.json").write_text(json.dumps(metadata | {"format": 9}))
    with pytest.raises(ValueError, match="has format 9, this version reads format 1"):
        load_embeddings(folder)
    (folder / "metadata.json").write_text("{")
    with pytest.raises(ValueError, match="metadata.json is damaged"):
        load_embeddings(folder)
    with pytest.raises(ValueError, match="is no embedding folder: it has no metadata.json"):
        load_embeddings(tmp_path)


def test_corrupted_shards_are_named(finished, tmp_path):
    folder = copy_to(finished, tmp_path / "out")
    shard = shard_path(folder, 1)
    data = shard.read_bytes()
    place = len(data) // 2  # in the embeddings, far from the footer
    shard.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
    with pytest.raises(ValueError, match="shard-00001.parquet is missing or damaged: .*CRC"):
        list(load_embeddings(folder).shards())
    with pytest.raises(OSError, match="CRC"):
        load_embeddings(folder)[0].to_table()
    shard.write_bytes(data[:place])
    with pytest.raises(ValueError, match="shard-00001.parquet is missing or damaged"):
        load_embeddings(folder)
    shard.unlink()
    with pytest.raises(ValueError, match="shard-00001.parquet is missing or damaged"):
        load_embeddings(folder)
    pq.write_table(pq.read_table(shard_path(folder, 0)).slice(1), shard)
    with pytest.raises(ValueError, match="shard-00001.parquet is missing or damaged: it has"):
        load_embeddings(folder)


def test_texts_and_sdf_records(encoder, tmp_path, molecules):
    sdf = tmp_path / "library.sdf"
    blocks = []
    for number, (smiles, text) in enumerate(molecules.items()):
        molecule = Chem.MolFromSmiles(smiles)
        molecule.SetProp("_Name", f"m{number}")
        blocks.append(f"{Chem.MolToMolBlock(molecule)}> <NOTE>\n{text}\n\n$$$$\n")
    blocks.insert(2, "broken\n\n\nno counts\nM  END\n$$$$\n")
    sdf.write_text("".join(blocks))
    embed_file(sdf, tmp_path / "molecules", encoder, **OPTIONS)
    dataset, metadata = load_embeddings(tmp_path / "molecules")
    assert (metadata["num_rows"], metadata["num_rejected"]) == (len(molecules), 1)
    found = dataset.to_table()
    assert found["id"].to_pylist() == [f"m{number}" for number in range(len(molecules))]
    assert found["smiles"].to_pylist() == [Chem.CanonSmiles(smiles) for smiles in molecules]
    with (tmp_path / "molecules" / "rejected.csv").open() as file:
        (rejected,) = csv.DictReader(file)
    line = sdf.read_text().splitlines().index("broken") + 1
    assert (rejected["row"], rejected["line"], rejected["input"]) == ("2", str(line), "broken")
    assert rejected["reason"].startswith("RDKit cannot read the SDF record")

    embed_file(MoleculeFile(sdf, text_column="NOTE"), tmp_path / "texts", encoder, **OPTIONS)
    dataset, metadata = load_embeddings(tmp_path / "texts")
    assert metadata["kind"] == "texts" and metadata["num_rejected"] == 1
    table = dataset.to_table()
    assert table["text"].to_pylist() == list(molecules.values())
    embeds = np.stack(table["embedding"].to_numpy(zero_copy_only=False))
    np.testing.assert_allclose(embeds, encoder.encode_texts(list(molecules.values())), atol=1e-5)


def test_library_without_a_usable_row(encoder, tmp_path):
    file = tmp_path / "bad.smi"
    file.write_text("C1CC\n" * 5)
    metadata = embed_file(file, tmp_path / "out", encoder, **OPTIONS)
    assert (metadata["num_rows"], metadata["num_rejected"]) == (0, 5)
    assert load_embeddings(tmp_path / "out").dataset.to_table().num_rows == 0


def test_number_of_threads_is_given_back(encoder, tmp_path):
    before = torch.get_num_threads()
    (tmp_path / "a.smi").write_text("C\n")
    embed_file(tmp_path / "a.smi", tmp_path / "out", encoder, progress_bar=False)
    assert torch.get_num_threads() == before


@pytest.fixture
def command(encoder, library, tmp_path):
    """Arguments of `python` that embed the library into `out` as the uninterrupted job did."""
    encoder.model.save_pretrained(tmp_path / "model")
    encoder.processor.save_pretrained(tmp_path / "model")
    options = ["--id_column", "name", "--batch_size", "2", "--shard_rows", "20"]
    return ["embed", str(library), str(tmp_path / "out"), "--model", str(tmp_path / "model"), *options]


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_killed_job_goes_on_to_the_same_files(command, library, tmp_path):
    killed = run(Path(__file__).with_name("killed_embedding.py"), 1, *command)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    left = contents(tmp_path / "out").keys()
    assert "shard-00000.parquet" in left and "shard-00001.parquet" not in left and len(left) == 3
    with pytest.raises(ValueError, match="has finished 1 shards"):
        load_embeddings(tmp_path / "out")
    resumed = run("-m", "modeling_finemoltex.cli", *command)
    assert resumed.returncode == 0, resumed.stderr
    assert "50 rows embedded in 3 shards" in resumed.stdout
    # Weights of a file lie elsewhere in memory than those just made, and matrix products round by alignment.
    loaded = MoleculeTextEncoder.from_pretrained(str(tmp_path / "model"))
    embed_file(MoleculeFile(library, id_column="name"), tmp_path / "at_once", loaded, **OPTIONS)
    assert_same(tmp_path / "out", tmp_path / "at_once")


@pytest.mark.slow
def test_two_processes_write_the_same_files(command, finished, tmp_path):
    launcher = ["-m", "torch.distributed.run", "--nproc_per_node", "2", "--standalone", "-m"]
    result = run(*launcher, "modeling_finemoltex.cli", *command, OMP_NUM_THREADS="1")
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("50 rows embedded in 3 shards") == 1
    assert_same(tmp_path / "out", finished)


@pytest.mark.slow
def test_two_processes_encode_what_one_does(command, encoder, molecules, tmp_path):
    script = tmp_path / "encode.py"
    script.write_text(
        "import sys, numpy as np\n"
        "from modeling_finemoltex import MoleculeTextEncoder\n"
        "from modeling_finemoltex.embedding.encoder import get_processes\n"
        "encoder = MoleculeTextEncoder.from_pretrained(sys.argv[1])\n"
        "smiles = sys.argv[3:]\n"
        "embeds, kept = encoder.encode_molecules(smiles, batch_size=1, on_error='skip')\n"
        "assert kept == [index for index, one in enumerate(smiles) if one != 'C1CC']\n"
        "np.save(f'{sys.argv[2]}/{get_processes().process_index}.npy', embeds)\n"
        "try:\n"
        "    encoder.encode_molecules(smiles, batch_size=1)\n"
        "except ValueError as error:\n"
        "    sys.exit(0 if 'at index 3' in str(error) else 2)\n"
        "sys.exit(3)\n"
    )
    smiles = list(molecules) * 3
    smiles[3] = smiles[20] = "C1CC"
    launcher = ["-m", "torch.distributed.run", "--nproc_per_node", "2", "--standalone"]
    result = run(*launcher, script, command[4], tmp_path, *smiles, OMP_NUM_THREADS="1")
    assert result.returncode == 0, result.stderr
    expected, _ = encoder.encode_molecules(smiles, batch_size=1, on_error="skip")
    for rank in (0, 1):
        np.testing.assert_allclose(np.load(tmp_path / f"{rank}.npy"), expected, atol=1e-5)


def assert_same(folder, expected):
    """Same bytes; the metadata may differ in where the model lies."""
    one, other = contents(folder), contents(expected)
    facts = [json.loads(files.pop("metadata.json")) for files in (one, other)]
    for fact in facts:
        fact["model"].pop("name_or_path")
    assert facts[0] == facts[1]
    assert one == other
