"""An index that is saved or added to is at any moment the old one or the new one; a full disk changes nothing."""

import functools
import random

import numpy as np
import pytest

pytest.importorskip("faiss")

from modeling_finemoltex import MoleculeTextIndex
from modeling_finemoltex.data.atomic_files import locked_folder
from modeling_finemoltex.retrieval.backends import BACKENDS
from tests.faults import full_disk, kill_during, time_of

NUM_ROWS, WIDTH = 300, 16


def make(num_rows, method="flat"):
    vectors = np.random.default_rng(0).normal(size=(num_rows, WIDTH))
    return MoleculeTextIndex.from_arrays(vectors, smiles=["C"] * num_rows, method=method)


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("after", [0, 300, 5_000, 12_000, 19_000, 19_240, 19_300])
def test_a_full_disk_leaves_the_old_index(tmp_path, after):
    make(100).save(tmp_path / "index")
    before, new = files_of(tmp_path / "index"), make(NUM_ROWS)
    for name in ("index", "other"):
        with full_disk(after), pytest.raises(OSError, match=f"{name}.* cannot be written: ") as error:
            new.save(tmp_path / name)
        assert "\n" not in str(error.value)
    assert files_of(tmp_path / "index") == before
    assert [path.name for path in tmp_path.iterdir()] == ["index"]
    new.save(tmp_path / "index")
    assert len(MoleculeTextIndex.load(tmp_path / "index")) == NUM_ROWS


def test_an_index_is_saved_over_and_over(tmp_path):
    for num_rows in (10, 20, 30):
        make(num_rows).save(tmp_path / "index")
        assert len(MoleculeTextIndex.load(tmp_path / "index")) == num_rows
        assert len(files_of(tmp_path / "index")) == 4
    (tmp_path / "index" / "rows-0123abcd.arrow").write_bytes(b"left by a killed process")
    make(5).save(tmp_path / "index")
    assert len(files_of(tmp_path / "index")) == 4
    (tmp_path / "index" / "rows-mine.arrow").write_bytes(b"of somebody")
    with pytest.raises(ValueError, match=r"is not an index \(rows-mine.arrow\)"):
        make(5).save(tmp_path / "index")


def test_one_saves_at_a_time(tmp_path):
    make(5).save(tmp_path / "index")
    with locked_folder(tmp_path / "index"), pytest.raises(OSError, match="is being written by another process"):
        make(6).save(tmp_path / "index")
    assert len(MoleculeTextIndex.load(tmp_path / "index")) == 5


def save(num_rows, method, folder):
    make(num_rows, method).save(folder)


def add_rows(folder, model_folder):
    from modeling_finemoltex import MoleculeTextEncoder

    index = MoleculeTextIndex.load(folder, MoleculeTextEncoder.from_pretrained(model_folder, device="cpu"))
    index.add(smiles=["C" * length for length in range(1, 40)])
    index.save(folder)


def kill_saves(folder, method, times):
    """Kill `save` at random moments; the index is the old or the new one each time, and the new one was seen too."""
    old, seen, moments = make(NUM_ROWS, method), set(), random.Random(0)
    write_new = functools.partial(save, NUM_ROWS + 50, method, folder / "index")
    duration = time_of(functools.partial(save, NUM_ROWS + 50, method, folder / "once"))
    for _ in range(times):
        old.save(folder / "index")
        kill_during(write_new, moments.uniform(0, 1.2 * duration))
        found = MoleculeTextIndex.load(folder / "index")
        assert len(found) in (NUM_ROWS, NUM_ROWS + 50)
        assert sorted(hit.row for hit in found.search(embeddings=np.ones(WIDTH), k=len(found))[0]) == list(
            range(len(found))
        )
        seen.add(len(found))
    return seen


@pytest.mark.slow
@pytest.mark.parametrize("method", [name for name, kind in BACKENDS.items() if kind.min_rows <= NUM_ROWS])
def test_killed_saving_at_twenty_moments(tmp_path, method):
    assert kill_saves(tmp_path, method, 20)


@pytest.mark.slow
def test_killed_addition_at_twenty_moments(tmp_path, plain_folder, molecules):
    """What `add` and the `save` after it do to a folder."""
    from modeling_finemoltex import MoleculeTextEncoder

    encoder = MoleculeTextEncoder.from_pretrained(plain_folder, device="cpu")
    folder, moments = tmp_path / "index", random.Random(0)
    MoleculeTextIndex.build(encoder, smiles=list(molecules)).save(folder)
    add = functools.partial(add_rows, folder, plain_folder)
    duration = time_of(functools.partial(save, 10, "flat", tmp_path / "once")) + 0.5
    for _ in range(20):
        MoleculeTextIndex.build(encoder, smiles=list(molecules)).save(folder)
        kill_during(add, moments.uniform(0, 1.2 * duration))
        found = MoleculeTextIndex.load(folder, encoder)
        assert len(found) in (len(molecules), len(molecules) + 39)
        assert len(found.search(smiles="CCO", k=100)[0]) == len(found)
