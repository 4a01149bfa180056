"""What stands behind the tabs of the demo: molecules and sentences in, drawn pages out; nothing here knows Gradio."""

import io
import itertools
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from transformers import pipeline

from modeling_finemoltex import MoleculeTextEncoder, MoleculeTextIndex, MotifWordAligner, SearchEditor, SearchSettings
from modeling_finemoltex.data import MoleculeFile, try_parse
from modeling_finemoltex.drawing import Card, Section, draw_molecule, render_page
from modeling_finemoltex.editing import CremMutations, Edits, render_edits_page
from modeling_finemoltex.editing.edit_words import describe_alerts, describe_rules, explain_rejections
from modeling_finemoltex.explain import draw_alignment_matrix, render_alignment_page
from modeling_finemoltex.property_prediction import (
    PropertyPredictor,
    attribute_atoms,
    attribute_motifs,
    draw_atoms,
    draw_attribution,
)
from modeling_finemoltex.retrieval import render_hits_page

HERE = Path(__file__).resolve().parent
LIBRARY, SENTENCES = HERE / "library.csv", HERE / "sentences.txt"

# Limits of one request: what a shared CPU answers in seconds.
MAX_SMILES_CHARACTERS = 1_000
MAX_TEXT_CHARACTERS = 1_000
MAX_ATOMS = 150
MAX_LIBRARY_BYTES = 10_000_000
MAX_LIBRARY = 5_000  # molecules that are embedded at the start, some 500 a second
MAX_LABELS = 20
NUM_HITS, NUM_EDITS = 8, 6
EDIT_SETTINGS = SearchSettings(num_candidates=150, num_generations=2, judge_all=True)  # what is rejected is shown

# The pages bring styles of their own, which a frame keeps from the rest; it is as high as what it holds.
FIT = (
    "new ResizeObserver(()=>{this.style.height=this.contentDocument.documentElement.offsetHeight+'px'})"
    ".observe(this.contentDocument.documentElement)"
)


class Library(NamedTuple):
    """What is searched."""

    names: list[str]
    smiles: list[str]
    sentences: list[str]


def read_library(file: str | Path = LIBRARY) -> Library:
    """Read the molecules to be searched, and the sentences that are searched with a molecule.

    Args:
        file (`str` or `Path`): A table with the columns `name` and `smiles`.

    Raises:
        ValueError: If a column is missing, there are no rows or too many, or a SMILES cannot be parsed.
    """
    if Path(file).stat().st_size > MAX_LIBRARY_BYTES:
        raise ValueError(f"{file} has more than {MAX_LIBRARY_BYTES:,} bytes. Give a smaller library.")
    rows = list(itertools.islice(MoleculeFile(file, "smiles", id_column="name"), MAX_LIBRARY + 1))
    if len(rows) > MAX_LIBRARY:
        raise ValueError(f"{file} has more than {MAX_LIBRARY:,} molecules, which the demo embeds at its start.")
    for row in rows:
        if row.problem is not None or try_parse(row.value) is None:
            raise ValueError(f"{file}, line {row.line}: {row.problem or f'{row.value!r:.80} is no SMILES'}.")
    sentences = SENTENCES.read_text(encoding="utf-8").splitlines()
    return Library([row.id for row in rows], [row.value for row in rows], sentences)


