"""Second-order alignment: closed forms, sums by hand, and teachers without a gradient."""

import math

import pytest
import torch
from contracts.objective import ObjectiveContract, repeat_a_molecule

from modeling_finemoltex.model.objectives_finemoltex import EncodedPairs, PairBatch
from modeling_finemoltex.model.second_order_objective_finemoltex import (
    SecondOrderObjective,
    SecondOrderOptions,
    diverge,
    spread,
)


class TestSecondOrder(ObjectiveContract):
    name = "second_order"
    losses = ("u2u", "u2c")

    @pytest.fixture
    def pairs(self, batch):
        return repeat_a_molecule(batch)


class TestPublished(ObjectiveContract):
    name = "second_order"
    options = {"sign": 1, "temperature": 1.0, "u2u_weight": 0.5}
    losses = ("u2u", "u2c")


def make_embeds(seed, rows=4):
    embeds = torch.randn(rows, 5, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(embeds, dim=-1)


def compute(molecules, texts, molecule_ids=None, **options):
    """Compute the losses of embeddings alone."""
    ids = torch.zeros(len(texts), 1, dtype=torch.long)
    batch = PairBatch(None, ids, ids, ids[:, 0], molecule_ids)
    objective = SecondOrderObjective(None, SecondOrderOptions(**options))
    return objective(None, EncodedPairs(None, molecules, texts), batch).losses


def distribute_slowly(rows, columns, i, kept, sign, temperature, cosine=False):
    """Make the distribution of one row, one number at a time."""
    masses = []
    for j in kept:
        distance = math.sqrt(sum((float(a) - float(b)) ** 2 for a, b in zip(rows[i], columns[j], strict=True)))
        if cosine:
            distance = 0.5 * (1 - sum(float(a) * float(b) for a, b in zip(rows[i], columns[j], strict=True)))
        masses.append(math.exp(sign * distance / temperature))
    return [mass / sum(masses) for mass in masses]


def diverge_slowly(p, q):
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


@pytest.mark.parametrize(("sign", "temperature"), [(-1, 0.1), (1, 1.0)])
@pytest.mark.parametrize("similarity", ["euclidean", "cosine"])
def test_losses_are_those_of_sums_by_hand(sign, temperature, similarity):
    m, t = make_embeds(0), make_embeds(1)
    ids = torch.tensor([0, 1, 1, 2])  # 1 and 2 are one molecule: neither counts for the other
    expected = {"u2u": 0.0, "u2c": 0.0}
    for i in range(4):
        kept = [j for j in range(4) if j == i or ids[i] != ids[j]]
        mm, tt, tm, mt = (
            distribute_slowly(x, y, i, kept, sign, temperature, similarity == "cosine")
            for x, y in ((m, m), (t, t), (t, m), (m, t))
        )
        expected["u2u"] += (diverge_slowly(mm, tt) + diverge_slowly(tt, mm)) / 4
        expected["u2c"] += (diverge_slowly(mm, tm) + diverge_slowly(tt, mt)) / 4
    losses = compute(m, t, ids, sign=sign, temperature=temperature, similarity=similarity)
    for name, loss in losses.items():
        assert loss.item() == pytest.approx(expected[name], rel=1e-4), name


def test_modalities_that_coincide_cost_nothing():
    embeds = make_embeds(0)
    for loss in compute(embeds, embeds).values():
        assert loss.item() == pytest.approx(0, abs=1e-6)


def test_modalities_that_are_turned_agree_within_and_not_across():
    embeds = make_embeds(0)
    losses = compute(embeds, -embeds)
    assert losses["u2u"].item() == pytest.approx(0, abs=1e-5) and losses["u2c"] > 1


def test_near_ones_get_the_mass_unless_published():
    embeds, nothing = make_embeds(0), torch.zeros(4, 4, dtype=torch.bool)
    near = spread(embeds, embeds, nothing, SecondOrderOptions()).exp()
    far = spread(embeds, embeds, nothing, SecondOrderOptions(sign=1, temperature=1.0)).exp()
    assert (near.argmax(1) == torch.arange(4)).all() and (far.argmin(1) == torch.arange(4)).all()
    assert far.max() < 0.5  # almost uniform


def test_what_is_left_out_has_no_mass_and_finite_gradients():
    embeds = make_embeds(0).requires_grad_()
    left_out = torch.zeros(4, 4, dtype=torch.bool)
    left_out[0, 1] = left_out[1, 0] = True
    first = spread(embeds, embeds, left_out, SecondOrderOptions())
    second = spread(embeds, make_embeds(1), left_out, SecondOrderOptions())
    assert first.exp()[0, 1] == 0
    diverge(first, second).backward()
    assert embeds.grad.isfinite().all()


def test_the_teachers_across_modalities_get_no_gradient():
    m, t = make_embeds(0).requires_grad_(), make_embeds(1).requires_grad_()
    compute(m, t)["u2c"].backward()
    nothing, options = torch.zeros(4, 4, dtype=torch.bool), SecondOrderOptions()
    free_m, free_t = (one.detach().clone().requires_grad_() for one in (m, t))
    teachers = [spread(one.detach(), one.detach(), nothing, options) for one in (m, t)]
    across = spread(free_t, free_m, nothing, options), spread(free_m, free_t, nothing, options)
    sum(diverge(teacher, student) for teacher, student in zip(teachers, across, strict=True)).backward()
    torch.testing.assert_close(m.grad, free_m.grad)
    torch.testing.assert_close(t.grad, free_t.grad)


def test_weights_of_both_losses(change_config, batch):
    from modeling_finemoltex import FineMolTexForPreTraining

    options = {"weight": 2.0, "u2u_weight": 0.5, "u2c_weight": 3.0}
    off = {"contrastive": None, "masked_modelling": None}
    model = FineMolTexForPreTraining(change_config(objectives={"second_order": options, **off})).eval()
    output = model(**batch)
    torch.testing.assert_close(output.loss, output.losses["u2u"] + 6 * output.losses["u2c"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"similarity": "dot"}, r"`similarity` must be one of \('euclidean', 'cosine'\): got 'dot'"),
        ({"sign": 0}, "`sign` must be -1, where near ones get the mass, or 1: got 0"),
        ({"temperature": 0}, "`temperature` must be positive: got 0"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SecondOrderOptions(**options)
