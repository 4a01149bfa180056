"""Citations go, wherever databases put them; chemistry, and what only looks like a citation, stays."""

import pytest

from modeling_finemoltex.processors.citations_finemoltex import has_citation
from modeling_finemoltex.processors.text_normalization_finemoltex import normalize_text

CITED = [
    ("It is toxic.[A12, L34] It melts.", "It is toxic. It melts."),
    ("It is toxic [A12,L3,T10].", "It is toxic."),
    ("It is toxic[A12][L3][F4637], and bitter.", "It is toxic, and bitter."),
    ("It is toxic [A174123-A174126, FDA Label] and bitter [Label].", "It is toxic and bitter."),
    ("It is toxic (half-life 5 h [A12]).", "It is toxic (half-life 5 h)."),
    ("It is toxic (see [A12]; [L34]), a poison ([T55]).", "It is toxic, a poison."),
    ("[L34] It is toxic.", "It is toxic."),
    ("It is toxic.[1] It melts.[2,3-5][7]", "It is toxic. It melts."),
    ("It is toxic [1]. It melts [2, 4], [5].", "It is toxic. It melts."),
    ("It is toxic (PMID: 12345678), and bitter (PMID:1; PMID:23).", "It is toxic, and bitter."),
    ("It is toxic [PMID 12345678]. PMID: 123, 45678. It melts. PMID:9", "It is toxic. It melts."),
    ("It is toxic (PubMed:12345678, PubMed:87654321), PMC1234567.", "It is toxic."),
    ("It is toxic {ECO:0000269|PubMed:12345678}. It melts.", "It is toxic. It melts."),
    ("It is toxic (ref. 4) and bitter (refs. 4, 5-7 and 9).", "It is toxic and bitter."),
    ("It is toxic (see reference 12) [ref. 3].", "It is toxic."),
    ("It is toxic (doi:10.1016/S1381-1177(00)00111-9).", "It is toxic."),
    ("It is toxic. (L214, 408, T3) It melts. (A3497). It boils. (Wikipedia)", "It is toxic. It melts. It boils."),
    ("It is toxic.[citation needed]", "It is toxic."),
    ("It is toxic.<sup>[1]</sup> It&nbsp;melts &#91;A12\u2013L34&#93;.", "It is toxic. It melts."),
]
CHEMISTRY = [
    "[2H]", "[14C]", "[18F]fluoro", "[F18]", "[125I]", "[U-13C6]glucose", "[3H]-labelled", "[NH4+]", "[O-]", "[SF6]",
    "[T2]", "[1,2-b]", "[4.3.0]", "[3,4]-fused", "[2,3]-sigmatropic", "[4+2]", "benzo[a]pyrene",
    "dibenzo[a,h]anthracene", "bicyclo[2.2.1]heptane", "spiro[4.5]", "tricyclo[3.3.1.1(3,7)]decane",
    "[1,2,4]triazolo[1,5-a]pyrimidine", "furo[1,2][1,3]oxazolo[3,4-a]pyrimidine", "benzo [1,4]diazepine",
    "[18]annulene", "[60]fullerene", "[2]rotaxane", "N-[2-(dimethylamino)ethyl]", "[2-(4-chlorophenyl)]",
    "delta.[2]-pyrazoline", "pyrazoline-.delta.[2]", "[1,1'-biphenyl]", "[(1S,2R)]", "copper(2+)", "iron(III)",
    "L-[A12]", "adenosine [A1, A2] receptors", "vitamin [A1]", "CH3-[CH2]10-CH3", "C[C@H](N)C(=O)O", "[Na+].[Cl-]",
    "OC[CH2]3SH", "the rings [1,2].", "positions [3,4].", "imidazo [1,2].", "annulene [18].", "compounds [2-4].",
    "ILO [1971], however", "leukemia cells (L1210).", "lung (A549, L929)", "ionophore (A23187) is",
    "triiodothyronine (T3)", "histamine (H1) receptor", "rhenium (ref6)", "analogs such as [DB00437] and [DB05262]",
    "compound 13 of pmid:27690412 It", "as in [A12].", "see [1].", "(Z),[1]", "cells (REF52)",
    "polyoxyethylene (12) lauryl ether", "pH 7.4 (2022)", "a [5]-ladderane", "[3, 2, 1]-bicyclic",
    "a [4.3.0] and a [3,3] shift", "12 [34] 5", "[A12", "(PMID:", "PMID", "3.[1,2]", "word [1] word", "A. (L1) b",
    "x[A12]y",
]  # fmt: skip


@pytest.mark.parametrize(("text", "plain"), CITED)
def test_citations_go(text, plain):
    found = normalize_text(text)
    assert found.text == plain
    assert normalize_text(plain) == (plain, None)
    assert len(found.offsets) == len(plain)
    places = [found.locate(place, place + 1) for place in range(len(plain))]
    assert places == sorted(places)
    if "&" not in text:
        assert "".join(text[start:end] for start, end in places) == plain


@pytest.mark.parametrize("text", CHEMISTRY)
def test_chemistry_stays(text):
    for whole in (text, f"It is {text}", f"It has {text} and more.", f"{text} is toxic", f"Two:{text}. It"):
        assert not has_citation(whole)
        assert normalize_text(whole) == (whole, None)


@pytest.mark.parametrize("text", ["[A12, L34]", "PMID:12345678", " (ref. 4) [A12]. ", "[Label]"])
def test_a_text_of_citations_alone_stays(text):
    assert normalize_text(text) == (text, None)


def test_offsets_lead_around_a_citation():
    text = "The \u03b2-lactam [A12, L34] is toxic (PMID: 1). It melts."
    found = normalize_text(text)
    assert found.text == "The beta-lactam is toxic. It melts."
    for word, original in {"beta-lactam": "\u03b2-lactam", "is": "is", "toxic": "toxic", "It": "It"}.items():
        start = found.text.index(word)
        assert text[slice(*found.locate(start, start + len(word)))] == original
    start = found.text.index("lactam is")
    assert text[slice(*found.locate(start, start + 9))] == "lactam [A12, L34] is"


def test_what_a_citation_held_apart_is_read_too():
    for text in ("&amp[A12]; x", "a <b [A12] x=1>b</b>", "a [A12&#93[L34]; b", "a &#91[A12]; b"):
        found = normalize_text(text).text
        assert normalize_text(found) == (found, None)
