"""Leave one motif out."""

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from modeling_finemoltex.property_prediction import MotifAttribution, attribute_motifs, draw_attribution

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"


@pytest.fixture(scope="module")
def model(tuned_folder):
    return AutoModelForSequenceClassification.from_pretrained(tuned_folder).eval()


def test_effects_are_those_of_hiding_each_motif(model, processor):
    found = attribute_motifs(model, processor, ASPIRIN, "soluble")
    motifs = processor.feature_extractor.motifs(ASPIRIN)
    assert [(one.label, one.atoms, one.position) for one in found] == [
        (motif.label, motif.atoms, motif.position) for motif in motifs
    ]
    assert sorted(atom for one in found for atom in one.atoms) == list(range(13))
    batch = processor(smiles=ASPIRIN)
    graph = processor.feature_extractor.featurize(ASPIRIN)
    with torch.no_grad():
        for one in found:
            masked = torch.zeros(1, len(found) + 1, dtype=torch.bool)
            masked[0, 1 + int(graph.atom_to_motif[one.atoms[0]])] = True
            effect = model(**batch).logits[0, 1] - model(**batch, hidden_motifs=masked).logits[0, 1]
            assert one.effect == pytest.approx(float(effect), abs=1e-4)
    assert len({round(one.effect, 4) for one in found}) > 1


def test_other_spellings_give_the_same_effects(model, processor):
    effects = [sorted(one.effect for one in attribute_motifs(model, processor, smiles)) for smiles in (
        ASPIRIN, "OC(=O)c1ccccc1OC(C)=O"
    )]  # fmt: skip
    assert effects[0] == pytest.approx(effects[1], abs=1e-4)


def test_wrong_outputs_and_molecules(model, processor):
    with pytest.raises(ValueError, match=r"no output 'mass'; it has \['toxic', 'soluble'\]"):
        attribute_motifs(model, processor, "CCO", "mass")
    with pytest.raises(ValueError, match="no output 2"):
        attribute_motifs(model, processor, "CCO", 2)
    with pytest.raises(ValueError, match="RDKit cannot parse"):
        attribute_motifs(model, processor, "C(")


def test_drawing(processor):
    effects = [MotifAttribution("CCO", [0, 1, 2], 0, -1.25)]
    assert "−1.25" in (drawn := draw_attribution(processor, "CCO", effects)) or "#6699F2" in drawn
    assert draw_attribution(processor, "CCO", effects, format="png").startswith(b"\x89PNG")
    grey = draw_attribution(processor, "CCO", [effects[0]._replace(effect=0.0)])
    assert "#6699F2" not in grey
