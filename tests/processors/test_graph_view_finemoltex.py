"""Views: the one there is, and how another one comes into a processor."""

import json

import numpy as np
import pytest

from modeling_finemoltex import FineMolTexDataCollator, FineMolTexFeatureExtractor, FineMolTexProcessor
from modeling_finemoltex.processors import VIEWS, Column, MoleculeFeatures
from modeling_finemoltex.processors.graph_view_finemoltex import GraphView
from modeling_finemoltex.processors.motif_vocabulary_finemoltex import MotifVocabulary, train_motif_vocab
from modeling_finemoltex.processors.smiles_finemoltex import parse_molecule

MOLECULES = ["NCCS", "c1ccncc1C(=O)N", "[K+].[Br-]"]


class ElementsView:
    """Atomic numbers alone."""

    name = "elements"
    model_input_names = ("elements", "element_counts")
    columns = {"elements": Column("uint8")}

    def __init__(self, vocabulary):
        self.vocabulary = vocabulary

    def featurize(self, molecule):
        return {"elements": np.array([atom.GetAtomicNum() for atom in molecule.GetAtoms()], dtype=np.uint8)}

    def collate(self, rows):
        counts = [len(row["elements"]) for row in rows]
        return {
            "elements": np.concatenate([row["elements"] for row in rows]).astype(np.int64),
            "element_counts": np.array(counts),
        }


@pytest.fixture
def with_elements(monkeypatch):
    monkeypatch.setitem(VIEWS, ElementsView.name, ElementsView)
    return FineMolTexFeatureExtractor(views=["graph", "elements"])


def test_the_graph_view_has_the_columns_it_names():
    view = GraphView(MotifVocabulary())
    rows = [view.featurize(parse_molecule(smiles)) for smiles in MOLECULES]
    for row in rows:
        assert list(row) == list(view.columns)
        for name, (dtype, width) in view.columns.items():
            assert row[name].dtype == dtype and row[name].ndim == (1 if width is None else 2), name
            assert width is None or row[name].shape[1] == width
    batch = view.collate(rows)
    assert tuple(batch) == view.model_input_names
    assert set(view.columns) <= set(view.model_input_names)  # a plain `Trainer` keeps these columns alone
    assert batch["edge_index"].shape[1] == 2 * sum(len(row["edge_index"]) for row in rows)


def test_motifs_are_looked_up_in_the_vocabulary():
    vocabulary = MotifVocabulary(train_motif_vocab(["CCS", "NCCS"], min_count=1, max_size=1))
    (label,) = vocabulary.labels[2:]
    ids = GraphView(vocabulary).featurize(parse_molecule(label))["motif_ids"]
    assert ids.tolist() == [2] and GraphView(vocabulary).featurize(parse_molecule("[Xe]"))["motif_ids"].tolist() == [0]


def test_arrays_of_a_molecule_are_attributes():
    row = FineMolTexFeatureExtractor().featurize("NCCS")
    assert row.motif_ids is row["motif_ids"] and isinstance(row, MoleculeFeatures)
    with pytest.raises(AttributeError, match="no array 'bonds'; it has atom_features, edge_index"):
        _ = row.bonds


def test_another_view_brings_its_own_tensors(with_elements, tokenizer, tmp_path):
    batch = with_elements(MOLECULES)
    assert (
        list(batch)
        == with_elements.model_input_names
        == [*GraphView.model_input_names, *ElementsView.model_input_names]
    )
    assert batch["element_counts"].tolist() == [4, 9, 2] and batch["elements"].tolist()[-2:] == [19, 35]
    for name, tensor in FineMolTexFeatureExtractor()(MOLECULES).items():
        assert (batch[name] == tensor).all()
    processor = FineMolTexProcessor(with_elements, tokenizer)
    processor.save_pretrained(tmp_path)
    again = FineMolTexProcessor.from_pretrained(tmp_path)
    assert again.feature_extractor.views == ["graph", "elements"]
    assert again(smiles=MOLECULES)["elements"].tolist() == batch["elements"].tolist()
    found = map(with_elements.featurize, MOLECULES)
    rows = [{name: array.reshape(-1).tolist() for name, array in row.items()} for row in found]
    assert FineMolTexDataCollator(processor)(rows)["elements"].tolist() == batch["elements"].tolist()


def test_folders_saved_before_there_were_views_load(tmp_path):
    extractor = FineMolTexFeatureExtractor(max_atoms=50)
    state = json.loads(extractor.to_json_string())
    assert state.pop("views") == ["graph"] and "model_input_names" not in state
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(state))
    old = FineMolTexFeatureExtractor.from_pretrained(tmp_path)
    assert old.views == ["graph"] and old.max_atoms == 50 and "views=['graph']" in repr(old)


def test_unknown_views_are_refused():
    for views in (["smoke"], "graph", []):
        with pytest.raises(ValueError, match=r"`views` must be a list of some of \['conformer', 'graph', 'graph_2', "):
            FineMolTexFeatureExtractor(views=views)


def test_what_rdkit_cannot_do_is_an_error_of_that_molecule(monkeypatch):
    def fail(self, molecule):
        raise RuntimeError("Pre-condition Violation")

    monkeypatch.setattr(GraphView, "featurize", fail)
    with pytest.raises(ValueError, match="'CCS' at index 3 cannot be featurised: Pre-condition Violation"):
        FineMolTexFeatureExtractor().featurize("CCS", 3)
