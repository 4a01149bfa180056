"""The index of a file in the cache: made once, found again wherever file and model lie, and made anew when it must."""

import shutil
import threading

import pytest
import torch

pytest.importorskip("faiss")

from modeling_finemoltex import FineMolTexModel, MoleculeTextIndex, index_file
from modeling_finemoltex.data import MoleculeFile
from modeling_finemoltex.data.atomic_files import UnwrittenFileError, locked_folder
from modeling_finemoltex.embedding import MoleculeTextEncoder, embedding_job
from modeling_finemoltex.retrieval import CachedIndex, cached_index


@pytest.fixture(scope="module")
def encoder(config, processor):
    torch.manual_seed(0)
    return MoleculeTextEncoder(FineMolTexModel(config), processor)


@pytest.fixture
def library(molecules, tmp_path):
    file = tmp_path / "library.csv"
    file.write_text("\n".join(["smiles,name", *(f"{one},m{row}" for row, one in enumerate(molecules))]))
    return file


@pytest.fixture
def num_embedded(monkeypatch):
    """How many files were embedded, in a list of one."""
    count, embed = [0], embedding_job.embed_file

    def counting(*arguments, **options):
        count[0] += 1
        return embed(*arguments, **options)

    monkeypatch.setattr(embedding_job, "embed_file", counting)
    return count


@pytest.fixture
def find(encoder, tmp_path):
    """Function that gives the entry of a file."""
    return lambda source, model=encoder: CachedIndex(source, model, tmp_path / "cache")


def test_it_finds_what_an_index_in_memory_finds_and_embeds_once(encoder, library, molecules, tmp_path, num_embedded):
    expected = MoleculeTextIndex.build(encoder, smiles=list(molecules)).search(smiles=list(molecules), k=3)
    for _ in range(2):
        index = index_file(library, encoder, tmp_path / "cache", progress_bar=False)
        found = index.search(smiles=list(molecules), k=3)
        assert [[hit.smiles for hit in hits] for hits in found] == [[hit.smiles for hit in hits] for hits in expected]
    assert num_embedded == [1]
    (entry,) = (tmp_path / "cache").iterdir()
    assert [one.name for one in entry.iterdir()] == ["index"]


def test_an_entry_is_named_by_what_the_index_depends_on(
    encoder, library, tmp_path, find, config, processor, monkeypatch
):
    place = find(library).folder
    moved = tmp_path / "elsewhere.csv"
    shutil.copy(library, moved)
    encoder.model.save_pretrained(tmp_path / "model")
    processor.save_pretrained(tmp_path / "model")
    copied = MoleculeTextEncoder.from_pretrained(str(tmp_path / "model"), device="cpu")
    assert find(moved, copied).folder == place
    torch.manual_seed(1)
    moved.write_text(library.read_text() + "\nCCCO,m10\n")
    shutil.copy(library, tmp_path / "library.txt")
    others = [
        find(moved),
        find(tmp_path / "library.txt"),
        find(MoleculeFile(library, id_column="name")),
        find(MoleculeFile(library, text_column="name")),
        find(library, MoleculeTextEncoder(FineMolTexModel(config), processor)),
    ]
    monkeypatch.setattr(cached_index, "__version__", "99.0")
    others.append(find(library))
    assert len({place, *(other.folder for other in others)}) == 7


def test_rows_that_cannot_be_embedded_are_listed(library, find):
    assert find(library).open(progress_bar=False) is not None and find(library).rejected_file is None
    library.write_text(library.read_text() + "\nC1CC,broken\n")
    cached = find(library)
    assert not cached.is_there
    assert len(cached.open(progress_bar=False)) == 10 and find(library).is_there
    assert "broken" not in cached.rejected_file.read_text() and "10,12,,C1CC," in cached.rejected_file.read_text()


def test_a_file_without_molecules_is_refused(tmp_path, find):
    (tmp_path / "none.smi").write_text("C1CC broken\n")
    for _ in range(2):
        with pytest.raises(ValueError, match="its only row was rejected .*C1CC"):
            find(tmp_path / "none.smi").open(progress_bar=False)


def test_a_damaged_index_is_made_anew(library, find, num_embedded, caplog):
    cached = find(library)
    cached.open(progress_bar=False)
    (rows,) = cached.folder.glob("index/rows*.arrow")
    rows.write_bytes(rows.read_bytes()[:-10])
    assert len(find(library).open(progress_bar=False)) == 10
    assert "Made anew: " in caplog.text and "rows.arrow is damaged" in caplog.text
    caplog.clear()
    assert len(find(library).open(progress_bar=False)) == 10 and not caplog.text
    assert num_embedded == [2]


def test_an_interrupted_search_goes_on_where_it_stopped(encoder, library, find, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    cached = find(library)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(MoleculeTextIndex, "from_embeddings", interrupt)
        cached.open(progress_bar=False)
    assert not cached.is_there and list(cached.folder.glob("embeddings-*/shard-*.parquet"))
    monkeypatch.setattr(encoder, "embed_window", interrupt)  # nothing is left to embed
    assert len(find(library).open(progress_bar=False)) == 10
    assert [one.name for one in cached.folder.iterdir()] == ["index"]


def test_one_process_makes_an_index_and_the_others_wait(library, find, num_embedded, tmp_path, caplog, encoder):
    index = index_file(library, encoder, tmp_path / "ready", progress_bar=False)
    cached, opened = find(library), []
    cached.folder.mkdir(parents=True)
    with locked_folder(cached.folder):
        waiting = threading.Thread(target=lambda: opened.append(cached.open(progress_bar=False)))
        waiting.start()
        while "waiting until it has ended" not in caplog.text:
            waiting.join(0.01)
            assert waiting.is_alive()
        index.save(cached.folder / "index")
    waiting.join()
    assert len(opened[0]) == 10 and num_embedded == [1]


def test_a_cache_that_cannot_be_written_is_a_sentence(library, encoder):
    with pytest.raises(UnwrittenFileError, match="cannot be made: .* Set the variable HF_HOME to a folder that can"):
        index_file(library, encoder, library / "cache")