class Answers:
    """Answers of one model, each as HTML; what cannot be answered is a `ValueError` that says what to do instead.

    Args:
        encoder (`MoleculeTextEncoder`): The model and its processor.
        library (`Library`): Embedded here.
        predictor (`PropertyPredictor`, *optional*): Of a fine-tuned model.
        editing_encoder (`MoleculeTextEncoder`, *optional*): Guides edits; `encoder`, if absent.
    """

    def __init__(
        self,
        encoder: MoleculeTextEncoder,
        library: Library,
        predictor: PropertyPredictor | None = None,
        editing_encoder: MoleculeTextEncoder | None = None,
    ) -> None:
        self.encoder, self.processor, self.predictor = encoder, encoder.processor, predictor
        self.editing_encoder = editing_encoder or encoder
        self.molecules = MoleculeTextIndex.build(encoder, smiles=library.smiles, ids=library.names)
        self.sentences = MoleculeTextIndex.build(encoder, texts=library.sentences)
        self.aligner = MotifWordAligner(encoder)
        self.mutations = CremMutations()  # shared: what it looked up serves the next request too
        self.classifier = pipeline(
            "finemoltex-zero-shot-classification", model=encoder.model, processor=self.processor, device="cpu"
        )

    @classmethod
    def load(
        cls, model: str, library: Library, property_model: str | None = None, editing_model: str | None = None
    ) -> "Answers":
        """Load the models from folders or the Hub, onto the CPU."""
        predictor = None if property_model is None else PropertyPredictor.from_pretrained(property_model, "cpu")
        encoder = MoleculeTextEncoder.from_pretrained(model, device="cpu")
        if editing_model in (None, model):
            return cls(encoder, library, predictor)
        return cls(encoder, library, predictor, MoleculeTextEncoder.from_pretrained(editing_model, device="cpu"))

    def draw(self, smiles: str) -> str:
        """Draw a molecule while it is typed, or say why not."""
        try:
            return f'<div class="molecule">{draw_molecule(read_molecule(smiles))}</div>'
        except ValueError as error:
            return f'<div class="molecule"><p>{escape(str(error))}</p></div>'

    def find_molecules(self, text: str) -> str:
        """Search the library with a sentence."""
        text = read_text(text)
        hits = self.molecules.search(texts=text, k=min(NUM_HITS, len(self.molecules)))
        summary = f"The best of {len(self.molecules):,} molecules, with the cosine of sentence and molecule."
        return frame(render_hits_page([text], hits, summary), "Molecules found")

    def find_sentences(self, smiles: str) -> str:
        """Search the sentences with a molecule."""
        smiles = read_molecule(smiles)
        (hits,) = self.sentences.search(smiles=smiles, k=min(NUM_HITS, len(self.sentences)))
        summary = f"The best of {len(self.sentences):,} sentences, with the cosine of sentence and molecule."
        cards = [Card(f"{hit.rank}.", f"{hit.score:.3f}", text=hit.text or "") for hit in hits]
        page = render_page([Section(smiles, cards, summary, draw_molecule(smiles))], "cosine", "No hits.")
        return frame(page, "Sentences found")

    def edit(self, smiles: str, prompt: str, opposite: str = "") -> str:
        """Change a molecule as a sentence asks."""
        smiles, prompt = read_molecule(smiles), read_text(prompt)
        opposite = read_field(opposite, "The opposite", MAX_TEXT_CHARACTERS)
        against = read_text(opposite) if opposite.strip() else None
        # One for each request: its memory of molecules and prompts ends with it.
        editor = SearchEditor(self.editing_encoder, [self.mutations], settings=EDIT_SETTINGS)
        edits = editor.edit(smiles, prompt, against, NUM_EDITS)
        summary = (
            "Green: new atoms; orange: atoms that lost a neighbour. Each card: how much nearer to the sentence, by "
            "how much properties change, what was exchanged, and which alerts it has. The tables below say how often "
            "each exchange was seen among real compounds, and what was rejected."
        )
        if len(edits) < NUM_EDITS:
            summary = f"{edits.report.explain(len(edits), NUM_EDITS)} {summary if edits else ''}"
        return frame(render_edits_page(prompt, smiles, list(edits), summary), "Edits") + lay_out_reasons(edits)

    def classify(self, smiles: str, labels: str) -> str:
        """Choose among classes in words, one a line."""
        smiles = read_molecule(smiles)
        labels = read_field(labels, "The list of classes", MAX_LABELS * MAX_TEXT_CHARACTERS)
        names = list(dict.fromkeys(line.strip() for line in labels.splitlines() if line.strip()))
        if not 2 <= len(names) <= MAX_LABELS:
            raise ValueError(f"Write 2 to {MAX_LABELS} classes, one a line: got {len(names)}.")
        found = self.classifier(smiles, candidate_labels=[read_text(name) for name in names])
        rows = [
            f'<li>{escape(one["label"])}<span>{one["score"]:.1%}</span><meter value="{one["score"]:.4f}"></meter></li>'
            for one in found
        ]
        return f'<ol class="classes"><li><b>{escape(smiles)}</b></li>{"".join(rows)}</ol>'

    def predict(self, smiles: str, output: str) -> str:
        """Predict properties, and show what each motif and each atom adds to one of them."""
        if self.predictor is None:
            raise ValueError("No model of properties is loaded: start the demo with --property_model FOLDER.")
        smiles, predictor = read_molecule(smiles), self.predictor
        output = read_field(output, "The property", MAX_TEXT_CHARACTERS)
        values = predictor.predict([smiles])[0]  # (K,)
        is_number = predictor.model.config.problem_type == "regression"
        cards = [
            Card(name, f"{value:.3g}" if is_number else f"{value:.0%}")
            for name, value in zip(predictor.columns, values.tolist(), strict=True)
        ]
        parts = (predictor.model, predictor.processor, smiles, output)
        drawings = [
            draw_attribution(predictor.processor, smiles, attribute_motifs(*parts)),
            draw_atoms(smiles, attribute_atoms(*parts)),
        ]
        picture = "".join(
            one[one.index("<svg") :].replace("<svg", "<svg style='max-width:30rem'", 1) for one in map(str, drawings)
        )
        unit = "value" if is_number else "logit"
        summary = (
            f"Red motifs raise {output}, blue ones lower it; the numbers are what each adds to its {unit}. The second "
            "drawing shows the same for each atom alone."
        )
        near = predictor.fingerprints and predictor.fingerprints.similarity(smiles)
        if near is not None:
            summary += f" The nearest training molecule has a Tanimoto similarity of {near:.2f}."
        section = Section(smiles, cards, summary, picture)
        return frame(render_page([section], "prediction", "No predictions."), "Predictions")

    def explain(self, smiles: str, text: str) -> tuple[str, str]:
        """Show which words go with which motifs: the coloured pair, and the matrix of all motifs and words."""
        (alignment,) = self.aligner.align([read_molecule(smiles)], [read_text(text)])
        matrix = io.StringIO()
        draw_alignment_matrix(alignment).savefig(matrix, format="svg")
        drawing = matrix.getvalue()
        page = render_alignment_page(alignment, self.processor)
        return frame(page, "Motifs and words"), f'<div class="wide">{drawing[drawing.index("<svg") :]}</div>'


