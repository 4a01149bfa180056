"""MoMu: its terms against loops, closed forms, second texts, and options."""

import math

import pytest
import torch
from contracts.head import without_dropout
from contracts.objective import ObjectiveContract, as_batch

from modeling_finemoltex import FineMolTexForPreTraining
from modeling_finemoltex.model.graph_views_finemoltex import GRAPH_VIEWS, ViewDraw
from modeling_finemoltex.model.momu_objective_finemoltex import (
    FIRST_VIEW_STREAM,
    MoMuOptions,
    draw_other_texts,
    embed_second_texts,
    keep_second_half,
)
from modeling_finemoltex.model.objectives_finemoltex import encode_pairs


class TestMoMuObjective(ObjectiveContract):
    name = "momu"
    losses = ("momu_text", "momu_graph")


class TestMoMuWithOtherViews(ObjectiveContract):
    name = "momu"
    options = {"views": ["perturb_edges", "mask_attributes"], "num_texts": 1, "graph_self": False, "loss": "ebm_nce"}
    losses = ("momu_text",)


@pytest.fixture
def build(change_config):
    def make(**options):
        others = {"contrastive": None, "masked_modelling": None}
        torch.manual_seed(0)
        model = FineMolTexForPreTraining(without_dropout(change_config(objectives={"momu": options, **others})))
        return model.eval()

    return make


@pytest.fixture
def pairs(batch):
    """Rows 1 and 4 are texts of one molecule, so are 2, 5 and 6; row 3 has the text of row 0."""
    numbers = torch.arange(len(batch["motif_counts"]))
    molecule_ids, text_ids = numbers.clone(), numbers.clone()
    molecule_ids[4], molecule_ids[5], molecule_ids[6], text_ids[3] = 1, 2, 2, 0
    return {**batch, "seeds": 977 * numbers + 5, "molecule_ids": molecule_ids, "text_ids": text_ids}


def info_nce(left, right, temperature, same) -> float:
    """Both directions, with loops; `same[i][j]` is no negative."""
    left, right, total, count = left.detach(), right.detach(), 0.0, len(left)
    for one, other in ((left, right), (right, left)):
        for i in range(count):
            scores = [float(one[i] @ other[j]) / temperature for j in range(count) if i == j or not same[i][j]]
            total += math.log(sum(map(math.exp, scores))) - float(one[i] @ other[i]) / temperature
    return total / (2 * count)


@pytest.mark.parametrize("graph_self", [True, False])
def test_the_loss_is_the_mean_of_its_terms(build, pairs, graph_self):
    model = build(graph_self=graph_self, weight=3.0)
    output = model(**pairs)
    batch, base = as_batch(pairs), model.finemoltex
    views = []
    for place, (name, rate) in enumerate([("drop_nodes", 0.1), ("walk_subgraph", 0.2)]):
        view = GRAPH_VIEWS[name](batch.molecules, rate, ViewDraw(batch.seeds, FIRST_VIEW_STREAM + place))
        views.append(base.place_molecules(base.encode_atoms(view), view))
    first = encode_pairs(base, batch, ()).text_embeds
    second, other = embed_second_texts(base, first, batch)
    numbers = range(len(batch.seeds))
    terms, molecules = [], batch.molecule_ids.tolist()
    for view in views:
        for text, ids in ((first, batch.text_ids.tolist()), (second, other.text_ids.tolist())):
            same = [[molecules[i] == molecules[j] or ids[i] == ids[j] for j in numbers] for i in numbers]
            terms.append(info_nce(view, text, model.config.temperature, same))
    cross = sum(terms) / 4
    assert output.losses["momu_text"].item() == pytest.approx(cross, rel=1e-5)
    if graph_self:
        same = [[molecules[i] == molecules[j] for j in numbers] for i in numbers]
        own = info_nce(*views, model.config.temperature, same)
        assert output.losses["momu_graph"].item() == pytest.approx(own, rel=1e-5)
        cross = (4 * cross + own) / 5
    assert output.loss.item() == pytest.approx(3 * cross, rel=1e-5)


def test_equal_embeddings_give_the_logarithm_of_the_batch(change_config, batch):
    objectives = {"momu": {}, "contrastive": None, "masked_modelling": None}
    model = FineMolTexForPreTraining(change_config(objectives=objectives, projection_dim=16)).eval()
    for layer in (model.finemoltex.molecule_readout.contract, model.finemoltex.text_projection):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.ones_(layer.bias)
    output = model(**batch)
    assert set(output.losses) == {"momu_text", "momu_graph"}
    for loss in (*output.losses.values(), output.loss):
        assert loss.item() == pytest.approx(math.log(len(batch["input_ids"])), rel=1e-5)


def test_faithful_views_are_other_views(build, pairs):
    losses = [build(faithful=faithful)(**pairs).losses["momu_graph"] for faithful in (True, False)]
    assert not torch.isclose(*losses)


def test_second_texts_are_of_the_same_molecule_and_drawn_by_seed(pairs):
    drawn = set()
    for seed in range(30):
        batch = as_batch({**pairs, "seeds": pairs["seeds"] + seed})
        rows, is_alone = draw_other_texts(batch)
        assert rows[[1, 4]].tolist() == [4, 1] and not is_alone[[1, 2, 4, 5, 6]].any()
        assert is_alone[[0, 3, 7, 8, 9]].all() and rows[[0, 3, 7, 8, 9]].tolist() == [0, 3, 7, 8, 9]
        drawn.add(int(rows[2]))
    assert drawn == {5, 6}


