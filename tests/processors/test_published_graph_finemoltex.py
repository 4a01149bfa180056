"""The features of published weights, for molecules counted by hand."""

import numpy as np
import pytest

from modeling_finemoltex import FineMolTexFeatureExtractor
from modeling_finemoltex.processors.motif_vocabulary_finemoltex import MotifVocabulary
from modeling_finemoltex.processors.published_graph_finemoltex import NineColumnView, TwoColumnView
from modeling_finemoltex.processors.smiles_finemoltex import parse_molecule

VIEWS = {"graph_2": TwoColumnView, "graph_9": NineColumnView}


def featurize(view, smiles):
    return FineMolTexFeatureExtractor(views=[view]).featurize(smiles)


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_has_the_columns_it_names(name):
    view = VIEWS[name](MotifVocabulary())
    rows = [view.featurize(parse_molecule(smiles)) for smiles in ("NCCS", "C[C@H](N)C(=O)O", "[K+].[Br-]", "C")]
    for row in rows:
        assert list(row) == list(view.columns)
        for column, (dtype, width) in view.columns.items():
            assert row[column].dtype == dtype and (width is None or row[column].shape[1] == width)
    assert tuple(view.collate(rows)) == view.model_input_names


def test_two_columns_are_element_and_tag_type_and_direction():
    row = featurize("graph_2", "C/C=C/Cl")
    assert row.atom_features.tolist() == [[5, 0], [5, 0], [5, 0], [16, 0]]
    assert row.edge_features[:, 0].tolist() == [0, 1, 0] and row.edge_features[1, 1] == 0
    assert set(row.edge_features[[0, 2], 1].tolist()) <= {1, 2}
    tags = {smiles: featurize("graph_2", smiles).atom_features[1, 1] for smiles in ("C[C@H](N)O", "C[C@@H](N)O")}
    assert sorted(tags.values()) == [1, 2]
    assert featurize("graph_2", "*c1ccccc1").atom_features[0].tolist() == [118, 0]
    assert set(featurize("graph_2", "c1ccccc1").edge_features[:, 0].tolist()) == {3}


def test_nine_columns_are_those_of_the_benchmark():
    row = featurize("graph_9", "[O-]C(=O)c1ccccc1")
    oxygen, carbon, _, ring = row.atom_features[:4].tolist()
    assert oxygen == [7, 0, 1, 4, 0, 0, 1, 0, 0]
    assert carbon == [5, 0, 3, 5, 0, 0, 1, 0, 0]
    assert ring == [5, 0, 3, 5, 0, 0, 1, 1, 1]
    assert row.edge_features[1].tolist() == [1, 0, 1]
    assert featurize("graph_9", "F/C=C/F").edge_features[1].tolist()[:2] == [1, 2]


def test_values_beyond_the_tables_share_a_row():
    iron = featurize("graph_9", "[Fe+7]").atom_features[0]
    assert iron[3] == 11 and iron[6] <= 5
    heights = np.array([119, 4, 12, 12, 10, 6, 6, 2, 2])
    for smiles in ("[Fe+7]", "F[P-](F)(F)(F)(F)F", "[CH3]", "*", "[U]", "[O][O]"):
        assert (featurize("graph_9", smiles).atom_features < heights).all(), smiles


def test_a_bond_without_a_row_is_refused_or_other():
    dative = "[NH3]->[Cu]"
    with pytest.raises(ValueError, match="know single, double, triple and aromatic bonds, no DATIVE one"):
        featurize("graph_2", dative)
    assert featurize("graph_9", dative).edge_features[0, 0] == 4
