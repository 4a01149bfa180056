"""Effects of hidden atoms on models whose every answer is known, and on a real one; maps of them."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from rdkit import Chem
from transformers import AutoModelForSequenceClassification

from modeling_finemoltex import FineMolTexForPropertyPrediction
from modeling_finemoltex.model.molecules_finemoltex import Molecules
from modeling_finemoltex.property_prediction import (
    attribute_atoms,
    attribute_deleted_atoms,
    attribute_motifs,
    choose_output,
    draw_atoms,
)

NITROGEN, OXYGEN = 7, 8
hide = partial(attribute_atoms, by="hidden")
ETHANOLAMINE = "NCCO"


class CountingModel:
    """Answers from how many nitrogens and oxygens of each molecule are visible: `(B, 2)`."""

    device = torch.device("cpu")
    config = SimpleNamespace(id2label={0: "wanted", 1: "size"}, num_labels=2)

    def __init__(self, answer):
        self.answer = answer

    def eval(self):
        return self

    def __call__(self, molecules, hidden_motifs):
        visible = ~molecules.unpad(hidden_motifs)[molecules.atom_to_motif]  # (N,)
        elements = molecules.atom_features[:, 0]
        counts = [
            torch.zeros(len(molecules)).index_add(0, molecules.molecule_of_atom, (which & visible).float())
            for which in (elements == NITROGEN, elements == OXYGEN, elements >= 0)
        ]
        return SimpleNamespace(logits=torch.stack([self.answer(*counts[:2]), counts[2]], dim=1))


def test_a_sum_is_split_into_its_terms(processor):
    model = CountingModel(lambda nitrogens, oxygens: 2 * nitrogens - 3 * oxygens)
    for num_orders in (0, 1, 5):
        effects = hide(model, processor, ETHANOLAMINE, "wanted", num_orders=num_orders)
        np.testing.assert_allclose(effects, [2, 0, 0, -3], atol=1e-6)
        np.testing.assert_allclose(
            hide(model, processor, "OCC(N)N", 0, num_orders=num_orders), [-3, 0, 0, 2, 2], atol=1e-6
        )
        np.testing.assert_allclose(
            hide(model, processor, "OCC(N)N", "size", num_orders=num_orders), [1] * 5, atol=1e-6
        )


def test_what_two_atoms_say_alike_is_seen_in_orders_alone(processor):
    either = CountingModel(lambda nitrogens, oxygens: ((nitrogens + oxygens) > 0).float())
    np.testing.assert_allclose(hide(either, processor, ETHANOLAMINE), [0, 0, 0, 0])
    effects = hide(either, processor, ETHANOLAMINE, num_orders=400)
    np.testing.assert_allclose(effects, [0.5, 0, 0, 0.5], atol=0.1)
    assert effects.sum() == pytest.approx(1)
    both = CountingModel(lambda nitrogens, oxygens: (nitrogens * oxygens > 0).float())
    np.testing.assert_allclose(hide(both, processor, ETHANOLAMINE), [1, 0, 0, 1])
    assert hide(both, processor, ETHANOLAMINE, num_orders=7).sum() == pytest.approx(1)


def test_large_molecules_go_in_parts(processor, monkeypatch):
    model = CountingModel(lambda nitrogens, oxygens: nitrogens * (1 + oxygens))
    smiles = "NCCOCCN"
    whole = hide(model, processor, smiles, num_orders=3)
    monkeypatch.setattr("modeling_finemoltex.property_prediction.atom_attribution.BATCH", 4)
    np.testing.assert_allclose(hide(model, processor, smiles, num_orders=3), whole)


@pytest.fixture(scope="module")
def model(tuned_folder):
    return AutoModelForSequenceClassification.from_pretrained(tuned_folder).eval()


def test_the_effects_of_a_real_model_are_those_of_hidden_atoms(model, processor):
    effects = hide(model, processor, "CC(=O)OC", "soluble")
    assert len({round(float(one), 4) for one in effects}) > 2
    # An atom that is a motif of its own is hidden alike.
    (alone,) = attribute_motifs(model, processor, "C", "soluble")
    np.testing.assert_allclose(hide(model, processor, "C", "soluble"), [alone.effect], atol=1e-5)
    # All atoms in a row are the whole molecule, motif or not.
    (whole,) = attribute_motifs(model, processor, "CCO", "soluble")
    in_orders = hide(model, processor, "CCO", "soluble", num_orders=3)
    assert in_orders.sum() == pytest.approx(whole.effect, abs=1e-4)


@pytest.mark.parametrize("by", ["states", "hidden"])
def test_other_spellings_give_the_same_effects(model, processor, by):
    first = attribute_atoms(model, processor, "CC(=O)OCC", by=by)
    second = attribute_atoms(model, processor, "CCOC(C)=O", by=by)[[4, 3, 5, 2, 1, 0]]
    largest = np.abs(first).max()  # the effects of an untrained model are small
    assert len({round(float(one), 1) for one in first / largest}) > 2
    np.testing.assert_allclose(first / largest, second / largest, atol=0.02)


def test_states_are_the_terms_of_a_linear_prediction(change_config, processor):
    torch.manual_seed(0)
    config = change_config(
        num_labels=2, problem_type="multi_label_classification", property_config={"readout": "atoms"}
    )
    model = FineMolTexForPropertyPrediction(config).eval()
    torch.nn.init.normal_(model.classifier.weight)
    batch = processor(smiles="CC(=O)OCC")
    with torch.no_grad():
        states = model.finemoltex.encode_atoms(Molecules.from_tensors(**batch))  # (N, H)
        terms = states @ model.classifier.weight[1] / 6
        logit = model(**batch).logits[0, 1]
    effects = attribute_atoms(model, processor, "CC(=O)OCC", 1)
    np.testing.assert_allclose(effects, terms, atol=1e-5)
    assert effects.sum() == pytest.approx(float(logit - model.classifier.bias[1]), abs=1e-5)
    # Nothing is left on the model: neither gradients nor what catches the states.
    assert all(one.grad is None for one in model.parameters())
    assert not model.finemoltex.graph_encoder._forward_hooks


def test_deleted_atoms_of_any_method():
    def predict(smiles):
        """Twice the nitrogens less the rings, beside the atoms."""
        molecules = [Chem.MolFromSmiles(one) for one in smiles]
        elements = [[atom.GetAtomicNum() for atom in one.GetAtoms()] for one in molecules]
        rings = [one.GetRingInfo().NumRings() for one in molecules]
        return np.array(
            [[2 * some.count(7) - ring, len(some)] for some, ring in zip(elements, rings, strict=True)], float
        )

    # Without an atom of the ring there is no ring.
    assert attribute_deleted_atoms(predict, "NCc1cc[nH]c1").tolist() == [2, 0, -1, -1, -1, 1, -1]
    assert attribute_deleted_atoms(predict, "C[N+](C)(C)C", 1).tolist() == [1] * 5
    assert attribute_deleted_atoms(predict, "N").tolist() == [0]  # nothing is left to compare with
    with pytest.raises(ValueError, match="RDKit cannot parse"):
        attribute_deleted_atoms(predict, "C(")


def test_wrong_outputs_and_molecules(model, processor):
    assert choose_output(["toxic", "soluble"], "soluble") == choose_output(["toxic", "soluble"], 1) == 1
    for output in ("mass", 2, -1):
        with pytest.raises(ValueError, match=r"no output .*; it has \['toxic', 'soluble'\]"):
            attribute_atoms(model, processor, "CCO", output)
    with pytest.raises(ValueError, match="RDKit cannot parse"):
        attribute_atoms(model, processor, "C(")
    for options in ({"num_orders": -1, "by": "hidden"}, {"num_orders": 1}):
        with pytest.raises(ValueError, match="`num_orders` must be 0, or more with"):
            attribute_atoms(model, processor, "CCO", **options)
    with pytest.raises(ValueError, match="`by` must be 'states' or 'hidden': got 'gradient'"):
        attribute_atoms(model, processor, "CCO", by="gradient")


def test_maps(tmp_path):
    effects = np.array([1.0, 0.0, -0.5])
    drawn = draw_atoms("CCO", effects)
    assert drawn.rstrip().endswith("</svg>")
    # Other effects, other maps; what counts is the sign and the share.
    assert drawn != draw_atoms("CCO", -effects)
    assert draw_atoms("CCO", effects, format="png").startswith(b"\x89PNG")
    assert draw_atoms("CCO", np.zeros(3)).rstrip().endswith("</svg>")
    red, blue = (draw_atoms("O", np.array([sign])).lower() for sign in (1.0, -1.0))
    assert "#e54c3f" in red and "#3f72e5" in blue and "#e54c3f" not in blue
    for smiles, values, message in (
        ("CCO", np.ones(2), "for each of the 3 atoms"),
        ("CCO", np.array([1, np.nan, 0]), "finite number"),
        ("C(", np.ones(1), "RDKit cannot parse"),
    ):
        with pytest.raises(ValueError, match=message):
            draw_atoms(smiles, values)
    with pytest.raises(ValueError, match="`format` must be"):
        draw_atoms("CCO", effects, format="gif")