def test_the_same_text_twice_is_no_second_text(pairs):
    pairs["text_ids"][4] = pairs["text_ids"][1]
    assert draw_other_texts(as_batch(pairs))[1][[1, 4]].all()
    del pairs["text_ids"], pairs["molecule_ids"]
    assert draw_other_texts(as_batch(pairs))[1].all()


def test_a_text_alone_gives_the_second_half_of_its_words(build, pairs, tokenizer):
    model, batch = build().finemoltex, as_batch(pairs)
    embeds = encode_pairs(model, batch, ()).text_embeds
    second, other = embed_second_texts(model, embeds, batch)
    rows, is_alone = draw_other_texts(batch)
    torch.testing.assert_close(second[~is_alone], embeds[rows][~is_alone])
    assert torch.equal(other.text_ids, batch.text_ids[rows])
    for row in is_alone.nonzero()[:, 0].tolist():
        mask = keep_second_half(batch.attention_mask[row : row + 1])
        _, mean = model.encode_words(batch.input_ids[row : row + 1], mask)
        torch.testing.assert_close(second[row : row + 1], model.place_words(mean), atol=1e-5, rtol=1e-4)
        assert not torch.allclose(second[row], embeds[row], atol=1e-3)
    ids = tokenizer("ethanol a small alcohol", return_tensors="pt")
    seen = ids["input_ids"][keep_second_half(ids["attention_mask"]).bool()]
    assert tokenizer.decode(seen) == "[CLS] small alcohol [SEP]"


@pytest.mark.parametrize("flip", [False, True])
def test_halves_of_short_texts(flip):
    mask = torch.tensor([[1, 1, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 0]])
    kept = torch.tensor([[1, 1, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0], [1, 0, 1, 1, 0, 0], [1, 0, 1, 1, 1, 0]])
    if flip:  # padding on the left; roll the rows so that their first token comes first
        lengths = mask.sum(1)
        roll = [torch.roll(one, int(6 - n)) for one, n in zip(mask, lengths, strict=True)]
        kept = torch.stack([torch.roll(one, int(6 - n)) for one, n in zip(kept, lengths, strict=True)])
        mask = torch.stack(roll)
    assert torch.equal(keep_second_half(mask), kept)


def test_queries_stay_whole_and_their_answers_fit(build, pairs):
    count = len(pairs["seeds"])
    facts, conditions = torch.zeros(count, 3, dtype=torch.int16), torch.full((count, 1, 3), -1)
    conditions[7] = torch.tensor([0, 1, 9])  # asks for fact 0, which row 8 has too
    facts[[7, 8], 0] = 2
    pairs = {**pairs, "fact_counts": facts, "conditions": conditions}
    model, batch = build(), as_batch(pairs)
    embeds = encode_pairs(model.finemoltex, batch, ()).text_embeds
    second, other = embed_second_texts(model.finemoltex, embeds, batch)
    torch.testing.assert_close(second[7], embeds[7])
    assert torch.equal(other.conditions, conditions) and not torch.allclose(second[8], embeds[8], atol=1e-3)
    with_answer = model(**pairs).losses["momu_text"]
    facts[8, 0] = 0
    without = model(**{**pairs, "fact_counts": facts}).losses["momu_text"]
    assert with_answer.isfinite() and not torch.isclose(with_answer, without)


def test_one_text_needs_no_second_pass(build, pairs):
    model = build(num_texts=1)
    calls, encode = [], model.finemoltex.encode_words
    model.finemoltex.encode_words = lambda *args, **kwargs: calls.append(1) or encode(*args, **kwargs)
    model(**pairs)
    assert len(calls) == 1


def test_views_are_those_of_molecules(build, pairs):
    model = build(views=["drop_nodes", "drop_nodes"], rates={"drop_nodes": 0.5})
    sizes, encode = [], model.finemoltex.encode_atoms
    model.finemoltex.encode_atoms = lambda molecules, *rest: (
        sizes.append(molecules.atom_counts) or encode(molecules, *rest)
    )
    model(**pairs)
    whole, one, other = sizes
    assert torch.equal(whole, as_batch(pairs).molecules.atom_counts)
    assert (one < whole).any() and (other < whole).any() and not torch.equal(one, other)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"views": ["drop_bonds", "drop_nodes"]}, "`views` must be one of .*'walk_subgraph'.*: got 'drop_bonds'"),
        ({"rates": {"drop_bonds": 0.1}}, "`rates` must be one of .*: got 'drop_bonds'"),
        ({"rates": {"drop_nodes": 1}}, "`rates` must be at least 0 and less than 1: got 1 for 'drop_nodes'"),
        ({"views": ["drop_nodes"]}, "`views` must name at least 2: got"),
        ({"views": [], "graph_self": False}, "`views` must name at least 1: got"),
        ({"num_texts": 3}, r"`num_texts` must be one of \(1, 2\): got 3"),
        ({"loss": "triplet"}, "`loss` must be one of"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        MoMuOptions(**options)


def test_options_are_written_out(build):
    written = build(rates={"drop_nodes": 0.2}).config.objectives["momu"]
    assert written["views"] == ["drop_nodes", "walk_subgraph"]
    assert written["rates"] == {
        "drop_nodes": 0.2,
        "walk_subgraph": 0.2,
        "perturb_edges": 0.1,
        "mask_attributes": 0.1,
    }
