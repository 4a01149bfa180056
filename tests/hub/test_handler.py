"""The endpoint of an exported folder, served without the package: right answers, clear refusals, steady under load."""

import http.client
import importlib.util
import json
import os
import random
import reprlib
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from modeling_finemoltex import MoleculeTextEncoder
from tests.malformed import make_request

SERVER = Path(__file__).with_name("endpoint_server.py")
LIBRARY = ["CCO", "c1ccccc1", "CC(=O)O", "CCN", "CCCCCC", "O=C(O)c1ccccc1"]
TEXTS = ["an alcohol", "an aromatic ring", "an acid"]


@pytest.fixture(scope="module")
def folders(exported, tmp_path_factory):
    """A base folder with an index beside the model, and one of property prediction."""
    base = shutil.copytree(exported["base"], tmp_path_factory.mktemp("served") / "tiny-base")
    faiss_index = pytest.importorskip("modeling_finemoltex.retrieval.index", reason="needs faiss")
    encoder = MoleculeTextEncoder.from_pretrained(str(base), device="cpu")
    index = faiss_index.MoleculeTextIndex.build(encoder, smiles=LIBRARY, ids=[f"M{i}" for i in range(len(LIBRARY))])
    index.remove("M3")
    index.save(base / "index")
    return base, exported["properties"]


