"""Structure queries: right answers, what counts, and honest figures."""

import json

import numpy as np
import pandas as pd
import pytest

from modeling_finemoltex import FineMolTexModel
from modeling_finemoltex.data.identifiers import try_parse
from modeling_finemoltex.embedding import MoleculeTextEncoder
from modeling_finemoltex.evaluation import (
    StructurePool,
    StructureQuery,
    build_structure_pool,
    evaluate_structure_queries,
    format_structure_table,
    load_structure_pool,
    load_structure_queries,
    require_facts,
    score_by_model,
)
from modeling_finemoltex.evaluation.structure_queries import precision_at

ACIDS = [f"{'C' * length}C(=O)O" for length in range(1, 13)]
ALKANES = ["C" * length for length in range(1, 29)]
POOL = ACIDS + ALKANES


@pytest.fixture
def queries(tmp_path):
    entries = [
        {
            "text": ["a carboxylic acid", "The molecule has a carboxylic acid."],
            "all": ["C(=O)[OX2H1]"],
            "set": "single",
        },
        {"text": ["an amide"], "all": ["NC=O"], "set": "single"},
        {"text": ["no oxygen"], "none": ["[#8]"], "set": "not"},
        {"text": ["one carboxylic acid"], "count": {"C(=O)[OX2H1]": [1, 1]}, "set": "count"},
        {"text": ["an acid or an amine"], "any": ["C(=O)[OX2H1]", "[NX3]"], "set": "any"},
    ]
    (tmp_path / "queries.json").write_text(json.dumps(entries), encoding="utf-8")
    return load_structure_queries(tmp_path / "queries.json")


@pytest.fixture
def pool(queries):
    return build_structure_pool(POOL, list(map(try_parse, POOL)), queries)


def test_queries_count_with_ten_matches_and_less_than_two_fifths(pool):
    assert [query.group for query in pool.queries] == ["single", "count", "any"]  # no amide; 28 of 40 lack oxygen
    assert pool.truth.sum(axis=1).tolist() == [12, 12, 12]


def test_the_pool_is_the_order_of_pandas(tmp_path, queries):
    table = pd.DataFrame({"smiles": [*POOL, "not a molecule"], "name": range(len(POOL) + 1)})
    table.to_csv(tmp_path / "pool.csv", index=False)
    expected = [one for one in table.sample(frac=1, random_state=11)["smiles"] if one != "not a molecule"]
    assert load_structure_pool(tmp_path / "pool.csv", queries, limit=35).smiles == expected[:35]


def test_figures(pool):
    order = np.arange(len(POOL))

    def score(texts):
        return np.stack([-order if "molecule" in text else order for text in texts])

    figures = evaluate_structure_queries(pool, score)
    assert figures["single"] == {"P@10": 0.5, "R-precision": 0.5, "chance": 0.3, "queries": 1}
    assert "50.0 %" in format_structure_table(figures, "model alone")


def test_equal_scores_are_chance(pool):
    figures = evaluate_structure_queries(pool, lambda texts: np.zeros((len(texts), len(POOL))))
    for values in figures.values():
        assert values["P@10"] == values["R-precision"] == values["chance"] == pytest.approx(0.3)


def test_molecules_left_out_are_no_hits():
    right = np.array([True, True, False, True])
    assert precision_at(np.array([1.0, -np.inf, -np.inf, -np.inf]), right, 2) == 0.5
    assert precision_at(np.full(4, -np.inf), right, 2) == 0


def test_required_facts_leave_out_what_contradicts(pool):
    worst = require_facts(lambda texts: np.tile(np.arange(len(POOL)), (len(texts), 1)), POOL)
    figures = evaluate_structure_queries(pool, worst)
    assert figures["single"]["P@10"] == figures["count"]["R-precision"] == 1.0
    marked = evaluate_structure_queries(pool, lambda texts: np.tile(np.arange(len(POOL)), (len(texts), 1)), True)
    assert marked["single"] == {"P@10": 0.0, "R-precision": 0.0, "chance": 0.3, "contradicting": 1.0, "queries": 1}


def test_a_model_scores_by_cosine(config, processor):
    encoder = MoleculeTextEncoder(FineMolTexModel(config), processor)
    score = score_by_model(encoder, [*POOL[:3], "[Fe+2]"])
    expected = encoder.encode_texts(["an acid"]) @ encoder.encode_molecules([*POOL[:3], "[Fe+2]"]).T
    np.testing.assert_allclose(score(["an acid"]), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", "must hold a list of queries"),
        ("[", "cannot be read as JSON"),
        ('[{"all": ["C"]}]', "query 0 must be an object with 'text'"),
        ('[{"text": "x", "all": ["C"]}, {"text": "x"}]', "query 1 needs a text and a pattern"),
        ('[{"text": "x", "all": ["c1cc"]}]', "query 0: 'c1cc' is not a SMARTS"),
        ('[{"text": "x", "count": {"C": 2}}]', "maps a SMARTS to"),
    ],
)
def test_mistakes_in_the_file_are_named(tmp_path, content, message):
    (tmp_path / "queries.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load_structure_queries(tmp_path / "queries.json")


def test_scores_are_checked():
    pool = StructurePool(POOL, [StructureQuery(("x",), required=("C",))], np.ones((1, len(POOL)), dtype=bool))
    with pytest.raises(ValueError, match="one row per wording: got shape \\(2, 2\\)"):
        evaluate_structure_queries(pool, lambda texts: np.zeros((2, 2)))
    with pytest.raises(ValueError, match="No query counts in a pool of 1 molecules"):
        build_structure_pool(["C"], [try_parse("C")], pool.queries)
