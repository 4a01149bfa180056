"""The judge: each rule refuses what it should, leaves what it should, and says why."""

import random
import time

import pytest
from rdkit import Chem

from modeling_finemoltex.editing import RULES, MotifSwaps, PlausibilityJudge

IMATINIB = "Cc1ccc(cc1Nc1nccc(n1)-c1cccnc1)NC(=O)c1ccc(CN2CCN(C)CC2)cc1"


def judge(source, edit, **settings):
    molecule = None if source is None else Chem.MolFromSmiles(source)
    return PlausibilityJudge(**settings).find_reason(molecule, Chem.MolFromSmiles(edit))


@pytest.mark.parametrize(
    ("source", "edit", "rule", "reason"),
    [
        ("CCCO", "CCC.O", "pieces", "falls into 2 pieces"),
        ("CCCO", "C[CH]CO", "radicals", "has an unpaired electron"),
        ("CCCO", "CCC[O-]", "charge", "changes the charge from +0 to -1"),
        ("NCCC(=O)O", "[NH3+]CCC(=O)[O-]", "charge", "changes the number of separated charges from 0 to 2"),
        ("CCc1ccccc1", "O=Nc1ccccc1", "reactive", "gains a nitroso group"),
        ("CCc1ccccc1", "CON(C)c1ccccc1", "reactive", "gains an N-O chain"),
        ("CCc1ccccc1", "O=C=Nc1ccccc1", "reactive", "gains an isocyanate, carbodiimide or ketene"),
        ("C[C@H](N)CCO", "C1CC2CC1CC2c1ccccc1", "synthesis", "is harder to make: the SA score rises by "),
        ("O=C(NC[C@H]1CCCO1)c1ccccc1", "Fc1ccccc1C(=O)NC[C@@H]1CCCO1", "stereo", "inverts the stereocentre C4"),
        ("Cc1ccccc1", "O=[N+]([O-])c1ccccc1", "alerts", "gains the alert BRENK nitro group"),
    ],
)
def test_each_rule_names_itself_and_what_is_wrong(source, edit, rule, reason):
    found = judge(source, edit)
    assert found[0] == rule and found[1].startswith(reason)
    assert judge(source, edit, allowed=RULES) is None
    others = judge(source, edit, allowed=(rule,))
    assert others is None or others[0] != rule


@pytest.mark.parametrize(
    ("source", "edit"),
    [
        ("Cc1ccccc1", "Fc1ccccc1"),
        ("O=[N+]([O-])c1ccccc1", "O=[N+]([O-])c1ccccc1C"),  # an alert that is there already
        ("O=Nc1ccccc1", "O=Nc1ccccc1C"),  # and a reactive group
        ("[NH3+]CCC(=O)[O-]", "[NH3+]CCCC(=O)[O-]"),
        ("CNc1ccc(C)cc1", "CNc1ccc([N+](=O)[O-])cc1"),  # charges side by side are none of a zwitterion
    ],
)
def test_plausible_edits_pass(source, edit):
    assert judge(source, edit, allowed=("alerts",) if "CN" in edit else ()) is None


def test_a_second_reactive_group_is_refused():
    assert judge("O=Nc1ccccc1", "O=Nc1ccc(N=O)cc1")[0] == "reactive"


def test_limits_of_synthesis_can_be_moved():
    chain, cubane = "CCCC", "C12C3C4C1C5C2C3C45"
    assert judge(chain, cubane, max_sa_score=10, max_sa_rise=10) is None
    assert judge(chain, cubane, max_sa_score=10)[1].startswith("is harder to make: the SA score rises by ")
    assert judge(chain, cubane, max_sa_score=3, max_sa_rise=10)[1].startswith("is hard to make: an SA score of ")
    assert judge(cubane, cubane, max_sa_score=1) is None  # as hard as the source is
    assert judge("CCO", "CC(C)CO") is None  # a rise among what is easy


def test_without_a_source_an_edit_is_judged_alone():
    assert judge(None, "O=Nc1ccccc1")[0] == "reactive" and judge(None, "CC(=O)[O-]") is None
    assert judge(None, "O=[N+]([O-])c1ccccc1")[0] == "alerts" and judge(None, "C[C@H](N)CCO") is None


def test_unknown_rules_are_refused_with_those_that_there_are():
    with pytest.raises(ValueError, match="no rule 'beauty' to allow: the rules are pieces, radicals, charge"):
        PlausibilityJudge(("alerts", "beauty"))
    with pytest.raises(ValueError, match="must be a collection of rules, got the string 'alerts'"):
        PlausibilityJudge("alerts")


@pytest.mark.slow
def test_a_thousand_candidates_of_a_drug_take_seconds(processor):
    source = Chem.MolFromSmiles(IMATINIB)
    proposals = MotifSwaps(processor.feature_extractor).propose(source, 1000, random.Random(0))
    edits = [Chem.MolFromSmiles(proposal.smiles) for proposal in proposals]
    prepared = PlausibilityJudge().prepare(source)
    PlausibilityJudge().find_reason(prepared, edits[0])  # reads the catalogues
    start = time.process_time()
    reasons = [PlausibilityJudge().find_reason(prepared, edit) for edit in edits]
    assert time.process_time() - start < 6 * len(edits) / 1000  # 2 s on an idle core
    assert None in reasons and len({reason[0] for reason in reasons if reason}) >= 3
