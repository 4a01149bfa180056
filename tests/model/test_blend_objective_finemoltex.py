"""The blend objective: the contract, each term by itself, what is asked, and molecules without a conformer."""

import dataclasses
import math

import pytest
import torch
from contracts.objective import ObjectiveContract, as_batch

from modeling_finemoltex import FineMolTexForPreTraining, FineMolTexProcessor
from modeling_finemoltex.model.blend_encoder_finemoltex import BONDS, PATH, SPACE, draw_shown
from modeling_finemoltex.model.blend_objective_finemoltex import (
    NOWHERE,
    BlendObjectiveOptions,
    FineMolTexPairHead,
    choose_sources,
    count_hits,
    number_bond_classes,
    pick_questions,
)
from modeling_finemoltex.model.objectives_finemoltex import encode_pairs

VIEWS = ["graph", "paths", "conformer"]
TERMS = ("blend_spd", "blend_edge", "blend_distance", "blend_noise")
GRAPH = {"encoder": "blend", "encoder_options": {"num_heads": 4, "num_kernels": 8}}
ALONE = {"contrastive": None, "masked_modelling": None}


@pytest.fixture(scope="module")
def spatial_batch(processor, molecules):
    """The troublesome molecules with all views."""
    spatial = FineMolTexProcessor(processor.feature_extractor.with_views(VIEWS), processor.tokenizer)
    batch = spatial(smiles=list(molecules), text=list(molecules.values()), return_tensors="pt", padding=True)
    return {**batch, "seeds": 977 * torch.arange(len(molecules)) + 5}


@pytest.fixture
def build(change_config):
    def call(**options):
        torch.manual_seed(0)
        objectives = {"blend": options, **ALONE}
        return FineMolTexForPreTraining(change_config(graph_config={**GRAPH, "dropout": 0.0}, objectives=objectives))

    return call


class TestBlendObjective(ObjectiveContract):
    name = "blend"
    losses = TERMS

    @pytest.fixture
    def batch(self, spatial_batch):
        return dict(spatial_batch)

    @pytest.fixture
    def change_config(self, change_config):
        return lambda **fields: change_config(graph_config=GRAPH, **fields)


def compute(model, batch):
    inner = as_batch(batch)
    return model.objectives["blend"](model.finemoltex, encode_pairs(model.finemoltex, inner, ()), inner)


@pytest.mark.parametrize(("term", "head"), list(zip(TERMS, ("spd", "edge", "distance", "noise"), strict=True)))
def test_each_term_trains_its_own_head_and_the_encoder(build, spatial_batch, term, head):
    model = build()
    compute(model, spatial_batch).losses[term].backward()
    reached = {
        name.split(".")[0] for name, one in model.objectives["blend"].named_parameters() if one.grad is not None
    }
    assert reached == {f"{head}_head"}
    for module in (getattr(model.objectives["blend"], f"{head}_head"), model.finemoltex.graph_encoder.layers[0].query):
        assert any(one.grad.abs().sum() > 0 for one in module.parameters())


def test_weights_are_those_of_the_options(build, spatial_batch):
    weights = {"spd_weight": 1.0, "edge_weight": 2.0, "distance_weight": 3.0, "noise_weight": 4.0}
    terms = compute(build(weight=0.5, **weights), spatial_batch)
    assert list(terms.weights.values()) == [0.5, 1.0, 1.5, 2.0]
    assert list(compute(build(), spatial_batch).weights.values()) == [0.1, 0.1, 0.5, 6.0]


def test_uniform_scores_give_the_logarithm_of_the_classes(build, spatial_batch):
    model = build()
    with torch.no_grad():
        for head in (model.objectives["blend"].spd_head, model.objectives["blend"].edge_head):
            head.output.weight.zero_()
            head.output.bias.zero_()
    losses = compute(model, spatial_batch).losses
    assert losses["blend_spd"].item() == pytest.approx(math.log(11), abs=1e-5)
    assert losses["blend_edge"].item() == pytest.approx(math.log(40), abs=1e-5)


def test_only_what_a_pair_is_not_shown_is_asked(build, spatial_batch):
    model, molecules = build(), as_batch(spatial_batch).molecules
    objective, relations = model.objectives["blend"], model.finemoltex.graph_encoder.relate(molecules)
    shown = draw_shown(relations, spatial_batch["seeds"], (0.2, 0.2, 0.6))
    sources = choose_sources(relations.is_atom, 64, spatial_batch["seeds"])
    lengths, edges = objective._label(relations, shown, sources)
    assert torch.equal(lengths != NOWHERE, relations.is_joined & (shown != PATH))
    assert torch.equal(edges[..., 0] != NOWHERE, relations.is_joined & (shown != BONDS))
    asked = lengths != NOWHERE
    assert torch.equal(lengths[asked], relations.lengths[asked].long().clamp(max=11) - 1)
    everything = build(recovers="all").objectives["blend"]._label(relations, shown, sources)[0]
    assert torch.equal(everything != NOWHERE, relations.is_joined)
    terms = compute(model, spatial_batch)
    assert torch.equal(terms.counts["blend_spd_total"], asked.sum((1, 2)))
    assert torch.equal(terms.counts["blend_spd_classes"].sum(1), terms.counts["blend_spd_total"])


