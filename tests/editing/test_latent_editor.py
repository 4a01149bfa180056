"""Editing in latent space: edits are molecules the text likes, and what cannot be edited is explained."""

import json

import pytest
import torch
from rdkit import Chem
from typer.testing import CliRunner

from modeling_finemoltex import EditConstraints, LatentOptimizationEditor, LatentSettings
from modeling_finemoltex.cli.main import app
from modeling_finemoltex.data.similarity import compute_similarities
from modeling_finemoltex.editing import PENALTY_GRIDS, EditingParts, Proposal, TextGuide, load_editing_folder

SOURCE = "Cc1ccc(O)cc1"
PROMPT = "This molecule is an alcohol."
ANSWER = "Cc1ccc(F)cc1"  # what the alignment of `parts` is set to


@pytest.fixture(scope="module")
def editor(parts):
    return LatentOptimizationEditor(parts)


@pytest.fixture(scope="module")
def published(parts):
    return LatentOptimizationEditor(parts, only_admissible=False)


def test_edits_are_what_the_moved_latents_decode_to(editor):
    (edit,) = editor.edit(SOURCE, PROMPT)
    source, molecule = Chem.MolFromSmiles(SOURCE), Chem.MolFromSmiles(ANSWER)
    assert edit.smiles == ANSWER and edit.similarity == compute_similarities(source, [molecule])[0]
    assert set(edit.property_changes) >= {"MolLogP", "TPSA"}
    guide = TextGuide(editor.encoder, PROMPT)
    start, best = editor.encoder.encode_molecules([SOURCE, ANSWER])
    assert edit.text_score == pytest.approx(guide.score((best - start)[None]).item(), abs=1e-5)


def test_candidates_are_described_best_first(editor, parts, arenes):
    source, guide = Chem.MolFromSmiles(SOURCE), TextGuide(editor.encoder, PROMPT)
    candidates = editor.constraints.admit(source, [Proposal(Chem.CanonSmiles(one)) for one in arenes])
    every = LatentOptimizationEditor(parts, only_nearer=False)
    scores = [edit.text_score for edit in every.describe(source, candidates, guide)]
    assert len(scores) > 5 and scores == sorted(scores, reverse=True) and len(set(scores)) > 1
    assert [edit.text_score for edit in editor.describe(source, candidates, guide)] == [x for x in scores if x > 0]
    guide.directions *= -1  # away from the prompt
    assert [edit.text_score for edit in editor.describe(source, candidates, guide)] == [
        -x for x in scores[::-1] if x < 0
    ]
    assert editor.describe(source, [], guide) == []


def test_the_prompt_counts_and_is_embedded_once(editor, monkeypatch):
    calls = []
    encode = editor.encoder.encode_texts
    monkeypatch.setattr(editor.encoder, "encode_texts", lambda texts: calls.append(texts) or encode(texts))
    editor.edit_many([SOURCE, "Nc1ccc(F)cc1"], PROMPT)
    assert len(calls) == 2  # the prompt, and what stands for its opposite
    tokens = [editor.coder.tokenize(SOURCE)]
    latents = editor.coder.encode(tokens)
    guides = [TextGuide(editor.encoder, prompt) for prompt in (PROMPT, "It is a gas.")]
    first, second = (editor.move(latents, [SOURCE], "", guide) for guide in guides)
    assert not torch.allclose(first, second, atol=1e-2)


def test_many_are_what_each_is_alone(editor, arenes):
    sources = [SOURCE, *arenes[:5]]
    alone = [editor.edit(source, PROMPT) for source in sources]
    together = editor.edit_many(sources, PROMPT)
    assert [[edit.smiles for edit in edits] for edits in together] == [
        [edit.smiles for edit in edits] for edits in alone
    ]


