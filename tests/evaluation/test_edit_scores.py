"""Hits under each rule, on edits whose properties a chemist knows by heart."""

import json
import math

import numpy as np
import pytest
from rdkit import Chem

from modeling_finemoltex.evaluation import PROMPTS, canonical_set, format_editing_table, report_editing, score_edits
from modeling_finemoltex.evaluation.editing_prompts import DRUGS, FAMILIES, QUANTITIES

PHENETHYL = "CCc1ccccc1"
LONG_ACID = "CCCCCCCCCC(=O)O"


def score(number: int, source: str, *answers, **options) -> dict[str, float]:
    values = score_edits(PROMPTS[number], [source], [answers], **options)
    return {key: array.item() for key, array in values.items()}


def test_every_published_prompt_is_there_with_its_sentence():
    assert list(PROMPTS) == [*range(101, 109), *range(201, 207), *range(301, 308), *range(501, 505)]
    assert PROMPTS[101].text == "This molecule is soluble in water."
    assert PROMPTS[302].text == "This molecule looks like Aspirin."
    assert len({prompt.text for prompt in PROMPTS.values()}) == len(PROMPTS) == 25
    assert all(check.quantity in QUANTITIES for prompt in PROMPTS.values() for check in prompt.checks)
    assert all(any(low <= number <= high for low, high in FAMILIES.values()) for number in PROMPTS)


@pytest.mark.parametrize(
    ("number", "source", "hit"),
    [
        (101, PHENETHYL, "OCc1ccccc1"),
        (102, "OCc1ccccc1", PHENETHYL),
        (105, "OCc1ccccc1", PHENETHYL),
        (106, PHENETHYL, "OCc1ccccc1"),
        (107, PHENETHYL, "COc1ccccc1"),
        (108, PHENETHYL, "NCc1ccccc1"),
        (302, "OC(=O)c1ccccc1", "COc1ccccc1C(=O)O"),
        (501, PHENETHYL, "NCc1ccccc1"),
        (502, "C1CCCCC1C", "Cc1ccccc1"),
        (503, "c1ccccc1", "Clc1ccccc1"),
        (504, PHENETHYL, "OCCc1ccccc1"),
        (504, PHENETHYL, "CCc1ccccc1O"),
    ],
)
def test_the_right_change_hits_and_its_reverse_misses(number, source, hit):
    values = score(number, source, hit, min_similarity=0)
    assert values["any5_hit"] == values["one_answer_hit"] == 1
    back = score(number, hit, source, min_similarity=0)
    assert back["one_answer_hit"] == 0 and back.get("any5_hit", 0) == 0
    assert score(number, source, source)["one_answer_hit"] == 0  # nothing changed: the inequality is strict


def test_drug_likeness_goes_both_ways():
    assert score(103, LONG_ACID, "CC(=O)Nc1ccc(O)cc1", min_similarity=0)["one_answer_hit"] == 1
    assert score(104, "CC(=O)Nc1ccc(O)cc1", LONG_ACID, min_similarity=0)["one_answer_hit"] == 1


def test_one_answer_must_come_first_and_stay_similar():
    right, wrong = "NCCc1ccccc1", "CCCc1ccccc1"
    assert score(108, PHENETHYL, wrong, right)["any5_hit"] == 1
    assert score(108, PHENETHYL, wrong, right)["one_answer_hit"] == 0
    assert score(108, PHENETHYL, right, wrong)["one_answer_hit"] == 1
    dissimilar = score(108, PHENETHYL, "OCC(O)CO")
    assert (dissimilar["any5_hit"], dissimilar["one_answer_hit"]) == (1, 0) and dissimilar["similarity"] < 0.4
    assert score(108, PHENETHYL, f"{PHENETHYL}.O")["one_answer_hit"] == 0  # a drop of water is no edit
    assert score(108, PHENETHYL, *[wrong] * 5, right)["any5_hit"] == 0  # the sixth answer is one too many


def test_margins_and_the_published_oversight():
    assert score(108, PHENETHYL, "CCc1ccccc1O")["one_answer_margin_hit"] == 0  # one donor more does not exceed one
    assert score(108, PHENETHYL, "CCc1cc(O)ccc1O")["any5_margin_hit"] == 1
    ethanol_like = score(203, PHENETHYL, "CCc1ccncc1")  # more soluble, no donor
    assert (ethanol_like["any5_legacy_hit"], ethanol_like["any5_hit"]) == (1, 0)


def test_the_published_rule_leaves_out_molecules_that_have_the_group():
    values = score_edits(PROMPTS[503], ["Clc1ccccc1", "c1ccccc1"], [["Clc1ccc(Cl)cc1"], ["Clc1ccccc1"]])
    assert values["any5_hit"].tolist() == [1] and values["one_answer_hit"].tolist() == [1, 0]
    # chlorobenzene is 0.3 similar to benzene, so ours counts the second chlorine only


