import json
import logging
import pickle
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import torch
from datasets.fingerprint import Hasher

from modeling_finemoltex import FineMolTexFeatureExtractor, train_motif_vocab
from modeling_finemoltex.processors import featurization_finemoltex as module
from modeling_finemoltex.processors import motif_vocabulary_finemoltex

SETTINGS = ("motif_vocab", "fragmentation", "max_atoms")
ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"


@pytest.fixture(scope="module")
def extractor():
    return FineMolTexFeatureExtractor(fragmentation="functional")


def test_batch_by_hand(extractor):
    batch = extractor([ASPIRIN, "[Na+].[Cl-]", "C"])
    assert list(batch) == extractor.model_input_names
    assert batch["motif_counts"].tolist() == [4, 2, 1]
    assert batch["atom_features"].shape == (16, 12)
    assert batch["edge_index"].shape == (2, 26) and batch["edge_features"].shape == (26, 3)
    assert batch["atom_to_motif"].tolist()[13:] == [4, 5, 6]
    assert sorted(batch["motif_positions"].tolist()) == [0, 0, 0, 1, 1, 2, 3]
    assert all(tensor.dtype == torch.long for tensor in batch.values())


def test_both_directions_of_every_bond(extractor):
    batch = extractor(["CCO", ASPIRIN])
    edges = list(zip(*batch["edge_index"].tolist(), map(tuple, batch["edge_features"].tolist()), strict=True))
    assert sorted(edges) == sorted((end, begin, kind) for begin, end, kind in edges)


def test_a_batch_is_its_molecules_put_together(extractor, molecules):
    batch = extractor(list(molecules))
    first_atom = first_motif = 0
    for smiles in molecules:
        alone = extractor(smiles)
        num_atoms, num_motifs = len(alone["atom_features"]), len(alone["motif_ids"])
        atoms, motifs = slice(first_atom, first_atom + num_atoms), slice(first_motif, first_motif + num_motifs)
        assert (batch["atom_features"][atoms] == alone["atom_features"]).all()
        assert (batch["atom_to_motif"][atoms] == alone["atom_to_motif"] + first_motif).all()
        assert (batch["motif_ids"][motifs] == alone["motif_ids"]).all()
        assert (batch["motif_positions"][motifs] == alone["motif_positions"]).all()
        inside = (batch["edge_index"][0] >= first_atom) & (batch["edge_index"][0] < first_atom + num_atoms)
        assert (batch["edge_index"][:, inside] == alone["edge_index"] + first_atom).all()
        first_atom, first_motif = first_atom + num_atoms, first_motif + num_motifs


@pytest.mark.parametrize(
    "smiles",
    [["C", "CC"], ("C", "CC"), np.array(["C", "CC"]), pd.Series(["C", "CC"], index=[7, 9]), iter(["C", "CC"])],
)
def test_sequences(extractor, smiles):
    assert extractor(smiles)["motif_counts"].tolist() == [1, 1]


def test_single_strings_and_tensor_types(extractor):
    assert extractor(np.str_("CC"))["motif_counts"].tolist() == [1]
    assert isinstance(extractor("CC", return_tensors="np")["atom_features"], np.ndarray)
    assert isinstance(extractor("CC", return_tensors=None)["atom_features"], np.ndarray)


def test_featurize_is_narrow(extractor):
    graph = extractor.featurize(ASPIRIN)
    assert [array.dtype.name for array in graph.values()] == ["uint8", "uint16", "uint8", "uint16", "int32", "uint16"]
    assert [array.shape for array in graph.values()] == [(13, 12), (13, 2), (13, 3), (13,), (4,), (4,)]


@pytest.mark.parametrize(
    ("smiles", "message"),
    [
        ("C(C", r"cannot parse the SMILES 'C\(C' at index 1: it is not valid SMILES syntax"),
        ("CN(C)(C)C", r"at index 1: Explicit valence for atom # 1 N, 4, is greater than permitted"),
        ("c1cccc1", r"at index 1: Can't kekulize"),
        ("", r"must not be blank, got '' at index 1"),
        (" \t", r"must not be blank, got ' \\t' at index 1"),
        (None, r"must be a string, got NoneType None at index 1"),
        (b"CC", r"must be a string, got bytes b'CC' at index 1"),
        (3, r"must be a string, got int 3 at index 1"),
        (float("nan"), r"must be a string, got float nan at index 1"),
        ("C" * 2001, r"has 2001 atoms, at most 2000 are accepted"),
    ],
)
def test_bad_smiles(extractor, smiles, message, capfd):
    with pytest.raises(ValueError, match=message):
        extractor(["CC", smiles])
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("smiles", [None, 3, b"CC", {"smiles": "C"}])
def test_bad_container(extractor, smiles):
    with pytest.raises(ValueError, match="must be a string or a sequence of strings"):
        extractor(smiles)


