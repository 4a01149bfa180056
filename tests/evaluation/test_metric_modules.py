"""The modules for `evaluate` load offline and say what the package says."""

import re
import sys
from pathlib import Path

import evaluate
import numpy as np
import pytest

from modeling_finemoltex import evaluate_retrieval

METRICS = Path(__file__).resolve().parents[2] / "hub_cards" / "metrics"


@pytest.fixture
def embeds():
    generator = np.random.default_rng(0)
    molecules = generator.normal(size=(30, 8)).astype(np.float32)
    return molecules, molecules + generator.normal(size=(30, 8)).astype(np.float32)


def test_retrieval_metric_gives_the_same_numbers(embeds):
    metric = evaluate.load(str(METRICS / "molecule_text_retrieval"))
    molecules, texts = embeds
    given = metric.compute(predictions=molecules, references=texts, protocol="p", hits_at=(1, 3), bootstrap=20)
    expected = evaluate_retrieval(molecules, texts, "p", choose_from=(), hits_at=(1, 3), bootstrap=20)
    assert given == pytest.approx(expected) and "p/t2m_hits@3_low" in given


def test_choice_metric_reads_an_index_file(embeds, tmp_path):
    index = tmp_path / "index.txt"
    index.write_text("\n".join(",".join(str((row + step) % 30) for step in range(1, 10)) for row in range(30)))
    metric = evaluate.load(str(METRICS / "molecule_text_choice"))
    molecules, texts = embeds
    options = {"protocol": "p", "choose_from": (4, 10)}
    given = metric.compute(predictions=molecules, references=texts, index_file=str(index), **options)
    assert set(given) == {f"p/{side}_choose_one_of_{size}" for side in ("t2m", "m2t", "chance") for size in (4, 10)}
    drawn = metric.compute(predictions=molecules, references=texts, **options)
    assert given != drawn
    assert drawn["p/t2m_choose_one_of_4"] == evaluate_retrieval(molecules, texts, **options)["p/t2m_choose_one_of_4"]


@pytest.mark.parametrize("card", sorted(METRICS.glob("*/README.md")), ids=lambda card: card.parent.name)
def test_the_code_of_the_cards_runs(card, capsys, monkeypatch):
    monkeypatch.chdir(METRICS.parents[1])
    for code in re.findall(r"```python\n(.*?)```", card.read_text(encoding="utf-8"), flags=re.DOTALL):
        exec(code, {})
    assert "toy/t2m_" in capsys.readouterr().out


def test_the_absent_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "modeling_finemoltex", None)
    with pytest.raises(ImportError, match="pip install finemoltex"):
        evaluate.load(str(METRICS / "molecule_text_retrieval"))
