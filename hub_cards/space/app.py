"""Try a finemoltex model in a browser: draw or paste a molecule, search, edit, predict, and see why.

    python hub_cards/space/app.py [--model FOLDER] [--editing_model FOLDER] [--property_model FOLDER]
        [--library FILE.csv] [--port N]

Needs: `pip install -e ".[space]"`. Takes: some seconds on one CPU core to start, and some for each answer.
"""

import argparse
import os
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr  # noqa: E402
from answers import LIBRARY, Answers, read_library  # noqa: E402

from modeling_finemoltex import default_model  # noqa: E402

HERE = Path(__file__).resolve().parent
EDITOR = HERE / "openchemlib-9.25.0.js.gz"

MOLECULES = {
    "aspirin": "CC(=O)Oc1ccccc1C(=O)O",
    "caffeine": "Cn1c(=O)c2c(ncn2C)n(C)c1=O",
    "ibuprofen": "CC(C)Cc1ccc(C(C)C(=O)O)cc1",
    "sulfanilamide": "Nc1ccc(S(N)(=O)=O)cc1",
    "estradiol": "C[C@]12CC[C@@H]3c4ccc(O)cc4CC[C@H]3[C@@H]1CC[C@@H]2O",
    "chlorpromazine": "CN(C)CCCN1c2ccccc2Sc2ccc(Cl)cc21",
}
TEXTS = [
    "The molecule is a trimethylxanthine, a purine alkaloid.",
    "The molecule is a long-chain saturated fatty acid.",
    "The molecule is a steroid with a ketone.",
    "The molecule is a sulfonamide with an amino group on the benzene ring.",
    "The molecule is a chlorinated phenothiazine.",
]
EDITS = {
    "more soluble": ("The molecule is soluble in water.", "The molecule is insoluble in water."),
    "less soluble": ("The molecule is insoluble in water.", "The molecule is soluble in water."),
    "more donors": ("The molecule has more hydrogen bond donors.", "The molecule has fewer hydrogen bond donors."),
    "a sulfonamide": ("The molecule is a sulfonamide.", ""),
    "a fluorine": ("The molecule is an organofluorine compound.", ""),
}
LABELS = "a benzoate ester\na steroid\na purine alkaloid\na sulfonamide\na fatty acid"
PAIRS = {
    "aspirin": (
        MOLECULES["aspirin"],
        "The molecule is a benzoic acid with an acetate ester, an acetylsalicylic acid.",
    ),
    "sulfanilamide": (MOLECULES["sulfanilamide"], "A sulfonamide with an amino group on a benzene ring."),
    "chlorpromazine": (
        MOLECULES["chlorpromazine"],
        "The molecule is a phenothiazine with a chloro substituent and a dimethylamino group on a propyl chain.",
    ),
}

