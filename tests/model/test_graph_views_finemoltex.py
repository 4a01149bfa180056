"""Views of molecules: sizes, connectivity, rates, seeds, and that they stay molecules."""

import dataclasses

import pytest
import torch

from modeling_finemoltex import Molecules
from modeling_finemoltex.model.graph_views_finemoltex import (
    GRAPH_VIEWS,
    VIEW_RATES,
    ViewDraw,
    check_views,
    keep_atoms,
    rank_within,
)

MASK_ROW = tuple(100 + column for column in range(12))
CAFFEINE, RING, METHANE, SALT = "CN1C=NC2=C1C(=O)N(C(=O)N2C)C", "O=C1CCCCCCCCCCCCCC1", "C", "[Na+].[Cl-]"


def pack(processor, smiles) -> Molecules:
    return Molecules.from_tensors(**processor(smiles=list(smiles), return_tensors="pt"))


def view_of(name, molecules, seeds, rate=None, **options) -> Molecules:
    draw = ViewDraw(torch.as_tensor(seeds), **{"mask_row": MASK_ROW, **options})
    return GRAPH_VIEWS[name](molecules, VIEW_RATES[name] if rate is None else rate, draw)


def equal(one: Molecules, other: Molecules) -> bool:
    pairs = [(getattr(one, field.name), getattr(other, field.name)) for field in dataclasses.fields(Molecules)]
    return all((mine is theirs is None) or torch.equal(mine, theirs) for mine, theirs in pairs)


def count_fragments(molecules: Molecules) -> int:
    """Walk from every atom that was not reached before."""
    neighbours = {atom: set() for atom in range(len(molecules.atom_features))}
    for source, target in molecules.edge_index.T.tolist():
        neighbours[source].add(target)
    fragments = 0
    while neighbours:
        front, fragments = [next(iter(neighbours))], fragments + 1
        while front:
            front.extend(neighbours.pop(front.pop(), ()))
    return fragments


@pytest.mark.parametrize("name", GRAPH_VIEWS)
@pytest.mark.parametrize("rate", [0.0, 0.3, 0.9])
def test_a_view_is_a_batch_of_molecules(name, rate, processor, molecules):
    whole = pack(processor, molecules)
    view = view_of(name, whole, range(len(molecules)), rate)
    assert len(view) == len(whole) and (view.atom_counts > 0).all()
    assert (view.atom_counts <= whole.atom_counts).all() and (view.motif_counts > 0).all()
    assert torch.bincount(view.atom_to_motif, minlength=view.num_motifs).min() > 0  # each motif has an atom
    assert view.atom_to_motif.shape == view.molecule_of_atom.shape == view.atom_features.shape[:1]
    assert view.motif_ids.shape == view.motif_positions.shape == view.molecule_of_motif.shape
    assert view.motif_attention_mask.sum(1).tolist() == (view.motif_counts + 1).tolist()
    assert view.edge_features.shape[0] == view.edge_index.shape[1]
    source, target = view.edge_index
    assert torch.equal(view.molecule_of_atom[source], view.molecule_of_atom[target]) and (source != target).all()
    features = [tuple(one) for one in view.edge_features.tolist()]
    bonds = dict(zip(zip(source.tolist(), target.tolist(), strict=True), features, strict=True))
    assert len(bonds) == len(features)  # no bond twice
    assert all(bonds[target, source] == one for (source, target), one in bonds.items())  # both directions alike
    if rate == 0:
        assert equal(view, whole)


@pytest.mark.parametrize("name", GRAPH_VIEWS)
def test_a_draw_depends_on_the_seed_alone(name, processor, molecules):
    whole, seeds = pack(processor, molecules), 31 * torch.arange(len(molecules))
    view = view_of(name, whole, seeds, 0.3)
    assert equal(view, view_of(name, whole, seeds, 0.3))
    for rows in ([2], [3, 8], [8, 3, 2, 0]):  # alone, and among others
        rows = torch.tensor(rows)
        assert equal(view_of(name, whole.select(rows), seeds[rows], 0.3), view.select(rows))
    assert not equal(view, view_of(name, whole, seeds + 1, 0.3))
    assert not equal(view, view_of(name, whole, seeds, 0.3, stream=1))


@pytest.mark.parametrize("name", ["drop_nodes", "walk_subgraph"])
def test_the_share_left_out_is_exact_in_the_mean(name, processor):
    seeds = torch.arange(2000)
    for smiles, size in ((CAFFEINE, 14), ("CCO", 3)):
        whole = pack(processor, [smiles]).select(torch.zeros_like(seeds))
        dropped = size - view_of(name, whole, seeds, 0.15).atom_counts
        assert set(dropped.tolist()) == {int(0.15 * size), int(0.15 * size) + 1}
        assert dropped.float().mean() == pytest.approx(0.15 * size, abs=0.05)


@pytest.mark.parametrize("name", ["drop_nodes", "mask_attributes"])
def test_atoms_are_drawn_evenly(name, processor):
    seeds = torch.arange(3000)
    whole = pack(processor, ["CCCCCCO"]).select(torch.zeros_like(seeds))
    whole = dataclasses.replace(whole, atom_features=torch.arange(7).repeat(3000)[:, None])
    left = view_of(name, whole, seeds, 2 / 7, mask_row=(7,)).atom_features.flatten().bincount(minlength=8)
    assert left[:7].tolist() == pytest.approx([3000 * 5 / 7] * 7, rel=0.06)


