"""The probe of motif-word alignment: names found rightly, hits and chance counted by hand, systems told apart."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from modeling_finemoltex import FineMolTexForPreTraining, evaluate_alignment
from modeling_finemoltex.evaluation import build_alignment_probe, load_motif_names, score_alignment
from modeling_finemoltex.evaluation.alignment_probe import KINDS, format_alignment_table
from modeling_finemoltex.evaluation.motif_names import GROUPS, RINGS, find_names, name_motifs, write_sentences

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "evaluate_alignment.py"
SULFONAMIDE = ("NS(=O)(=O)c1ccncc1", "A pyridine with a sulfonamide, no ester.")
ACID = ("OC(=O)c1ccccc1", "Benzene and a carboxylic acid.")


class FakeSystem:
    """Gives each word of each text a value, the same for all motifs, and counts what it was asked."""

    def __init__(self, value, limit: int | None = None):
        self.value, self.limit = value, limit

    def __call__(self, smiles, texts):
        return [self.align(text) for text in texts]

    def align(self, text):
        words, start = [], 0
        for word in text.split()[: self.limit]:
            start = text.index(word, start)
            words.append(SimpleNamespace(text=word, start=start, end=start + len(word)))
        values = np.array([float(self.value(word.text)) for word in words])
        return SimpleNamespace(words=words, **dict.fromkeys(KINDS, np.tile(values, (9, 1))))


def names_of(processor, smiles: str) -> dict[str, list[str]]:
    motifs = processor.feature_extractor.motifs(smiles)
    return {m.label: names for m, names in zip(motifs, name_motifs(smiles, [m.atoms for m in motifs]), strict=True)}


def test_motifs_get_the_names_that_chemists_give_them(processor):
    assert names_of(processor, SULFONAMIDE[0]) == {"N[SH](=O)=O": ["sulfonamide"], "c1ccncc1": ["pyridine"]}
    assert names_of(processor, ACID[0]) == {"O=CO": ["carboxylic acid"], "c1ccccc1": ["benzene"]}
    assert names_of(processor, "CCOC(=O)c1ccccc1")["O=CO"] == ["ester"]  # neither ether nor acid
    assert names_of(processor, "O=C(NC(=O)c1ccccc1)C1CC1")["O=CNC=O"] == ["imide"]  # the larger name, not amide
    quinoline = names_of(processor, "N#Cc1ccc2ncccc2c1")
    assert quinoline["C#N"] == ["nitrile"] and "quinoline" in next(v for k, v in quinoline.items() if "n" in k)
    assert not {"pyridine", "benzene"} & {name for names in quinoline.values() for name in names}
    assert names_of(processor, "CCCC") == {"CCCC": []}
    with pytest.raises(ValueError, match="cannot parse the SMILES 'C\\('"):
        name_motifs("C(", [])


def test_names_are_found_in_texts_and_only_there():
    found = find_names(
        "4-chloro-N-(pyridin-2-yl)benzenesulfonamide, an isoquinoline and a methyl ester of benzoic acid."
    )
    assert {"chloro", "benzene", "sulfonamide", "isoquinoline", "ester"} == set(found)
    text = "Dihydropyridine, nitrogen, polyester, chlorophyll, thioether, benzofuran, hydroxylamine."
    assert set(find_names(text)) == {"thioether", "benzofuran"}
    assert set(find_names("a monocarboxylic acid and two hydroxy groups")) == {"carboxylic acid", "hydroxy"}
    assert len(load_motif_names()) == len(GROUPS) + len(RINGS) and all(one.pattern for one in load_motif_names())


def test_every_name_can_be_said(processor):
    for name in load_motif_names():
        assert name.expression.search(f"It has a {name.name} in it."), name.name
    smiles = [SULFONAMIDE[0], ACID[0], "CCCC"]
    sentences = write_sentences(smiles, processor.feature_extractor, seed=1)
    assert set(find_names(sentences[0])) == {"pyridine", "sulfonamide"} and sentences[2] == ""
    assert sentences == write_sentences(smiles, processor.feature_extractor, seed=1)
    assert len({write_sentences(smiles[:1], processor.feature_extractor, seed)[0] for seed in range(20)}) > 5


def test_hits_and_chance_by_hand(processor):
    smiles, texts = zip(SULFONAMIDE, ACID, ("CCCC", "An ester."), strict=True)
    probe = build_alignment_probe(smiles, texts, processor.feature_extractor)
    assert probe.smiles == [SULFONAMIDE[0], ACID[0]]
    assert [(one.pair, one.name) for one in probe.questions] == [
        *((0, name) for name in ("sulfonamide", "pyridine")),
        *((1, name) for name in ("carboxylic acid", "benzene")),
    ]
    answers = score_alignment(probe, FakeSystem(lambda word: word.startswith("sulfonamide")))
    # Seven words; among the naming ones also "ester", which names nothing here.
    assert answers[0] == pytest.approx(
        {"chance_hit@1": 1 / 7, "chance_naming_hit@1": 1 / 3}
        | {"frequent_hit@1": 1 / 3, "frequent_naming_hit@1": 1 / 3}  # no other pair has any of the three
        | {f"{kind}_{pool}": 1.0 for kind in KINDS for pool in ("hit@1", "naming_hit@1")}
    )
    assert answers[1]["similarity_hit@1"] == 0 and answers[2]["chance_hit@1"] == 2 / 5  # two words make the name
    for answer in score_alignment(probe, FakeSystem(lambda word: 1.0)):
        for pool in ("hit@1", "naming_hit@1"):
            assert {answer[f"{kind}_{pool}"] for kind in KINDS} == {answer[f"chance_{pool}"]}


def test_a_blind_guess_takes_the_commonest_of_the_listed_names(processor):
    others = [("c1ccccc1C(=O)OC", "Benzene with an ester."), ("c1ccccc1C#N", "Benzene with a nitrile.")]
    smiles, texts = zip(("Nc1ccccc1", "A primary amine on benzene, no ester."), *others, strict=True)
    probe = build_alignment_probe(smiles, texts, processor.feature_extractor)
    answers = score_alignment(probe, FakeSystem(lambda word: 0.0))
    guessed = {
        (one.pair, one.name): (answer["frequent_hit@1"], answer["frequent_naming_hit@1"])
        for one, answer in zip(probe.questions, answers, strict=True)
    }
    expected = {(0, "primary amine"): 0, (0, "benzene"): 1, (1, "benzene"): 1, (1, "ester"): 0}
    assert guessed == {key: (hit, hit) for key, hit in (expected | {(2, "benzene"): 1, (2, "nitrile"): 0}).items()}
    report = evaluate_alignment(probe, {"flat": FakeSystem(lambda word: 0.0)}, num_samples=20)
    figures = report["figures"]["flat"]
    assert figures["alignment/frequent_naming_hit@1"] == pytest.approx(1 / 2)
    assert figures["alignment/similarity_naming_hit@1_over_frequent"] == pytest.approx(
        figures["alignment/chance_naming_hit@1"] - 1 / 2
    )
    assert report["names"]["benzene"]["frequent_naming_hit@1"] == 1
    assert "frequent" in format_alignment_table(report)


def test_reports_compare_systems_pair_by_pair(processor):
    smiles, texts = zip(*[SULFONAMIDE, ACID] * 10, strict=True)
    probe = build_alignment_probe(smiles, texts, processor.feature_extractor)
    good = FakeSystem(lambda word: any(name in word.lower() for name in ("sulfonamide", "pyridine")))
    report = evaluate_alignment(probe, {"good": good, "flat": FakeSystem(lambda word: 0.0)}, num_samples=50)
    figures = report["figures"]["good"]
    # Sulfonamide pairs: two of seven words are maxima, one of them right; acid pairs: all five are.
    expected = np.mean([1 / 2, np.mean([2 / 5, 1 / 5])])
    assert figures["alignment/similarity_hit@1"] == pytest.approx(expected)
    assert figures["alignment/similarity_hit@1_low"] < expected < figures["alignment/similarity_hit@1_high"]
    assert figures["alignment/chance_hit@1"] == report["figures"]["flat"]["alignment/similarity_hit@1"]
    assert figures["alignment/similarity_hit@1_over_chance"] == pytest.approx(
        expected - figures["alignment/chance_hit@1"]
    )
    assert report["differences"]["flat"]["alignment/similarity_hit@1"] == pytest.approx(
        expected - figures["alignment/chance_hit@1"]
    )
    assert report["differences"]["flat"]["alignment/chance_hit@1"] == 0
    assert report["probe"] == {"pairs": 20, "questions": 40} and report["names"]["pyridine"]["questions"] == 10
    json.dumps(report)
    table = format_alignment_table(report)
    assert "good - flat" in table and "first of naming words" in table

    cut = evaluate_alignment(probe, {"good": good, "cut": FakeSystem(lambda word: 0.0, limit=2)}, num_samples=0)
    assert cut["probe"] == {"pairs": 20, "questions": 20} and set(cut["names"]) == {"pyridine", "benzene"}
    with pytest.raises(ValueError, match="every text is cut"):
        evaluate_alignment(probe, {"cut": FakeSystem(lambda word: 0.0, limit=0)})
    with pytest.raises(ValueError, match="None of the 1 texts names a motif"):
        build_alignment_probe(["CCCC"], ["An ester."], processor.feature_extractor)
    with pytest.raises(ValueError, match="got 1 molecules and 0 texts"):
        build_alignment_probe(["CCCC"], [], processor.feature_extractor)


@pytest.mark.parametrize("generate", [False, True])
def test_the_example_writes_a_report(config, processor, tmp_path, run_file, generate):
    for name in ("model", "other"):
        FineMolTexForPreTraining(config).save_pretrained(tmp_path / name)
        processor.save_pretrained(tmp_path / name)
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("\n".join(["smiles\ttext", *("\t".join(pair) for pair in (SULFONAMIDE, ACID))]), encoding="utf-8")
    words = ["--model", tmp_path / "model", "--baseline_model", tmp_path / "other", "--pairs", pairs]
    words += ["--output", tmp_path / "out" / "report.json", "--bootstrap", "20", "--device", "cpu"]
    words += ["--generate", "true"] if generate else []
    shown = run_file(SCRIPT, *words)
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    if not generate:  # a written text may be too long for the tokenizer of the tests, which spells it
        assert report["probe"] == {"pairs": 2, "questions": 4}
    assert set(report["figures"]) == {str(tmp_path / "model"), str(tmp_path / "other")}
    assert 0 <= report["figures"][str(tmp_path / "model")]["alignment/attention_hit@1"] <= 1
    assert "{pairs} pairs, {questions} questions".format(**report["probe"]) in shown
    assert "frequent_naming_hit@1" in shown