# Fonts of the system alone: nothing is fetched from elsewhere.
THEME = gr.themes.Soft(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
CSS = """
.gradio-container { max-width: 75rem !important; margin-inline: auto !important; }
.gradio-container .main { padding: 1rem clamp(.75rem, 3vw, 2rem) !important; }
.html-container { padding: 0 !important; }
.molecule { display: grid; place-items: center; min-height: 12rem; padding: .5rem; border-radius: .5rem;
  background: #fff; text-align: center; overflow-wrap: anywhere; }
.molecule * { margin: 0 !important; color: #1c2430 !important; }
.molecule svg { width: 100%; height: auto; max-height: 16rem; }
.refusal { margin: 0; padding: .75rem; border-radius: .5rem; background: #fdecea; color: #7a1c12 !important;
  overflow-wrap: anywhere; }
.classes { margin: 0 !important; padding: .75rem; border-radius: .5rem; background: var(--block-background-fill); }
.classes li { display: grid; grid-template-columns: 1fr auto; margin: .25rem 0; overflow-wrap: anywhere; }
.classes meter { grid-column: 1 / -1; width: 100%; }
iframe.page { display: block; width: 100%; min-height: 8rem; border: 0; border-radius: .5rem; }
.wide { overflow-x: auto; contain: inline-size; border-radius: .5rem; background: #fff; }
.wide svg { display: block; max-width: none; }
.reasons { overflow-x: auto; contain: inline-size; margin-top: .5rem; }
.reasons table { width: 100%; margin-bottom: .75rem; border-collapse: collapse; font-size: .85rem; }
.reasons :is(th, td) { padding: .25rem .5rem; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
.editor { contain: strict; height: 24rem; background: #fff; border-radius: .5rem; overflow: hidden; }
"""


def build_app(answers: Answers) -> gr.Blocks:
    """Lay out the page: one molecule above, and what can be asked about it below."""
    with gr.Blocks(title="finemoltex", analytics_enabled=False) as app:
        gr.Markdown(
            "# finemoltex\nMolecules and texts in one space. Draw or paste a molecule, then search, edit, predict, "
            "and see which words go with which motifs."
        )
        smiles = _add_molecule(answers)
        with gr.Tabs():
            with gr.Tab("Search"):
                _add_search(answers, smiles)
            with gr.Tab("Edit"):
                _add_edit(answers, smiles)
            with gr.Tab("Predict"):
                _add_predict(answers, smiles)
            with gr.Tab("Explain"):
                _add_explain(answers, smiles)
    return app


def _add_molecule(answers: Answers) -> gr.Textbox:
    """Add the molecule that every tab asks about: its SMILES, its drawing and a field to draw it in."""
    first = MOLECULES["aspirin"]
    with gr.Row():
        with gr.Column():
            smiles = gr.Textbox(first, label="Molecule (SMILES)", lines=1, max_lines=3, elem_id="smiles")
            gr.Examples(
                [[one] for one in MOLECULES.values()], smiles, example_labels=list(MOLECULES), label="Examples"
            )
        with gr.Column():
            drawing = gr.HTML(answers.draw(first), elem_id="drawing")
    with gr.Accordion("Draw a molecule", open=False, elem_id="draw"):
        editor = gr.HTML(
            first,
            html_template='<div class="editor"></div>',
            js_on_load=(HERE / "editor.js").read_text(encoding="utf-8"),
            library=f"gradio_api/file={EDITOR.as_posix()}",
            elem_id="editor",
        )
    smiles.change(answers.draw, smiles, drawing, trigger_mode="always_last", show_progress="hidden", queue=False)
    # In the browser alone; the editor knows its own strokes again, so that the two do not chase each other.
    smiles.change(None, smiles, editor, js="smiles => smiles")
    editor.change(None, editor, smiles, js="smiles => smiles")
    return smiles


def _add_search(answers: Answers, smiles: gr.Textbox) -> None:
    text = gr.Textbox(TEXTS[0], label="A sentence finds molecules", lines=2, max_lines=4, elem_id="search-text")
    gr.Examples([[one] for one in TEXTS], text, label="Examples")
    with gr.Row():
        find = gr.Button("Find molecules", variant="primary", min_width=240, elem_id="find-molecules")
        describe = gr.Button("Find sentences for the molecule above", min_width=240, elem_id="find-sentences")
    found = gr.HTML(answers.find_molecules(TEXTS[0]), elem_id="found")
    _answer([find.click, text.submit], answers.find_molecules, text, found)
    _answer([describe.click], answers.find_sentences, smiles, found)


def _add_edit(answers: Answers, smiles: gr.Textbox) -> None:
    prompt, opposite = next(iter(EDITS.values()))
    wanted = gr.Textbox(prompt, label="What the molecule is to become", elem_id="prompt")
    against = gr.Textbox(opposite, label="What not (optional; sharpens the sentence)", elem_id="opposite")
    gr.Examples([list(one) for one in EDITS.values()], [wanted, against], example_labels=list(EDITS), label="Examples")
    change = gr.Button("Edit the molecule above", variant="primary", elem_id="change")
    edits = gr.HTML(answers.edit(MOLECULES["aspirin"], prompt, opposite), elem_id="edits")
    _answer([change.click, wanted.submit, against.submit], answers.edit, [smiles, wanted, against], edits)


def _add_predict(answers: Answers, smiles: gr.Textbox) -> None:
    labels = gr.Textbox(LABELS, label="Classes in words, one a line: The molecule is …", lines=5, elem_id="labels")
    classify = gr.Button("Classify the molecule above", variant="primary", elem_id="classify")
    classes = gr.HTML(answers.classify(MOLECULES["aspirin"], LABELS), elem_id="classes")
    _answer([classify.click], answers.classify, [smiles, labels], classes)
    if answers.predictor is None:
        gr.Markdown("With `--property_model FOLDER`, a model fine-tuned on measured properties predicts them here.")
        return
    columns = answers.predictor.columns
    output = gr.Dropdown(columns, value=columns[0], label="Property that the motifs explain", elem_id="output")
    predict = gr.Button("Predict properties of the molecule above", variant="primary", elem_id="predict")
    predictions = gr.HTML(answers.predict(MOLECULES["aspirin"], columns[0]), elem_id="predictions")
    _answer([predict.click, output.input], answers.predict, [smiles, output], predictions)


def _add_explain(answers: Answers, smiles: gr.Textbox) -> None:
    text = gr.Textbox(PAIRS["aspirin"][1], label="What is said of the molecule", lines=2, elem_id="said")
    gr.Examples([list(one) for one in PAIRS.values()], [smiles, text], example_labels=list(PAIRS), label="Examples")
    explain = gr.Button("Show which words go with which motifs", variant="primary", elem_id="explain")
    page, drawn = answers.explain(*PAIRS["aspirin"])
    picture = gr.HTML(page, elem_id="explanation")
    with gr.Accordion("All motifs and words", open=False, elem_id="matrix-box"):
        matrix = gr.HTML(drawn, elem_id="matrix")
    _answer([explain.click, text.submit], answers.explain, [smiles, text], [picture, matrix])


def _answer(triggers: list[Any], function: Callable[..., Any], inputs: Any, outputs: Any) -> None:
    """Let the triggers ask a question; the model answers one at a time, and says what it cannot answer."""

    def answer(*values: Any) -> Any:
        try:
            return function(*values)
        except ValueError as error:
            # In the place of the answer: an older one must not pass for this one.
            refusal = f'<p class="refusal" role="alert">{escape(str(error))}</p>'
            return (refusal, *[""] * (len(outputs) - 1)) if isinstance(outputs, list) else refusal

    gr.on(triggers, answer, inputs, outputs, concurrency_limit=1, concurrency_id="model", api_name=False)


def main() -> None:
    """Load the models, and serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="folder or Hub id of a base or retrieval model; by default the shipped one")
    parser.add_argument("--editing_model", help="the same for edits; by default --model")
    parser.add_argument("--property_model", help="folder of a fine-tuned property prediction model")
    parser.add_argument("--library", dest="molecules", default=LIBRARY, help="csv file to search: name, smiles")
    parser.add_argument("--port", type=int, help="of this machine; by default 7860 or the next that is free")
    arguments = parser.parse_args()
    try:
        model = arguments.model or default_model()
        library = read_library(arguments.molecules)
        answers = Answers.load(model, library, arguments.property_model, arguments.editing_model)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    build_app(answers).launch(
        server_port=arguments.port,
        allowed_paths=[str(EDITOR)],
        theme=THEME,
        css=CSS,
        ssr_mode=False,
        footer_links=[],
    )


if __name__ == "__main__":
    main()