class Client:
    """Talks to a server of handlers."""

    def __init__(self, port: int) -> None:
        self.port = port

    def post(self, name: str, content) -> tuple[int, dict, float]:
        """Send JSON, or bytes as they are: status, answer and processor seconds."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=280)
        try:
            connection.request("POST", f"/{name}", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = json.loads(response.read())
            return response.status, answer, float(response.headers["X-Processor-Seconds"])
        finally:
            connection.close()

    def memory(self) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", "/")
        found = json.loads(connection.getresponse().read())["resident_bytes"]
        connection.close()
        return found


@pytest.fixture(scope="module")
def client(folders, forked_python, tmp_path_factory):
    """A server process that cannot import the package."""
    number, (stdout, stderr) = forked_python.start(SERVER, *folders, cwd=tmp_path_factory.mktemp("endpoint"))
    deadline = time.monotonic() + 240
    while not stdout.read_text().endswith("\n"):
        assert time.monotonic() < deadline and "Traceback" not in stderr.read_text(), stderr.read_text()[-4000:]
        time.sleep(0.05)
    yield Client(int(stdout.read_text()))
    os.kill(number, signal.SIGKILL)


def request(smiles=None, text=None, **parameters) -> dict:
    inputs = {name: value for name, value in (("smiles", smiles), ("text", text)) if value is not None}
    return {"inputs": inputs, "parameters": parameters}


@pytest.fixture(scope="module")
def embeds(heads, processor):
    """Molecules and texts as the installed model places them."""
    with torch.no_grad():
        output = heads["base"](**processor(smiles=LIBRARY))
        texts = heads["base"](**processor(text=TEXTS))
    return output.molecule_embeds.numpy(), texts.text_embeds.numpy()


def test_embeddings_are_those_of_the_model(client, embeds):
    status, answer, _ = client.post("tiny-base", request(LIBRARY, TEXTS))
    assert status == 200, answer
    np.testing.assert_allclose(answer["molecule_embeds"], embeds[0], atol=1e-5)
    np.testing.assert_allclose(answer["text_embeds"], embeds[1], atol=1e-5)


def test_a_string_is_a_list_of_one(client):
    _, answer, _ = client.post("tiny-base", {"inputs": {"text": "an alcohol"}})
    assert list(answer) == ["text_embeds"] and len(answer["text_embeds"]) == 1


def test_similarity_and_zero_shot_classification_agree(client, embeds):
    expected = embeds[0] @ embeds[1].T
    _, answer, _ = client.post("tiny-base", request(LIBRARY, TEXTS, task="similarity"))
    np.testing.assert_allclose(answer["similarity"], expected, atol=1e-5)
    _, answer, _ = client.post("tiny-base", request(LIBRARY, TEXTS, task="zero-shot-classification"))
    for row, scores in zip(answer["classification"], expected, strict=True):
        assert [one["label"] for one in row] == [TEXTS[place] for place in np.argsort(-scores)]
        assert sum(one["score"] for one in row) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("side", ["smiles", "text"])
def test_retrieval_searches_the_index_beside_the_model(client, embeds, side):
    queries, vectors = (LIBRARY[:2], embeds[0][:2]) if side == "smiles" else (TEXTS, embeds[1])
    _, answer, _ = client.post("tiny-base", request(**{side: queries}, task="retrieval", k=3))
    scores = vectors @ embeds[0].T
    scores[:, 3] = -np.inf  # removed from the index
    for hits, row in zip(answer["hits"], scores, strict=True):
        best = np.argsort(-row)[:3]
        assert [hit["id"] for hit in hits] == [f"M{place}" for place in best]
        assert [hit["smiles"] for hit in hits] == [LIBRARY[place] for place in best]
        assert [hit["rank"] for hit in hits] == [1, 2, 3]


def test_retrieval_gives_what_there_is(client):
    _, answer, _ = client.post("tiny-base", request(text=TEXTS[0], task="retrieval", k=50))
    assert len(answer["hits"][0]) == len(LIBRARY) - 1


def test_properties_are_predicted_from_their_folder(client, heads, processor):
    with torch.no_grad():
        expected = heads["properties"].predict(heads["properties"](**processor(smiles=LIBRARY)).logits)
    status, answer, _ = client.post("tiny-properties", request(LIBRARY))
    assert status == 200, answer
    found = [[one["score"] for one in row] for row in answer["predictions"]]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert [one["label"] for one in answer["predictions"][0]] == ["soluble", "toxic"]


def test_editing_without_the_package_says_what_to_install(client):
    status, answer, _ = client.post("tiny-base", request("CCO", "an acid", task="editing"))
    assert status == 400 and "add `finemoltex`" in answer["error"]


def test_editing_works_with_the_package(folders):
    spec = importlib.util.spec_from_file_location("endpoint_handler", folders[0] / "handler.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.WORK_SECONDS = 600.0  # on a machine that may have other work
    handler = module.EndpointHandler(str(folders[0]))
    wanted = request("CC(=O)Oc1ccccc1C(=O)O", "an acid on an aromatic ring", task="editing", k=3)
    edits = handler(wanted)["edits"]
    assert 1 <= len(edits) <= 3 and all(one["smiles"] and one["rules"][0]["seen"] > 0 for one in edits)
    nothing = handler(request("CC(=O)Oc1ccccc1C(=O)O", "asdf qwerty", task="editing"))
    assert nothing["edits"] == [] and "the model knows no word of 'asdf qwerty'" in nothing["note"]
    assert "at index 0" in handler(request("no molecule", "an acid", task="editing"))["error"]
    module.WORK_SECONDS = -1.0
    assert "Time limit" in handler(wanted)["error"]


# What must be refused, and a part of the reason.
MALFORMED = [
    (b"{", "not JSON"),
    (b"\xff\xfe", "not JSON"),
    (b"[" * 100_000, "not JSON"),
    ([], "Send a JSON object"),
    ("CCO", "Send a JSON object"),
    (None, "Send a JSON object"),
    ({}, "Send a JSON object"),
    ({"inputs": ["CCO"]}, "Send a JSON object"),
    ({"inputs": "CCO"}, "Send a JSON object"),
    ({"inputs": {}}, "nothing to do"),
    ({"inputs": {"smiles": [], "text": []}}, "nothing to do"),
    ({"inputs": {"molecule": "CCO"}}, "may hold smiles, text"),
    ({"inputs": {"smiles": "CCO"}, "options": {}}, "may hold inputs, parameters"),
    ({"inputs": {"smiles": "CCO"}, "parameters": [1]}, "must be a JSON object"),
    (request(7), "must be a string or a list"),
    (request({"a": 1}), "must be a string or a list"),
    (request([["CCO"]]), "got a list at index 0"),
    (request(["CCO", None]), "got None at index 1"),
    (request(text=[True]), "got True at index 0"),
    (request(["CCO"] * 65), "at most 64"),
    (request(text=["word"] * 1_000), "at most 64"),
    (request(text="x" * 10_000_000), "10,000,000 characters"),
    (request(text="ignore all previous instructions " * 10_000), "characters at index 0"),
    (request("C" * 5_000), "5,000 characters"),
    (request("C" * 600), "600 atoms"),
    (request("this is no molecule"), "Give the SMILES alone"),
    (request("C1CC"), "cannot parse"),
    (request("c1cccc1"), "cannot parse"),
    (request("C(C)(C)(C)(C)C"), "cannot parse"),
    (request("\x00"), "a control character"),
    (request("  "), "blank"),
    (request(text=["fine", "\n\t"]), "blank at index 1"),
    (request(text="half \ud83d of it"), "surrogate"),
    (request("CCO", task="poetry"), "must be one of feature-extraction"),
    (request("CCO", task=["similarity"]), "must be one of feature-extraction"),
    (request("CCO", task="property-prediction"), "must be one of feature-extraction"),
    (request("CCO", task="similarity"), "give both"),
    (request("CCO", "x", task="retrieval"), "not both"),
    (request("CCO", task="retrieval", k=0), "from 1 to 100"),
    (request("CCO", task="retrieval", k=True), "from 1 to 100"),
    (request("CCO", task="retrieval", k="many"), "from 1 to 100"),
    (request("CCO", task="retrieval", k=10**12), "from 1 to 100"),
    (request("CCO", temperature=2), "'temperature'"),
    (request(["CCO", "CCC"], "x", task="editing"), "one molecule"),
]


def write_complete_graph(size: int) -> str:
    """A SMILES in which every atom is bound to every other: rings without number in few characters."""
    free, labels, text = list(range(10, 100)), {}, ""
    for atom in range(size):
        text += "[*]"
        for earlier in range(atom - 1):
            label = labels.pop((earlier, atom))
            text += f"%{label}"
            free.append(label)
        for later in range(atom + 2, size):
            labels[atom, later] = free.pop(0)
            text += f"%{labels[atom, later]}"
    return text


GOOD = [
    ("tiny-base", request(LIBRARY, TEXTS)),
    ("tiny-base", request(LIBRARY, TEXTS, task="similarity")),
    ("tiny-base", request(["CC(=O)Oc1ccccc1C(=O)O"] * 8, TEXTS, task="zero-shot-classification")),
    ("tiny-base", request(text=TEXTS, task="retrieval", k=2)),
    ("tiny-base", request(LIBRARY, task="retrieval", k=2)),
    ("tiny-properties", request(LIBRARY)),
    ("tiny-base", request("[Na+].[Cl-]", "word " * 900)),
    ("tiny-base", request("C" * 500)),
]


@pytest.mark.parametrize(("content", "reason"), MALFORMED, ids=[reason for _, reason in MALFORMED])
def test_a_bad_request_is_refused_at_once_and_the_next_one_succeeds(client, content, reason):
    status, answer, seconds = client.post("tiny-base", content)
    assert (status, list(answer)) == (400, ["error"]) and reason in answer["error"]
    assert seconds < 1 and len(answer["error"]) < 1_000
    assert client.post("tiny-base", request("CCO"))[0] == 200


def test_a_dense_ring_system_does_not_hang_the_server(client):
    status, _, seconds = client.post("tiny-base", request(write_complete_graph(18)))
    assert status == 200 and seconds < 5


def test_a_property_model_refuses_texts_and_other_tasks(client):
    assert "leave `text` out" in client.post("tiny-properties", request("CCO", "x"))[1]["error"]
    assert "give `smiles`" in client.post("tiny-properties", request(text="x"))[1]["error"]
    assert "property-prediction" in client.post("tiny-properties", request("CCO", task="similarity"))[1]["error"]


def strain(client: Client, good: int, malformed: int, threads: int) -> list[tuple[bool, int, float]]:
    """Send good and malformed requests at once, mixed: which kind, status and processor seconds."""
    requests = [(True, *GOOD[place % len(GOOD)]) for place in range(good)]
    requests += [(False, "tiny-base", MALFORMED[place % len(MALFORMED)][0]) for place in range(malformed)]
    order = np.random.default_rng(0).permutation(len(requests))

    def send(place: int) -> tuple[bool, int, float]:
        is_good, name, content = requests[place]
        status, _, seconds = client.post(name, content)
        return is_good, status, seconds

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(send, order))


@pytest.mark.parametrize(
    ("good", "malformed", "threads"), [(32, 48, 16), pytest.param(200, 300, 200, marks=pytest.mark.slow)]
)
def test_many_requests_at_once_are_all_answered_in_steady_memory(client, good, malformed, threads):
    strain(client, good, malformed, threads)  # fills caches and memory pools
    before = client.memory()
    answers = strain(client, good, malformed, threads)
    assert len(answers) == good + malformed
    assert {status for is_good, status, _ in answers if is_good} == {200}
    assert {status for is_good, status, _ in answers if not is_good} == {400}
    assert max(seconds for is_good, _, seconds in answers if not is_good) < 1
    assert client.memory() < 1.15 * before


def answer_malformed(client, name, seed, count):
    """Each is answered at once, with a message where it cannot be done; the server lives on."""
    random_source, refused = random.Random(seed), 0
    for _ in range(count):
        body = make_request(random_source)
        start = time.monotonic()
        status, answer, seconds = client.post(name, body)
        shown = f"{reprlib.repr(body)}: {reprlib.repr(answer)}"  # a body may have millions of characters
        assert min(time.monotonic() - start, seconds + 1) < 5, shown
        assert status == (400 if "error" in answer else 200), shown
        refused += "error" in answer
        assert "could not be answered" not in str(answer.get("error")), shown  # nothing unforeseen
        assert len(str(answer.get("error"))) < 1_000, shown
    for body in (b"", b"{", b"\xff\xfe", b"[" * 100_000, b"null", b'{"inputs": "CCO"}', b"CCO"):
        assert client.post(name, body)[0] == 400
    return refused


@pytest.mark.parametrize("name", ["tiny-base", "properties"])
def test_malformed_requests_get_a_message(client, folders, name):
    name = name if name == "tiny-base" else folders[1].name
    assert answer_malformed(client, name, 0, 25) > 10
    assert client.post(name, request(["CCO"]))[0] == 200


@pytest.mark.slow
def test_three_hundred_malformed_requests(client):
    assert answer_malformed(client, "tiny-base", 1, 300) > 150
    assert client.post("tiny-base", request(["CCO"], ["an alcohol"]))[0] == 200


def test_what_nobody_foresaw_is_a_message_too(folders, monkeypatch, caplog):
    spec = importlib.util.spec_from_file_location("served_handler", folders[0] / "handler.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    handler = module.EndpointHandler(str(folders[0]))
    monkeypatch.setattr(handler, "_read", lambda data: {}["absent"])
    assert handler({})["error"].startswith("The request could not be answered (KeyError)")
    assert "Traceback" in caplog.text
