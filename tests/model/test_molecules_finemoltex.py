"""A batch of molecules as one value, and the border where tensors become it."""

import inspect

import pytest
import torch

from modeling_finemoltex import FineMolTexFeatureExtractor, FineMolTexModel, Molecules
from modeling_finemoltex.model.molecules_finemoltex import (
    MOLECULE_TENSORS,
    VIEW_TENSORS,
    count_members,
    takes_molecules,
)
from modeling_finemoltex.model.spellings_finemoltex import SPELLING_TENSORS


@pytest.fixture
def tensors(processor, molecules):
    return dict(processor(smiles=list(molecules)))


@pytest.fixture
def graphs(tensors):
    return Molecules.from_tensors(**tensors)


def test_places_follow_from_the_counts():
    counts = torch.tensor([2, 1, 3])
    molecules = Molecules.from_tensors(
        counts,
        atom_features=torch.zeros(7, 1).long(),
        edge_index=torch.zeros(2, 0).long(),
        edge_features=torch.zeros(0, 3).long(),
        atom_to_motif=torch.tensor([0, 1, 1, 2, 3, 4, 5]),
        motif_positions=torch.tensor([0, 1, 0, 0, 1, 2]),
    )
    assert (len(molecules), molecules.num_motifs, molecules.num_slots) == (3, 6, 4)
    assert molecules.molecule_of_motif.tolist() == [0, 0, 1, 2, 2, 2]
    assert molecules.slot_of_motif.tolist() == [1, 2, 1, 1, 2, 3]
    assert molecules.molecule_of_atom.tolist() == [0, 0, 0, 1, 2, 2, 2]
    assert molecules.atom_counts.tolist() == [3, 1, 3]
    assert molecules.motif_attention_mask.tolist() == [[1, 1, 1, 0], [1, 1, 0, 0], [1, 1, 1, 1]]


def test_a_given_mask_sets_the_number_of_slots(tensors, graphs):
    wider = torch.nn.functional.pad(graphs.motif_attention_mask, (0, 2))
    padded = Molecules.from_tensors(**{**tensors, "motif_attention_mask": wider})
    assert padded.num_slots == graphs.num_slots + 2
    assert torch.equal(padded.slot_of_motif, graphs.slot_of_motif)


def test_what_is_padded_can_be_read_back(graphs):
    values = torch.randn(graphs.num_motifs, 3)
    padded = graphs.pad(values, fill=-1.0)
    assert padded.shape == (len(graphs), graphs.num_slots, 3)
    assert torch.equal(graphs.unpad(padded), values)
    assert (padded[:, 0] == -1).all()  # the slot of the molecule
    assert (padded[graphs.motif_attention_mask == 0] == -1).all()


def test_selected_molecules_are_those_that_the_processor_makes(processor, molecules, graphs):
    smiles, rows = list(molecules), [3, 0, 3, 8, 4]
    selected = graphs.select(torch.tensor(rows))
    expected = Molecules.from_tensors(**processor(smiles=[smiles[row] for row in rows]))
    for name in ("motif_counts", "atom_features", "atom_to_motif", "motif_positions", "motif_ids"):
        assert torch.equal(getattr(selected, name), getattr(expected, name)), name
    assert torch.equal(selected.motif_attention_mask, expected.motif_attention_mask)
    assert torch.equal(selected.molecule_of_atom, expected.molecule_of_atom)
    bonds = [
        sorted(map(tuple, torch.cat([one.edge_index, one.edge_features.T]).T.tolist())) for one in (selected, expected)
    ]
    assert bonds[0] == bonds[1]  # bonds may come in another order


def test_selection_leaves_labels_out_where_there_are_none(tensors):
    del tensors["motif_ids"]
    assert Molecules.from_tensors(**tensors).select(torch.tensor([1])).motif_ids is None


def test_all_views_go_along_with_their_molecules():
    smiles = ["CCO", "CC(=O)Oc1ccccc1C(=O)O", "CN"]
    extractor = FineMolTexFeatureExtractor(views=["graph", "paths", "conformer", "smiles"])
    graphs = Molecules.from_tensors(**extractor(smiles))
    selected, expected = graphs.select(torch.tensor([1, 0])), Molecules.from_tensors(**extractor(smiles[1::-1]))
    for name in ("path_lengths", "path_bonds", "atom_positions", "has_conformer"):
        assert torch.equal(getattr(selected, name), getattr(expected, name)), name
    assert torch.equal(selected.spelling.ids, expected.spelling.ids)
    hidden = torch.zeros_like(graphs.motif_attention_mask, dtype=torch.bool)
    hidden[1, 1] = True
    collapsed = graphs.collapse(hidden)
    assert collapsed.has_conformer.tolist() == [1, 0, 1] and collapsed.path_lengths is None
    assert len(collapsed.atom_positions) == len(collapsed.spelling.places) == len(collapsed.atom_to_motif)
    moved = graphs.to("meta")
    assert moved.path_bonds.device.type == moved.spelling.ids.device.type == "meta"