def test_a_walk_keeps_molecules_connected(processor):
    smiles = [CAFFEINE, RING, "CC(=O)Oc1ccccc1C(=O)O", "CCCCCCCC"]
    for seed in range(20):
        view = view_of("walk_subgraph", pack(processor, smiles), [seed] * 4, 0.4)
        assert count_fragments(view) == 4
    dropped = [view_of("drop_nodes", pack(processor, smiles), [seed] * 4, 0.4) for seed in range(20)]
    assert max(count_fragments(one) for one in dropped) > 4


def test_each_step_of_a_walk_draws_from_the_boundary_evenly(processor):
    seeds = torch.arange(6000)
    whole = pack(processor, ["CC(C)CC"]).select(torch.zeros_like(seeds))
    whole = dataclasses.replace(whole, atom_features=torch.arange(5).repeat(6000)[:, None])
    pairs = view_of("walk_subgraph", whole, seeds, 0.6).atom_features.view(6000, 2).tolist()
    # From each of five atoms, an even choice among its neighbours: 4/15, 4/15, 1/6, 3/10.
    expected = {(0, 1): 1 / 5 + 1 / 15, (1, 2): 1 / 5 + 1 / 15, (1, 3): 1 / 15 + 1 / 10, (3, 4): 1 / 10 + 1 / 5}
    shares = {bond: pairs.count(list(bond)) / 6000 for bond in expected}
    assert shares == pytest.approx(expected, abs=0.02) and sum(shares.values()) == pytest.approx(1)


def test_a_walk_goes_on_in_another_fragment(processor):
    whole = pack(processor, ["[Na+].CCCCCCCCC", "[Na+].[Cl-]"])
    for seed in range(20):
        assert view_of("walk_subgraph", whole, [seed] * 2, 0.2).atom_counts.tolist()[0] == 8
    assert view_of("walk_subgraph", whole, [0, 0], 0.0).atom_counts.tolist() == [10, 2]


@pytest.mark.parametrize("name", ["drop_nodes", "walk_subgraph"])
def test_faithful_views_keep_dropped_atoms_without_bonds(name, processor, molecules):
    whole, seeds = pack(processor, molecules), range(len(molecules))
    view, kept = (view_of(name, whole, seeds, 0.4, keeps_isolated=one) for one in (False, True))
    assert torch.equal(kept.atom_features, whole.atom_features) and torch.equal(kept.motif_counts, whole.motif_counts)
    assert torch.equal(kept.edge_features, view.edge_features)  # the same bonds go
    assert kept.edge_index.shape[1] < whole.edge_index.shape[1]


def test_atoms_take_their_motifs_along(processor):
    whole = pack(processor, ["CCO", CAFFEINE])
    motifs = whole.atom_to_motif[[0, 5]]
    view = keep_atoms(whole, torch.isin(torch.arange(17), torch.tensor([0, 5])))
    assert view.motif_counts.tolist() == [1, 1] and view.atom_to_motif.tolist() == [0, 1]
    assert torch.equal(view.motif_ids, whole.motif_ids[motifs])
    assert torch.equal(view.motif_positions, whole.motif_positions[motifs])
    assert torch.equal(view.atom_features, whole.atom_features[[0, 5]]) and view.edge_index.shape == (2, 0)


def test_bonds_move_at_their_rate_and_keep_their_features(processor):
    whole = pack(processor, [RING] * 300)
    view = view_of("perturb_edges", whole, torch.arange(300), 0.25)
    assert torch.equal(view.edge_features, whole.edge_features)
    assert torch.equal(view.atom_features, whole.atom_features) and torch.equal(
        view.atom_to_motif, whole.atom_to_motif
    )
    moved = (view.edge_index != whole.edge_index).any(0).float().mean()
    # 16 bonds between 16 atoms take 16 of 120 places, where a bond stays.
    assert moved == pytest.approx(0.25 * (1 - 16 / 120), abs=0.02)


def test_bonds_that_have_nowhere_to_go_stay(processor):
    whole = pack(processor, [METHANE, "CC", SALT, "C1CC1"])
    for seed in range(10):
        assert equal(view_of("perturb_edges", whole, [seed] * 4, 0.9), whole)


def test_masked_atoms_keep_their_bonds_and_lose_all_else(processor):
    whole = pack(processor, [CAFFEINE, METHANE])
    view = view_of("mask_attributes", whole, [3, 4], 0.5)
    is_masked = (view.atom_features == torch.tensor(MASK_ROW)).all(1)
    assert is_masked.sum() == 7 and not is_masked[-1]
    assert torch.equal(view.atom_features[~is_masked], whole.atom_features[~is_masked])
    assert torch.equal(view.edge_index, whole.edge_index) and torch.equal(view.edge_features, whole.edge_features)


def test_a_single_atom_is_always_kept(processor):
    whole = pack(processor, [METHANE, "[Fe+2]"])
    for name in GRAPH_VIEWS:
        for seed in range(20):
            assert equal(view_of(name, whole, [seed, seed + 1], 0.99), whole)


def test_members_are_numbered_by_group_in_any_order():
    group_of = torch.tensor([1, 0, 1, 2, 0, 1])
    assert rank_within(group_of, 4).tolist() == [0, 0, 1, 0, 1, 2]
    assert rank_within(group_of, 4, torch.tensor([3.0, 2.0, 1.0, 9.0, 1.0, 2.0])).tolist() == [2, 1, 0, 0, 0, 1]


def test_an_encoder_that_reads_more_than_the_graph_is_refused():
    check_views("gin", {"graph"})
    with pytest.raises(ValueError, match="the encoder 'distances' also reads relations, which would still describe"):
        check_views("distances", {"graph", "relations"})