def test_skip_drops_and_reports(extractor, caplog, monkeypatch):
    monkeypatch.setattr(module.logger, "propagate", True)
    monkeypatch.setattr(logging.getLogger("transformers"), "propagate", True)
    with caplog.at_level(logging.WARNING):
        batch = extractor(["CC", "C(C", "CCO", None], on_error="skip")
    assert batch["kept_indices"] == [0, 2]
    assert len(batch["motif_counts"]) == 2
    assert "Skipped 2 of 4 SMILES, at index 1, 3" in caplog.text


def test_nothing_left(extractor):
    with pytest.raises(ValueError, match="None of the 2 SMILES can be featurised"):
        extractor(["C(C", ""], on_error="skip")
    with pytest.raises(ValueError, match="No SMILES given"):
        extractor([])
    with pytest.raises(ValueError, match="at least one molecule"):
        extractor.collate([])


def test_bad_settings(extractor):
    with pytest.raises(ValueError, match="`on_error` must be 'raise' or 'skip'"):
        extractor("C", on_error="ignore")
    with pytest.raises(ValueError, match="`fragmentation` must be one of"):
        FineMolTexFeatureExtractor(fragmentation="rings")
    with pytest.raises(ValueError, match="`max_atoms` must be between 1 and 65535"):
        FineMolTexFeatureExtractor(max_atoms=0)
    with pytest.raises(ValueError, match="but `motif_vocab` was trained with 'functional'"):
        FineMolTexFeatureExtractor(extractor.motif_vocab, fragmentation="paper")
    with pytest.raises(ValueError, match="made by `train_motif_vocab`"):
        FineMolTexFeatureExtractor({"C": 1})


def test_no_default_vocab_beside_the_code(monkeypatch, tmp_path):
    monkeypatch.setattr(motif_vocabulary_finemoltex, "DEFAULT_VOCAB_FILE", tmp_path / "default_motif_vocab.json")
    with pytest.raises(ValueError, match="No `motif_vocab` given"):
        FineMolTexFeatureExtractor()


@pytest.mark.parametrize("fragmentation", ["paper", "functional"])
def test_default_vocab(fragmentation):
    extractor = FineMolTexFeatureExtractor(fragmentation=fragmentation)
    vocab = extractor.motif_vocab
    assert vocab["fragmentation"] == fragmentation
    assert 500 < len(vocab["motifs"]) <= 3100
    assert sum(vocab["motifs"].values()) >= 0.98 * vocab["num_motif_tokens"]
    assert extractor.motif_vocab_size == len(vocab["motifs"]) + 2


def test_state_round_trips(extractor, tmp_path):
    extractor.save_pretrained(tmp_path)
    for other in (
        FineMolTexFeatureExtractor.from_pretrained(tmp_path),
        FineMolTexFeatureExtractor.from_dict(json.loads(extractor.to_json_string())),
        pickle.loads(pickle.dumps(extractor)),
    ):
        assert all(getattr(other, name) == getattr(extractor, name) for name in SETTINGS)
        assert other("CCO")["motif_ids"].tolist() == extractor("CCO")["motif_ids"].tolist()
    assert "_labels" not in extractor.to_dict()
    assert Hasher.hash(extractor) == Hasher.hash(FineMolTexFeatureExtractor.from_pretrained(tmp_path))
    assert len(repr(extractor)) < 200


def test_own_vocab_decides_the_fragmentation():
    extractor = FineMolTexFeatureExtractor(train_motif_vocab(["CCO"] * 2, fragmentation="paper", min_count=1))
    assert extractor.fragmentation == "paper"
    assert extractor("CCCl")["motif_ids"].tolist().count(0) == 1  # CCl is unknown, C is not


def test_motifs_and_decoding(extractor):
    motifs = extractor.motifs(ASPIRIN)
    assert [motif.position for motif in motifs] == [0, 1, 2, 3]
    assert sorted(atom for motif in motifs for atom in motif.atoms) == list(range(13))
    assert extractor.decode_motifs([motif.id for motif in motifs]) == [motif.label for motif in motifs]
    assert extractor.decode_motifs(torch.tensor([0, 1])) == ["[UNK]", "[MASK]"]
    assert extractor.decode_motifs(0) == ["[UNK]"]
    with pytest.raises(ValueError, match="Motif ids lie in"):
        extractor.decode_motifs([extractor.motif_vocab_size])


def test_drawing(extractor, molecules):
    for smiles in molecules:
        root = ElementTree.fromstring(extractor.draw_motifs(smiles))
        assert root.tag.endswith("svg")
    assert extractor.draw_motifs(ASPIRIN, size=(200, 150), format="png").startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="`format` must be 'svg' or 'png'"):
        extractor.draw_motifs(ASPIRIN, format="pdf")


def test_motifs_are_drawn_in_given_colours_with_given_notes(extractor):
    number = len(extractor.motifs(ASPIRIN))
    colors, notes = dict.fromkeys(range(number), (1.0, 0.0, 0.0)), dict.fromkeys(range(number), "+7")
    drawn = extractor.draw_motifs(ASPIRIN, colors=colors, notes=notes)
    assert "#FF0000" in drawn and drawn != extractor.draw_motifs(ASPIRIN, colors=colors)
