"""The demo: what stands behind its tabs, and its page in a browser at the widths of a desk and of a phone."""

import html
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from tests.malformed import NOT_STRINGS, hostile_string

pytest.importorskip("faiss", reason="the demo searches with faiss")
pytest.importorskip("matplotlib", reason="the demo draws with matplotlib")

from modeling_finemoltex import FineMolTexForPreTraining, FineMolTexForPropertyPrediction, MoleculeTextEncoder

SPACE = Path(__file__).resolve().parents[2] / "hub_cards" / "space"
ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
CHROMIUM, DRIVER = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
QUIET = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory, config, change_config, processor, molecules) -> dict[str, str]:
    """What the demo is started with: a model, a model of two properties, and a library."""
    folder = tmp_path_factory.mktemp("space")
    torch.manual_seed(0)
    labels = {"id2label": {0: "toxic", 1: "soluble"}, "label2id": {"toxic": 0, "soluble": 1}}
    properties = change_config(**labels, problem_type="multi_label_classification")
    for name, model in (
        ("model", FineMolTexForPreTraining(config)),
        ("property_model", FineMolTexForPropertyPrediction(properties)),
    ):
        model.save_pretrained(folder / name)
        processor.save_pretrained(folder / name)
    rows = [f"{text},{smiles}" for smiles, text in molecules.items()]
    (folder / "library.csv").write_text("\n".join(["name,smiles", *rows]), encoding="utf-8")
    return {"model": str(folder / "model"), "property_model": str(folder / "property_model")} | {
        "library": str(folder / "library.csv")
    }


