"""Questions with a planted answer: only those with a wrong motif too, hits and blind guesses counted by hand."""

import json
from pathlib import Path

import numpy as np
import pytest

from modeling_finemoltex import FineMolTexForPreTraining
from modeling_finemoltex.evaluation import build_planted_probe, evaluate_planted, format_planted_table, score_hit
from modeling_finemoltex.evaluation.planted_alignment import PlantedProbe, PlantedQuestion

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "evaluate_alignment.py"
SMILES = ["NS(=O)(=O)c1ccncc1", "OC(=O)c1ccccc1", "CC(=O)Oc1ccccc1C(=O)O"]


def make_question(pair: int, labels: list[str], sizes: list[int], right: list[int], name="acid") -> PlantedQuestion:
    is_right = np.isin(np.arange(len(labels)), right)
    return PlantedQuestion(pair, name, "C", f"an {name}", [(3, 3 + len(name))], labels, np.array(sizes), is_right)


def test_questions_have_right_and_wrong_motifs(processor):
    probe = build_planted_probe([*SMILES, "c1ccccc1"], processor.feature_extractor, per_molecule=100, seed=1)
    assert {one.pair for one in probe.questions} == {0, 1, 2}  # a single motif holds all that there is
    for one in probe.questions:
        assert one.is_right.any() and not one.is_right.all()
        assert all(one.text[start:end] for start, end in one.spans) and one.smiles == SMILES[one.pair]
    held = {
        (one.pair, one.name): {one.labels[place] for place in np.flatnonzero(one.is_right)} for one in probe.questions
    }
    assert held[0, "pyridine"] == {"c1ccncc1"} and held[0, "sulfur atom"] == {"N[SH](=O)=O"}
    assert held[1, "carboxylic acid"] == {"O=CO"} and (0, "nitrogen atom") not in held  # in both motifs
    few = build_planted_probe(SMILES, processor.feature_extractor, per_molecule=2)
    assert [one.pair for one in few.questions] == [0, 0, 1, 1, 2, 2]
    with pytest.raises(ValueError, match="None of the 1 molecules has a group"):
        build_planted_probe(["c1ccccc1"], processor.feature_extractor)
    with pytest.raises(ValueError, match="cannot parse the SMILES 'C\\('"):
        build_planted_probe(["C("], processor.feature_extractor)


def test_equal_motifs_share_the_hit():
    is_right = np.array([True, False, False, True])
    assert score_hit(np.array([3.0, 1, 2, 0]), is_right) == 1
    assert score_hit(np.array([1.0, 3, 3, 3]), is_right) == pytest.approx(1 / 3)
    assert score_hit(np.zeros(4), is_right) == 1 / 2


def test_blind_guesses_by_hand():
    questions = [
        make_question(0, ["O=CO", "ring"], [3, 6], [0]),
        make_question(1, ["O=CO", "ring"], [3, 6], [0]),
        make_question(2, ["O=CO", "odd", "ring", "ring"], [3, 9, 6, 6], [1]),
        make_question(2, ["O=CO", "odd", "ring", "ring"], [3, 9, 6, 6], [2, 3], name="ring"),
    ]
    planted = [{"model": one.is_right.astype(float)} for one in questions]
    flat = [{"model": np.zeros(len(one.labels))} for one in questions]
    report = evaluate_planted(PlantedProbe(questions), {"a": lambda _: planted, "b": lambda _: flat}, num_samples=20)
    figures = report["figures"]["a"]
    assert report["probe"] == {"pairs": 3, "questions": 4} and figures["alignment/model_hit@1"] == 1
    # The third molecule: 1/4 and 2/4. The others have one right motif of two, and never the larger one.
    assert figures["alignment/chance_hit@1"] == pytest.approx((1 / 2 + 1 / 2 + 3 / 8) / 3)
    assert figures["alignment/largest_hit@1"] == pytest.approx((0 + 0 + 1 / 2) / 3)
    # Others answer 0 and 1 rightly; of 2 the first wrongly, and nobody else asks for the second.
    assert figures["alignment/dictionary_hit@1"] == pytest.approx((1 + 1 + (0 + 1 / 2) / 2) / 3)
    assert figures["alignment/model_hit@1_over_largest"] == pytest.approx(1 - 1 / 6)
    assert report["figures"]["b"]["alignment/model_hit@1"] == figures["alignment/chance_hit@1"]
    assert report["differences"]["b"]["alignment/model_hit@1"] == pytest.approx(1 - figures["alignment/chance_hit@1"])
    assert report["names"]["acid"]["questions"] == 3 and "a - b" in format_planted_table(report)
    json.dumps(report)
    cut = evaluate_planted(PlantedProbe(questions), {"a": lambda _: [{}, *planted[1:]]}, num_samples=0)
    assert cut["probe"] == {"pairs": 2, "questions": 3}
    with pytest.raises(ValueError, match="every text is cut"):
        evaluate_planted(PlantedProbe(questions), {"a": lambda _: [{}] * 4})


def test_the_example_asks_which_motif_a_word_means(config, processor, tmp_path, run_file):
    FineMolTexForPreTraining(config).save_pretrained(tmp_path / "model")
    processor.save_pretrained(tmp_path / "model")
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("\n".join(["smiles\ttext", *(f"{one}\tAn acid." for one in SMILES)]), encoding="utf-8")
    words = ["--model", tmp_path / "model", "--pairs", pairs, "--bootstrap", "20", "--device", "cpu"]
    shown = run_file(SCRIPT, *words, "--planted", "4", "--output", tmp_path / "report.json")
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert 0 < report["probe"]["questions"] <= 12 and "over dictionary" in shown
    assert 0 <= report["figures"][str(tmp_path / "model")]["alignment/model_hit@1"] <= 1