def test_molecules_without_a_conformer_leave_the_terms_in_space_out(build, spatial_batch):
    model = build()
    some = {**spatial_batch, "has_conformer": torch.zeros_like(spatial_batch["has_conformer"])}
    some["has_conformer"][2] = 1
    nothing = {**spatial_batch, "has_conformer": torch.zeros_like(spatial_batch["has_conformer"])}
    flat = {name: one for name, one in spatial_batch.items() if name not in ("has_conformer", "atom_positions")}
    one = compute(model, some).losses
    assert one["blend_distance"] > 0 and one["blend_noise"] > 0
    for batch in (nothing, flat):
        model.zero_grad()
        losses = compute(model, batch).losses
        assert losses["blend_distance"] == losses["blend_noise"] == 0 < losses["blend_spd"]
        sum(losses.values()).backward()
        assert all(one.grad.isfinite().all() for one in model.parameters() if one.grad is not None)
    torch.testing.assert_close(
        compute(model, flat).losses["blend_spd"], compute(model, nothing).losses["blend_spd"], atol=1e-6, rtol=1e-6
    )


def test_the_noise_is_normal_and_the_answer_turns_with_the_molecule(build, spatial_batch):
    model, molecules = build(), as_batch(spatial_batch).molecules.select(torch.full((300,), 2))
    objective, encoder = model.objectives["blend"], model.finemoltex.graph_encoder
    relations = encoder.relate(molecules)
    noise, noisy = objective._move(relations, torch.arange(300))
    assert noise.std().item() == pytest.approx(0.2, rel=0.03) and abs(noise.mean().item()) < 0.01
    torch.testing.assert_close(noisy.positions - relations.positions, noise, atol=1e-5, rtol=0)
    elements, states = relations.pad(molecules.atom_features[:, 0]), torch.randn(*relations.is_atom.shape, 32)
    shown = torch.full_like(relations.lengths, SPACE, dtype=torch.long)
    turn = torch.tensor([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    turned = dataclasses.replace(noisy, positions=noisy.positions @ turn + 2.0)
    found = objective.noise_head(states, noisy, elements, shown)
    torch.testing.assert_close(
        objective.noise_head(states, turned, elements, shown), found @ turn, atol=1e-4, rtol=1e-3
    )


def test_half_precision_gives_nearly_the_same(build, spatial_batch):
    model = build()
    exact = compute(model, spatial_batch).losses
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = compute(model, spatial_batch).losses
    for term in TERMS:
        assert rough[term].dtype == torch.float32 and rough[term].item() == pytest.approx(exact[term].item(), rel=0.05)
    sum(rough.values()).backward()
    assert all(one.grad.isfinite().all() for one in model.parameters() if one.grad is not None)


def test_large_molecules_are_asked_from_some_of_their_atoms(build, processor):
    is_atom = torch.ones(2, 90, dtype=torch.bool)
    is_atom[1, 70:] = False
    chosen = choose_sources(is_atom, 64, torch.tensor([1, 2]))
    assert chosen.shape == (2, 64) and all(len(set(row.tolist())) == 64 for row in chosen) and chosen[1].max() < 70
    spatial = FineMolTexProcessor(processor.feature_extractor.with_views(VIEWS[:2]), processor.tokenizer)
    batch = spatial(smiles=["C" * 300, "CCO"], text=["a chain", "an alcohol"], return_tensors="pt", padding=True)
    terms = compute(build(), {**batch, "seeds": torch.tensor([1, 2])})
    assert terms.losses["blend_spd"].isfinite() and 64 * 100 < terms.counts["blend_spd_total"][0] < 64 * 299


def test_the_products_of_a_head_are_those_of_a_linear_layer():
    head, sources, targets = FineMolTexPairHead(6, 4, 5), torch.randn(2, 3, 6), torch.randn(2, 7, 6)
    rows = head.row_norm(torch.nn.functional.gelu(head.row(sources)))
    columns = head.column_norm(torch.nn.functional.gelu(head.column(targets)))
    products = (rows[:, :, None, :, None] * columns[:, None, :, None, :]).flatten(-2)
    torch.testing.assert_close(head(sources, targets), head.output(products), atol=1e-5, rtol=1e-5)


def test_hits_and_classes_are_counted():
    scores = torch.eye(3)[torch.tensor([[0, 1, 2], [2, 2, 2]])]
    questions = pick_questions(scores, torch.tensor([[0, 1, NOWHERE], [1, 2, 2]]))
    counts = count_hits("blend_spd", questions, 2)
    assert counts["blend_spd_correct"].tolist() == [2, 2] and counts["blend_spd_total"].tolist() == [2, 3]
    assert counts["blend_spd_classes"].tolist() == [[1, 1, 0], [0, 1, 2]]


def test_bond_classes_are_those_told_apart():
    classes, number = number_bond_classes((6, 8, 4))
    assert number == 40 and classes.max() == 39 and classes.unique().numel() == 40
    assert number_bond_classes((6, 2))[1] == 10


def test_the_loss_of_one_batch_falls(build, spatial_batch):
    model = build(spd_weight=1.0, edge_weight=1.0, distance_weight=1.0, noise_weight=1.0).train()
    optimizer, losses = torch.optim.Adam(model.parameters(), lr=3e-3), []
    for _ in range(12):
        loss = model(**spatial_batch).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


def test_another_encoder_is_refused(change_config):
    message = (
        "The objective 'blend' hides relations of atoms, which the encoder 'gin' does not read. Set `graph_config"
    )
    with pytest.raises(ValueError, match=message):
        FineMolTexForPreTraining(change_config(objectives={"blend": {}}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"recovers": "some"}, r"`recovers` must be one of \('hidden', 'all'\): got 'some'"),
        ({"noise": 0}, "`noise` must be positive: got 0"),
        ({"spd_weight": -1.0}, "must be 0 or more, one of them positive"),
        (
            {"spd_weight": 0.0, "edge_weight": 0.0, "distance_weight": 0.0, "noise_weight": 0.0},
            "Leave the objective out",
        ),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        BlendObjectiveOptions(**options)
