"""Captions of similar molecules: the nearest first, never of the molecule itself where that is asked."""

import numpy as np
import pytest

from modeling_finemoltex.captioning import CaptionMemory

SMILES = ["CCCO", "C[C@H](O)CC", "CC[C@H](C)O", "c1ccccc1", "CCCO"]
CAPTIONS = ["propanol", "one butanol", "the other butanol", "benzene", "propanol again"]


@pytest.fixture
def memory():
    return CaptionMemory(SMILES, CAPTIONS)


def test_the_nearest_comes_first_and_each_molecule_once(memory):
    found = memory.find("CCCO", 3)
    assert [one.caption for one in found[:1]] == ["propanol"] and found[0].similarity == 1.0
    assert len({one.smiles for one in found}) == 3 and len(memory) == 5
    assert [one.similarity for one in found] == sorted((one.similarity for one in found), reverse=True)
    assert memory.find("CCCO", 0) == []


def test_the_molecule_and_its_stereoisomers_are_skipped(memory):
    found = memory.find("C[C@@H](O)CC", 5, skips_skeleton=True)
    assert {one.caption for one in found} == {"propanol", "benzene"}


def test_saved_and_loaded_it_is_the_same(memory, tmp_path):
    memory.save(tmp_path)
    first = (tmp_path / "caption_memory.jsonl.gz").read_bytes()
    loaded = CaptionMemory.load(tmp_path)
    assert loaded.find("CCCCO", 3) == memory.find("CCCCO", 3)
    loaded.save(tmp_path)
    assert (tmp_path / "caption_memory.jsonl.gz").read_bytes() == first


def test_a_model_chooses_among_the_captions_of_similar_molecules(memory, tmp_path):
    embeds = np.eye(5, 3, dtype=np.float32)  # the last two captions are far from everything
    memory = CaptionMemory(SMILES, CAPTIONS, embeds)
    wanted = np.array([0.1, 0.2, 0.9], dtype=np.float32)
    found = memory.find("CCCO", 2, embed=wanted)
    assert [one.caption for one in found] == ["the other butanol", "one butanol"] and found[0].similarity < 1
    assert memory.find("CC[C@H](C)O", 1, skips_skeleton=True, embed=wanted)[0].caption == "propanol"
    memory.save(tmp_path)
    assert CaptionMemory.load(tmp_path).find("CCCO", 2, embed=wanted) == found
    (tmp_path / "caption_memory.npz").write_bytes(b"broken")
    with pytest.raises(ValueError, match="cannot be read"):
        CaptionMemory.load(tmp_path)
    with pytest.raises(ValueError, match="as many embeddings: got 2"):
        CaptionMemory(SMILES, CAPTIONS, embeds[:2])


def test_without_embeddings_no_model_chooses(memory):
    with pytest.raises(ValueError, match="has no embeddings of its captions .* 'structure'"):
        memory.find("CCCO", 1, embed=np.ones(3, dtype=np.float32))


def test_what_is_no_memory_is_said(tmp_path):
    with pytest.raises(ValueError, match="got 0 molecules and 0 captions"):
        CaptionMemory([], [])
    with pytest.raises(ValueError, match="'C1CC' is no molecule"):
        CaptionMemory(["C1CC"], ["ring"])
    with pytest.raises(ValueError, match="cannot be read .* quotes the captions of similar molecules"):
        CaptionMemory.load(tmp_path)
    (tmp_path / "caption_memory.jsonl.gz").write_bytes(b"\x1f\x8b broken")
    with pytest.raises(ValueError, match="cannot be read"):
        CaptionMemory.load(tmp_path)