def test_a_large_penalty_gives_back_the_molecule(parts):
    held = LatentOptimizationEditor(parts, settings=LatentSettings([1e6]), only_admissible=False)
    assert [edit.smiles for edit in held.edit(SOURCE, PROMPT)] == [Chem.CanonSmiles(SOURCE)]
    assert LatentOptimizationEditor(parts, settings=LatentSettings([1e6])).edit(SOURCE, PROMPT) == []


def test_as_published_there_is_one_answer_for_each_penalty(published, parts):
    edits = published.edit(SOURCE, PROMPT)
    assert [edit.smiles for edit in edits] == [ANSWER] * len(PENALTY_GRIDS["finemoltex"]) and len(edits) == 5
    assert edits[0].text_score is not None and {edit.text_score for edit in edits[1:]} == {None}  # met before
    assert len(published.edit(SOURCE, PROMPT, num_edits=2)) == 2
    two = LatentOptimizationEditor(parts, settings=LatentSettings([1.0, 0.1], 10), only_admissible=False)
    assert len(two.edit(SOURCE, PROMPT, "This molecule is an alkane.")) == 2


def test_constraints_hold(parts):
    assert LatentOptimizationEditor(parts, EditConstraints(0.5)).edit(SOURCE, PROMPT) == []  # similar by 0.44
    assert len(LatentOptimizationEditor(parts, EditConstraints(0.4)).edit(SOURCE, PROMPT)) == 1


def test_refusals_are_explained(editor):
    for wrong, message in (
        ("C1CC", "'C1CC' is no molecule that can be edited"),
        ("CC(=O)[O-].[Na+]", "2 components, .* such as the largest"),
        ("[Fe+2]", "generator does not know all parts of"),
        ("c1ccc(O)cc1" + "C" * 60, "does not know all parts|tokens, and the generator reads at most"),
    ):
        with pytest.raises(ValueError, match=message):
            editor.edit(wrong, PROMPT)
    with pytest.raises(ValueError, match="The prompt is blank"):
        editor.edit(SOURCE, " ")
    with pytest.raises(ValueError, match="The prompt has no words, only '12 !'"):
        editor.edit(SOURCE, "12 !")
    with pytest.raises(ValueError, match="at least 1, got 0"):
        editor.edit(SOURCE, PROMPT, num_edits=0)


def test_a_generator_that_cannot_reconstruct_is_named(parts, encoder):
    torch.manual_seed(1)
    untrained = type(parts.model.generator)(parts.model.generator.config)
    ignorant = EditingParts(type(parts.model).from_parts(encoder.model, untrained), *parts[1:])
    editor = LatentOptimizationEditor(ignorant, settings=LatentSettings(num_steps=2))
    with pytest.raises(ValueError, match="cannot reconstruct 'Cc1ccc\\(O\\)cc1': unmoved, it becomes"):
        editor.edit(SOURCE, PROMPT)
    assert editor.edit_many([SOURCE, "[Fe+2]"], PROMPT) == [[], []]


def test_the_folder_edits_as_the_parts_do(editing_folder, editor):
    loaded = LatentOptimizationEditor.from_pretrained(str(editing_folder))
    assert loaded.edit(SOURCE, PROMPT) == editor.edit(SOURCE, PROMPT)


def test_a_folder_without_generator_is_refused(model_folder):
    with pytest.raises(ValueError, match="cannot be loaded for latent editing: Molecule editing needs a generator"):
        load_editing_folder(str(model_folder))


def test_the_command_line_edits_in_latent_space(editing_folder, model_folder):
    words = ["edit", SOURCE, PROMPT, "--model", str(editing_folder), "--editor", "latent", "--min_similarity", "0"]
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == 0, done.output
    assert [edit["smiles"] for edit in json.loads(done.stdout)["edits"]] == [ANSWER]
    wrong = CliRunner().invoke(app, ["edit", SOURCE, PROMPT, "--model", str(model_folder), "--editor", "genetic"])
    assert wrong.exit_code == 1 and "'genetic'" in wrong.stderr