@pytest.fixture(scope="module")
def module():
    """The file of the functions, found as `app.py` beside it finds it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SPACE))
        import answers

        yield answers
        sys.modules.pop("answers")


@pytest.fixture(scope="module")
def answers(module, folders):
    library = module.read_library(folders["library"])
    return module.Answers.load(folders["model"], library, folders["property_model"], folders["model"])


def page_of(answer: str) -> str:
    """The page inside the frame."""
    (inside,) = re.findall(r'srcdoc="([^"]*)"', answer)
    return html.unescape(inside)


def test_search_draws_the_molecules_and_lists_the_sentences_in_order(answers, module, molecules):
    page = page_of(answers.find_molecules("a small alcohol"))
    assert page.count("<svg") == module.NUM_HITS and any(text in page for text in molecules.values())
    page = page_of(answers.find_sentences(ASPIRIN))
    scores = [float(score) for score in re.findall(r'title="cosine">(-?[\d.]+)<', page)]
    assert len(scores) == module.NUM_HITS and scores == sorted(scores, reverse=True)
    assert page.count("<svg") == 1 and page.count("<div>The molecule is ") == module.NUM_HITS


def test_edits_are_drawn_beside_the_source(answers, module):
    answer = answers.edit(ASPIRIN, "The molecule is a small alcohol.", "The molecule is a macrocycle.")
    page = page_of(answer)
    tables = html.unescape(answer[answer.index('<div class="reasons">') :])
    assert "What changed" in tables and " → " in tables and "Rejected by" in tables and "<td>reactive</td>" in tables
    assert "seen" in tables and "times in" in tables
    assert 1 < page.count("<svg") <= 1 + module.NUM_EDITS
    assert "similarity" in page and "Green: new atoms" in page


def test_a_prompt_that_says_nothing_is_answered_with_that(answers):
    page = html.unescape(page_of(answers.edit(ASPIRIN, "asdf qwerty")))
    assert "the model knows no word of 'asdf qwerty'" in page


def test_classes_add_up_and_come_best_first(answers):
    found = answers.classify(ASPIRIN, "an ester\n\n a gas \na ring\nan ester")
    values = [float(value) for value in re.findall(r'value="([\d.]+)"', found)]
    assert len(values) == 3 and sum(values) == pytest.approx(1, abs=1e-3) and values == sorted(values, reverse=True)


def test_predictions_come_with_the_motifs_and_atoms_that_carry_them(answers):
    page = page_of(answers.predict(ASPIRIN, "soluble"))
    assert "toxic" in page and page.count("%</span>") == 2 and page.count("<svg") == 2
    assert "raise soluble" in page
    with pytest.raises(ValueError, match="no output 'sweet'"):
        answers.predict(ASPIRIN, "sweet")


def test_explanation_colours_molecule_and_words(answers):
    picture, matrix = answers.explain(ASPIRIN, "aspirin an ester and an acid")
    page = page_of(picture)
    assert page.count("<mark") == 6 and page.count("<svg") == 5 and "acid</text>" not in page
    assert matrix.count("<svg") == 1


def test_drawing_follows_the_field_and_says_what_is_wrong(answers):
    assert "<svg" in answers.draw(f" {ASPIRIN} ")
    assert "This is no SMILES of a molecule: C1CC(&lt;b&gt;" in answers.draw("C1CC(<b>")


@pytest.mark.parametrize(
    ("smiles", "text", "message"),
    [
        (" ", "an ester", "Draw a molecule or paste its SMILES first"),
        ("C1CC", "an ester", "This is no SMILES of a molecule: C1CC"),
        ("C" * 151, "an ester", "has 151 atoms; at most 150"),
        ("C" * 1001, "an ester", "has 1,001 characters"),
        ("CCO", " 12 ", "Write a sentence about the molecule first"),
        ("CCO", "acid " * 300, "The sentence has 1,500 characters"),
        ("[Na+].[Cl-]", "an ester", "2 components"),
    ],
)
def test_what_cannot_be_answered_says_why(answers, smiles, text, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        answers.edit(smiles, text)


def test_classes_must_be_a_few(answers):
    with pytest.raises(ValueError, match="2 to 20 classes, one a line: got 1"):
        answers.classify(ASPIRIN, "an ester\n")


def test_shipped_library_can_be_read_and_others_are_checked(module, tmp_path):
    library = module.read_library()
    assert len(set(library.smiles)) == len(set(library.names)) == len(library.smiles) > 500
    assert len(set(library.sentences)) == len(library.sentences) > 100
    file = tmp_path / "library.csv"
    for content, message in (
        ("name\nethanol", "has no column 'smiles'"),
        ("name,smiles\nethanol,CCO\nring,C1CC", "line 3: 'C1CC' is no SMILES"),
        ("name,smiles\n" + "ethanol,CCO\n" * 5001, "has more than 5,000 molecules"),
    ):
        file.write_text(content, encoding="utf-8")
        with pytest.raises(ValueError, match=message):
            module.read_library(file)


@pytest.mark.slow
def test_page_is_laid_out_with_and_without_a_property_model(module, answers, folders):
    pytest.importorskip("gradio", reason="the page is laid out by gradio")
    import app

    def fields(one):
        return {block.elem_id for block in app.build_app(one).blocks.values()}

    bare = module.Answers(answers.encoder, module.read_library(folders["library"]))
    assert fields(answers) - fields(bare) == {"output", "predict", "predictions"}
    with pytest.raises(ValueError, match="--property_model"):
        bare.predict(ASPIRIN, "toxic")


@contextmanager
def served(app: Path, words: list[str], log: Path) -> Iterator[str]:
    """The address of the demo, started as from a shell."""
    pytest.importorskip("gradio", reason="the demo needs gradio")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": str(SPACE.parents[1])}
    with log.open("w") as file:
        command = [sys.executable, str(app), *words, "--port", str(port)]
        process = subprocess.Popen(command, env=environment, stdout=file, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 600  # an idle core needs a twentieth of that; a crowded one is no failure
        while time.monotonic() < deadline and process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.5)
        else:
            pytest.fail(f"The demo does not answer: {log.read_text()[-2000:]}")
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(30)
    assert "Traceback" not in log.read_text()


@pytest.fixture(scope="module")
def address(folders, tmp_path_factory):
    words = [word for name, value in folders.items() for word in (f"--{name}", value)]
    with served(SPACE / "app.py", words, tmp_path_factory.mktemp("space-log") / "log") as address:
        yield address


@pytest.mark.slow
def test_alone_it_takes_the_shipped_model(folders, tmp_path):
    """As it lies in an installed package, or on a machine of the Hub: no other folder of a model beside it."""
    shutil.copytree(SPACE, tmp_path / "space")
    with served(tmp_path / "space" / "app.py", ["--library", folders["library"]], tmp_path / "log") as address:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy of this machine
        page = opener.open(address).read().decode()
    assert "a purine alkaloid" in page and "aspirin" in page


class Page:
    """The demo in a browser."""

    def __init__(self, driver, address: str, width: int) -> None:
        self.driver = driver
        size = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        driver.get(address)
        self.wait(lambda: self.drawings("found"))

    def wait(self, condition):
        """Wait until a condition holds; what it gives."""
        from selenium.common.exceptions import StaleElementReferenceException
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.driver, 60, ignored_exceptions=[StaleElementReferenceException]).until(
            lambda _: condition()
        )

    def find(self, selector: str):
        return self.wait(lambda: self.driver.find_element("css selector", selector))

    def press(self, selector: str) -> None:
        element = self.find(selector)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        self.wait(element.is_displayed)
        element.click()

    def stroke(self, selector: str) -> None:
        """Click into a drawing field beside its molecule: a bond of two carbons."""
        from selenium.webdriver.common.action_chains import ActionChains

        element = self.find(selector)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        ActionChains(self.driver).move_to_element_with_offset(element, 110, 120).click().perform()

    def open(self, tab: str) -> None:
        (button,) = (one for one in self.driver.find_elements("css selector", "[role=tab]") if one.text == tab)
        button.click()

    def write(self, field: str, text: str) -> None:
        element = self.find(f"#{field} textarea, #{field} input")
        element.clear()
        element.send_keys(text)

    def value(self, field: str) -> str:
        return self.find(f"#{field} textarea, #{field} input").get_attribute("value")

    def text(self, place: str) -> str:
        """What stands in the frame of a place."""
        script = "return document.querySelector(arguments[0] + ' iframe')?.contentDocument?.body?.innerText || ''"
        return self.driver.execute_script(script, f"#{place}")

    def drawings(self, place: str) -> list[float]:
        """Widths of the drawings in the frame of a place, as they appear."""
        script = """
            const frame = document.querySelector(arguments[0] + ' iframe');
            const drawings = frame?.contentDocument?.querySelectorAll('svg') || [];
            return [...drawings].map(one => one.getBoundingClientRect().width);"""
        return self.driver.execute_script(script, f"#{place}")

    def check_width(self) -> None:
        """Nothing sticks out at the side, and frames are as high as what they hold."""
        measures = self.driver.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
        assert measures[0] <= measures[1], f"the page is {measures[0]} pixels wide, the window {measures[1]}"
        script = """
            return [...document.querySelectorAll('iframe.page')].filter(one => one.offsetParent).map(one => {
              const inside = one.contentDocument.documentElement;
              return [inside.scrollWidth - one.clientWidth, inside.scrollHeight - one.clientHeight];
            })"""
        assert self.wait(lambda: all(max(rest) <= 1 for rest in self.driver.execute_script(script)))


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium drives the browser")
    if not (CHROMIUM and DRIVER):
        pytest.skip("needs Chromium and its driver: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for word in (*QUIET, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(word)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
def test_visitor_searches_edits_predicts_and_explains(driver, address, width):
    page = Page(driver, address, width)
    page.write("search-text", "an ester and an acid")
    page.press("#find-molecules")
    page.wait(lambda: page.text("found").startswith("an ester and an acid"))
    assert len(page.drawings("found")) == 8 and min(page.drawings("found")) > 100
    page.check_width()
    page.write("smiles", "CC(=O)Nc1ccc(O)cc1")
    page.wait(lambda: page.find("#drawing svg").is_displayed())
    page.press("#find-sentences")
    page.wait(lambda: page.text("found").startswith("CC(=O)Nc1ccc(O)cc1"))

    page.open("Edit")
    page.write("prompt", "The molecule is a small alcohol.")
    page.press("#change")
    page.wait(lambda: page.text("edits").startswith("The molecule is a small alcohol."))
    assert len(page.drawings("edits")) > 1 and min(page.drawings("edits")) > 100
    page.check_width()

    page.open("Predict")
    page.press("#classify")
    page.wait(lambda: "CC(=O)Nc1ccc(O)cc1" in page.find("#classes").text)
    page.press("#predict")
    page.wait(lambda: page.text("predictions").startswith("CC(=O)Nc1ccc(O)cc1"))
    assert len(page.drawings("predictions")) == 2
    page.check_width()

    page.open("Explain")
    page.write("said", "a small ring with an alcohol")
    page.press("#explain")
    page.wait(lambda: "small" in page.text("explanation") and "CC(=O)Nc1ccc(O)cc1" in page.text("explanation"))
    assert len(page.drawings("explanation")) > 1
    page.press("#matrix-box > button")
    page.wait(lambda: page.find("#matrix svg").is_displayed())
    page.check_width()


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
def test_visitor_draws_and_mistypes(driver, address, width):
    page = Page(driver, address, width)
    page.press("#draw > button")
    page.wait(lambda: driver.find_elements("css selector", "#editor [data-openchemlib-canvas-editor]"))
    before = page.value("smiles")
    page.stroke("#editor .editor")
    page.wait(lambda: page.value("smiles") != before)
    page.wait(lambda: page.find("#drawing svg").is_displayed())
    page.check_width()
    page.write("smiles", "C1CC(=O")
    page.press("#find-sentences")
    refusal = page.find("#found .refusal")
    assert "This is no SMILES of a molecule: C1CC(=O" in refusal.text and "Traceback" not in driver.page_source
    page.check_width()


@pytest.mark.slow
def test_page_fetches_nothing_from_elsewhere(driver, address):
    page = Page(driver, address, 1280)
    loaded = driver.execute_script("return performance.getEntriesByType('resource').map(one => one.name)")
    assert loaded and all(one.startswith((address, "blob:", "data:")) for one in loaded)
    assert page.value("smiles") == ASPIRIN


def test_edits_are_guided_by_the_editing_model(module, answers, folders, monkeypatch):
    other = MoleculeTextEncoder.from_pretrained(folders["model"])
    asked = []
    encode = other.encode_texts
    monkeypatch.setattr(other, "encode_texts", lambda texts: asked.append(texts) or encode(texts))
    library = module.read_library(folders["library"])
    both = module.Answers(answers.encoder, library, editing_encoder=other)
    assert both.edit("Cc1ccc(O)cc1", "It is an acid.") == answers.edit("Cc1ccc(O)cc1", "It is an acid.")
    assert asked
    asked.clear()
    assert both.find_molecules("an acid") == answers.find_molecules("an acid") and not asked


def ask_malformed(answers, seed, count):
    """Every tab answers with HTML or with a sentence, at once."""
    source, refused = random.Random(seed), 0
    tabs = {"draw": 1, "find_molecules": 1, "find_sentences": 1, "classify": 2, "predict": 2, "explain": 2, "edit": 3}
    for _ in range(count):
        name = source.choice(list(tabs))
        given = [
            source.choice((ASPIRIN, source.choice(NOT_STRINGS), hostile_string(source), hostile_string(source)))
            for _ in range(tabs[name])
        ]
        start = time.thread_time()  # whatever else the machine does
        try:
            getattr(answers, name)(*given)
        except ValueError as error:
            refused += 1
            assert str(error) and len(str(error)) < 1_000
        assert time.thread_time() - start < 5, f"{name} {given!r:.200}"
    return refused


def test_malformed_requests_get_a_sentence(answers):
    assert ask_malformed(answers, 0, 40) > 10
    assert "<svg" in answers.draw(ASPIRIN)


@pytest.mark.slow
def test_three_hundred_malformed_requests(answers):
    assert ask_malformed(answers, 1, 300) > 100
    assert "<svg" in answers.draw(ASPIRIN)


def test_a_library_that_is_too_large_is_not_read(module, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_LIBRARY_BYTES", 100)
    (tmp_path / "library.csv").write_text("name,smiles\n" + "a,C\n" * 50)
    with pytest.raises(ValueError, match="library.csv has more than 100 bytes"):
        module.read_library(tmp_path / "library.csv")
