"""`embed` that is killed goes on to the same files, and stops soon after Ctrl-C."""

import functools
import random

import pytest

from modeling_finemoltex import MoleculeTextEncoder, embed_file, load_embeddings
from modeling_finemoltex.data.atomic_files import locked_folder
from tests.faults import full_disk, interrupt, kill_during, time_of

OPTIONS = {"batch_size": 4, "shard_rows": 25, "num_workers": 0, "progress_bar": False}


@pytest.fixture(scope="module")
def encoder(plain_folder):
    return MoleculeTextEncoder.from_pretrained(plain_folder, device="cpu")


@pytest.fixture(scope="module")
def library(tmp_path_factory, molecules):
    file = tmp_path_factory.mktemp("library") / "library.smi"
    file.write_text("".join(f"{smiles} m{place}\n" for place, smiles in enumerate([*molecules] * 10)))
    return file


def embed(library, folder, model_folder):
    embed_file(library, folder, MoleculeTextEncoder.from_pretrained(model_folder, device="cpu"), **OPTIONS)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_two_jobs_in_one_folder(encoder, library, tmp_path):
    (tmp_path / "out").mkdir()
    with locked_folder(tmp_path / "out"), pytest.raises(OSError, match="is being written by another process"):
        embed_file(library, tmp_path / "out", encoder, **OPTIONS)
    assert embed_file(library, tmp_path / "out", encoder, **OPTIONS)["num_rows"] == 100


def test_a_full_disk_keeps_what_is_done(encoder, library, tmp_path):
    with full_disk(2_000), pytest.raises(OSError, match=r"shard-00000.parquet cannot be written: .* goes on from"):
        embed_file(library, tmp_path / "out", encoder, **OPTIONS)
    assert embed_file(library, tmp_path / "out", encoder, **OPTIONS)["num_rows"] == 100
    assert all(not name.startswith(".") for name in contents(tmp_path / "out"))


@pytest.mark.slow
def test_killed_at_twenty_moments(encoder, library, plain_folder, tmp_path):
    embed_file(library, tmp_path / "whole", encoder, **OPTIONS)
    expected, moments = contents(tmp_path / "whole"), random.Random(0)
    duration = time_of(functools.partial(embed, library, tmp_path / "once", plain_folder)) + 0.3
    for turn in range(20):
        folder = tmp_path / f"killed-{turn}"
        kill_during(functools.partial(embed, library, folder, plain_folder), moments.uniform(0, duration))
        embed_file(library, folder, encoder, **OPTIONS)
        assert contents(folder) == expected
        assert load_embeddings(folder).metadata["complete"]


@pytest.mark.slow
@pytest.mark.parametrize("num_workers", [0, 2])
def test_ctrl_c_ends_the_command_within_two_seconds(plain_folder, tmp_path, num_workers):
    (tmp_path / "library.smi").write_text("CC(=O)Oc1ccccc1C(=O)O aspirin\n" * 2_000_000)
    words = ["embed", tmp_path / "library.smi", tmp_path / "out"]
    words += ["--model", plain_folder, "--num_workers", num_workers, "--shard_rows", 64]
    interrupt(words, lambda _: list(tmp_path.glob("out/shard-*.parquet")))