def test_a_copy_lies_on_the_device_asked_for(graphs):
    moved = graphs.to("meta")
    assert moved.atom_features.device.type == moved.molecule_of_atom.device.type == "meta"
    assert graphs.atom_features.device.type == "cpu" and len(moved) == len(graphs)
    without_labels = Molecules.from_tensors(**{**graphs_tensors(graphs), "motif_ids": None}).to("meta")
    assert without_labels.motif_ids is None


def graphs_tensors(graphs):
    return {name: getattr(graphs, name) for name in MOLECULE_TENSORS if name not in SPELLING_TENSORS}


def test_pytorch_geometric_gets_the_same_molecules(graphs, molecules):
    data = graphs.to_data()
    assert data.num_graphs == len(molecules)
    assert torch.equal(data.x, graphs.atom_features) and torch.equal(data.edge_attr, graphs.edge_features)
    assert torch.equal(data.batch, graphs.molecule_of_atom)
    assert data.ptr.diff().tolist() == graphs.atom_counts.tolist()


def test_a_collapsed_motif_is_one_atom_without_bonds(graphs):
    hidden = torch.zeros_like(graphs.motif_attention_mask, dtype=torch.bool)
    hidden[::2, 1] = True
    seen = graphs.collapse(hidden)
    is_hidden = graphs.unpad(hidden)
    sizes, left = graphs.atom_to_motif.bincount(), seen.atom_to_motif.bincount()
    assert torch.equal(left, torch.where(is_hidden, 1, sizes))
    assert not is_hidden[seen.atom_to_motif[seen.edge_index]].any()
    bonds = ~is_hidden[graphs.atom_to_motif[graphs.edge_index]].any(0)
    assert torch.equal(seen.edge_features, graphs.edge_features[bonds])
    kept = ~is_hidden[seen.atom_to_motif]
    assert torch.equal(seen.atom_features[kept], graphs.atom_features[~is_hidden[graphs.atom_to_motif]])
    nothing = graphs.collapse(torch.zeros_like(hidden))
    assert torch.equal(nothing.edge_index, graphs.edge_index)


def test_members_are_counted():
    assert count_members(torch.tensor([2, 0, 2]), 4).tolist() == [1, 0, 2, 0]


class TestBorder:
    def test_the_signature_lists_the_tensors_of_a_processor(self, processor):
        names = list(inspect.signature(FineMolTexModel.forward).parameters)
        assert names[:2] == ["self", "molecules"]
        assert set(MOLECULE_TENSORS) <= set(names) and "input_ids" in names
        assert set(processor.feature_extractor.model_input_names) <= set(names)

    def test_tensors_and_molecules_give_the_same(self, model, batch, tensors, graphs):
        texts = {name: batch[name] for name in ("input_ids", "attention_mask")}
        one, two = model.finemoltex(**tensors, **texts), model.finemoltex(graphs, **texts)
        assert torch.equal(one.molecule_embeds, two.molecule_embeds)
        assert torch.equal(one.motif_states, two.motif_states)

    def test_without_molecules_the_method_gets_none(self):
        @takes_molecules
        def forward(self, molecules, other=1):
            return molecules, other

        assert forward(object()) == (None, 1)
        assert forward(object(), motif_counts=None, other=2) == (None, 2)

    @pytest.mark.parametrize(
        "missing",
        [name for name in MOLECULE_TENSORS if name.startswith(("atom", "edge")) and name not in VIEW_TENSORS],
    )
    def test_missing_tensors_are_listed(self, model, tensors, missing):
        del tensors[missing], tensors["motif_positions"]
        message = f"lacks .*{missing}.*motif_positions. Give all that the processor returns for `smiles`"
        with pytest.raises(ValueError, match=message):
            model.finemoltex(**tensors)

    def test_molecules_without_their_counts_are_no_batch_of_texts(self, model, batch):
        del batch["motif_counts"]
        with pytest.raises(ValueError, match="lacks motif_counts. Give all that the processor returns"):
            model.finemoltex(**batch)
