"""Text as copied from papers and web pages means what its plain spelling means, wherever texts come in."""

import html
import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("faiss", reason="the index and the demo search with faiss")
pytest.importorskip("matplotlib", reason="the demo draws with matplotlib")

from modeling_finemoltex import MoleculeTextEncoder, MoleculeTextIndex, MotifWordAligner
from modeling_finemoltex.editing import TextGuide

CARDS = Path(__file__).resolve().parents[1] / "hub_cards"
ACID = "OC(=O)c1ccc[nH]1"
# As copied, in plain spelling, and where the words of the plain one stand in the copy.
COPIED = [
    ("a \u03b3\u2010lactone &amp;\u00a0CO\u2082", "a gamma-lactone & CO2", ["a", "\u03b3\u2010lactone", "CO\u2082"]),
    ("2<i>H</i>\u2011pyrrole,\u20095\u2032\u2212ol", "2H-pyrrole, 5'-ol",
     ["2<i>H</i>\u2011pyrrole", "5\u2032\u2212ol"]),
    ("\uff2eo\u200b es\u00adter o\ufb03ce", "No ester office", ["\uff2eo", "es\u00adter", "o\ufb03ce"]),
]  # fmt: skip
copied_texts = pytest.mark.parametrize(("copied", "plain", "places"), COPIED, ids=["units", "marks", "hidden"])


def load(file):
    """Run a file that is shipped outside of the package."""
    spec = importlib.util.spec_from_file_location(f"shipped_{file.stem}", file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def encoder(plain_folder):
    return MoleculeTextEncoder.from_pretrained(plain_folder, device="cpu")


@pytest.fixture(scope="module")
def index(encoder, molecules):
    return MoleculeTextIndex.build(encoder, smiles=list(molecules))


@pytest.fixture(scope="module")
def handler(plain_folder):
    return load(CARDS / "templates" / "handler.py").EndpointHandler(plain_folder)


@pytest.fixture(scope="module")
def demo(encoder, molecules):
    module = load(CARDS / "space" / "answers.py")
    return module.Answers(encoder, module.Library(list(molecules), list(molecules), ["an acid", "a gas"]))


@copied_texts
@pytest.mark.parametrize("facts", ["mark", "require"])
def test_search(index, facts, copied, plain, places):
    for without in (None, copied):
        other = without and plain
        found, expected = (
            index.search(texts=text, k=10, facts=facts, without=unwanted)[0]
            for text, unwanted in ((copied, without), (plain, other))
        )
        assert [hit.to_dict() for hit in found] == [hit.to_dict() for hit in expected]


@copied_texts
@pytest.mark.parametrize("task", ["feature-extraction", "similarity"])
def test_endpoint(handler, task, copied, plain, places):
    request = {"parameters": {"task": task}}
    first, second = (handler({"inputs": {"smiles": [ACID], "text": [text]}, **request}) for text in (copied, plain))
    assert "error" not in first and first == second


@copied_texts
def test_demo(demo, copied, plain, places):
    pages = [html.unescape(demo.find_molecules(text)) for text in (copied, plain)]
    cosines = [re.findall(r'title="cosine">([^<]+)<', page) for page in pages]
    assert cosines[0] == cosines[1] and len(cosines[0]) == 8
    values = [re.findall(r'value="([\d.]+)"', demo.classify(ACID, f"{text}\na gas")) for text in (copied, plain)]
    assert values[0] == values[1] and len(values[0]) == 2


@copied_texts
def test_editing_prompts(encoder, copied, plain, places):
    one = TextGuide(encoder, f"It is <b>like</b> {copied}&nbsp;and&nbsp;has a ring.", f"\u200bIt contains {copied}.")
    other = TextGuide(encoder, f"It is like {plain} and has a ring.", f"It contains {plain}.")
    assert one.clauses == other.clauses and len(one.clauses) == 2
    np.testing.assert_array_equal(one.directions, other.directions)


@copied_texts
def test_explanations_point_into_the_text_as_given(encoder, copied, plain, places):
    one, other = (MotifWordAligner(encoder).align([ACID], [text])[0] for text in (copied, plain))
    assert [copied[word.start : word.end] for word in one.words] == places
    assert [word.text for word in one.words] == [word.text for word in other.words]
    for kind in ("similarity", "attention"):
        np.testing.assert_array_equal(one.matrix(kind), other.matrix(kind))


def test_a_prompt_of_invisible_characters_is_blank(encoder):
    with pytest.raises(ValueError, match="The prompt is blank"):
        TextGuide(encoder, "\u200b &nbsp;<br/>")