def test_qualities_of_the_answers():
    values = score(101, PHENETHYL, "CCc1ccccc1O", "no molecule", "Oc1ccccc1CC", known=canonical_set(["Oc1ccccc1CC"]))
    assert values["validity"] == pytest.approx(2 / 3) and values["uniqueness"] == 0.5 and values["novelty"] == 0
    assert 0.3 < values["similarity"] < 1 and 1 <= values["sa_score"] <= 10
    nothing = score(101, PHENETHYL)
    assert nothing["one_answer_hit"] == nothing["any5_hit"] == nothing["validity"] == 0 and "similarity" not in nothing


def test_all_answers_count_in_what_is_averaged_over_them():
    values = score(
        108,
        PHENETHYL,
        "NCCc1ccccc1",
        "CCCc1ccccc1",
        None,
        measures={"grows": lambda source, edit: 2.0 * edit.GetNumAtoms()},
    )
    assert values["right_way"] == values["figures_right_way"] == 0.5
    assert values["grows"] == 18 and "right_way" not in score(108, PHENETHYL)


def test_a_family_has_figures_where_some_molecules_have_no_answer():
    systems = {"some": {101: [["CCCc1ccccc1"], []], 108: [[], []]}}
    figures = report_editing([PHENETHYL, LONG_ACID], systems, "some", num_samples=5)["figures"]["some"]
    assert figures["editing_101-108/right_way"] == figures["editing_101/right_way"] == 0
    assert 0 < figures["editing_101-108/similarity"] < 1 and "editing_108/similarity" not in figures


def test_another_similarity_is_another_hit():
    amide = "CCCCNC(=O)c1ccc(C{})cc1"
    systems = {"one": {108: [[amide.format("N")]]}}
    hits = [
        report_editing([amide.format("")], systems, "one", num_samples=5, min_similarity=near)["figures"]["one"]
        for near in (0.4, 0.95)
    ]
    assert [one["editing_108/one_answer_hit"] for one in hits] == [1, 0]


def test_a_report_compares_with_the_baseline_over_all_molecules():
    amide = "CCCCNC(=O)c1ccc(C{})cc1"
    sources = [amide.format(tail) for tail in ("", "C", "CC")]
    good = [[amide.format(f"{tail}N")] for tail in ("", "C", "CC")]
    same = [[source] for source in sources]
    systems = {"good": {101: good, 108: good}, "nothing": {101: same, 108: same}}
    report = report_editing(sources, systems, baseline="nothing", num_samples=20)
    json.dumps(report)
    assert report["figures"]["nothing"]["editing_101-108/one_answer_hit"] == 0
    good_hits = report["figures"]["good"]["editing_108/one_answer_hit"]
    mean = (good_hits + report["figures"]["good"]["editing_101/one_answer_hit"]) / 2
    assert good_hits == 1 and report["differences"]["good"]["editing_101-108/one_answer_hit"] == pytest.approx(mean)
    assert report["figures"]["good"]["editing_108/one_answer_hit_low"] == 1
    assert report["prompts_above"]["good"] == {"101-108": (2, 2)}
    table = format_editing_table(report)
    assert "prompts 101-108, mean" in table and "108 This molecule has more hydrogen bond donors." in table
    assert "good: above 'nothing' on 2 of 2 prompts 101-108" in table


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="source at index 1 is no molecule: 'C1CC'"):
        score_edits(PROMPTS[101], ["C", "C1CC"], [[], []])
    with pytest.raises(ValueError, match="2 sources and 1 lists"):
        score_edits(PROMPTS[101], ["C", "C"], [[]])
    with pytest.raises(ValueError, match="baseline 'x' is not among"):
        report_editing(["C"], {"y": {}}, "x")
    with pytest.raises(ValueError, match=r"'z' answered the prompts \[101\], 'y' \[\]"):
        report_editing(["C"], {"y": {}, "z": {101: [[]]}}, "y")
    with pytest.raises(ValueError, match="no prompt 109: the numbers are 101, "):
        report_editing(["C"], {"y": {109: [[]]}}, "y")


def test_drugs_resemble_themselves():
    for drug, smiles in DRUGS.items():
        assert QUANTITIES[drug](Chem.MolFromSmiles(smiles)) == 1
    assert math.isfinite(np.sum([measure(Chem.MolFromSmiles("CCO")) for measure in QUANTITIES.values()]))


def test_of_two_quantities_each_counts():
    values = score(201, PHENETHYL, "OCCc1ccccc1", "CCCCCCCOCc1ccccc1")  # the second has the acceptor, and is greasier
    assert values["right_way"] == 0.5 and values["figures_right_way"] == 0.75