def lay_out_reasons(edits: Edits) -> str:
    """Lay out what changed in each edit and why it is believed, and what was rejected, as two tables."""
    changed = [
        (f"{rank}.", describe_rules(one.rules), f"{one.source_score:.2f} → {one.score:.2f}", describe_alerts(one))
        for rank, one in enumerate(edits, start=1)
    ]
    tables = [
        _lay_out_table(("Edit", "What changed, how often it was seen", "Nearer to the sentence", "Alerts"), changed),
        _lay_out_table(("Rejected by", "Analogues", "Such as", "Which"), explain_rejections(edits.report)),
    ]
    return f'<div class="reasons">{"".join(tables)}</div>'


def _lay_out_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out cells; nothing without rows."""
    if not rows:
        return ""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def read_molecule(smiles: str) -> str:
    """Check a SMILES that somebody typed or drew.

    Raises:
        ValueError: If it is blank, no molecule, or too large.
    """
    smiles = read_field(smiles, "The SMILES", MAX_SMILES_CHARACTERS).strip()
    if not smiles:
        raise ValueError("Draw a molecule or paste its SMILES first, such as CC(=O)Oc1ccccc1C(=O)O.")
    molecule = try_parse(smiles)
    if molecule is None:
        raise ValueError(f"This is no SMILES of a molecule: {smiles[:60]}. Check its brackets, rings and valences.")
    if molecule.GetNumAtoms() > MAX_ATOMS:
        raise ValueError(f"The molecule has {molecule.GetNumAtoms()} atoms; at most {MAX_ATOMS} are taken.")
    return smiles


def read_text(text: str) -> str:
    """Check a sentence.

    Raises:
        ValueError: If it has no letters or is too long.
    """
    text = " ".join(read_field(text, "The sentence", MAX_TEXT_CHARACTERS).split())
    if not any(map(str.isalpha, text)):
        raise ValueError("Write a sentence about the molecule first, such as: The molecule is a purine alkaloid.")
    return text


def read_field(value: Any, name: str, most: int) -> str:
    """Take what somebody wrote into a field, or sent to it without the page.

    Raises:
        ValueError: If it is no text, too long, or not made of whole characters.
    """
    if not isinstance(value, str):
        raise ValueError(f"{name} must be text, got a {type(value).__name__}.")
    if len(value) > most:
        raise ValueError(f"{name} has {len(value):,} characters; at most {most:,} are taken.")
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ValueError(f"{name} holds half a character (a lone surrogate). Type it anew.")
    return value


def frame(page: str, title: str) -> str:
    """Put a page of its own into the page."""
    return f'<iframe class="page" title="{escape(title)}" srcdoc="{escape(page)}" onload="{FIT}"></iframe>'
