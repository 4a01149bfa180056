"""Editing in latent space: edits are molecules the text likes, and what cannot be edited is explained."""

import json

import pytest
import torch
from rdkit import Chem
from typer.testing import CliRunner

from modeling_finemoltex import EditConstraints, LatentOptimizationEditor, LatentSettings
from modeling_finemoltex.cli.main import app
from modeling_finemoltex.data.similarity import compute_similarities
from modeling_finemoltex.editing import PENALTY_GRIDS, EditingParts, LatentMoveEditor, TextGuide, load_editing_folder
from modeling_finemoltex.editing.latent_coder import LatentCoder

SOURCE = "Cc1ccc(O)cc1"
PROMPT = "This molecule is an alcohol."
ANYTHING = EditConstraints(0.0, max_sa_score=10.0)


@pytest.fixture(scope="module")
def editor(parts):
    return LatentOptimizationEditor(parts, ANYTHING, LatentSettings(learning_rate=1.0))


@pytest.fixture(scope="module")
def published(parts):
    return LatentOptimizationEditor(parts, settings=LatentSettings(num_steps=60), only_admissible=False)


def test_edits_are_distinct_molecules_best_first(editor):
    source, edits = Chem.MolFromSmiles(SOURCE), editor.edit(SOURCE, PROMPT)
    molecules = [Chem.MolFromSmiles(edit.smiles) for edit in edits]
    assert 1 <= len(edits) <= 5 and len({edit.smiles for edit in edits}) == len(edits)
    assert Chem.MolToSmiles(source) not in {edit.smiles for edit in edits}
    assert [edit.similarity for edit in edits] == compute_similarities(source, molecules)
    scores = [edit.text_score for edit in edits]
    assert scores == sorted(scores, reverse=True) and set(edits[0].property_changes) >= {"MolLogP", "TPSA"}
    guide = TextGuide(editor.encoder, PROMPT)
    start, best = editor.encoder.encode_molecules([SOURCE, edits[0].smiles])
    assert edits[0].text_score == pytest.approx(guide.score((best - start)[None]).item(), abs=1e-5)


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
    held = LatentOptimizationEditor(parts, ANYTHING, LatentSettings([1e6]), only_admissible=False)
    assert [edit.smiles for edit in held.edit(SOURCE, PROMPT)] == [Chem.CanonSmiles(SOURCE)]
    assert LatentOptimizationEditor(parts, ANYTHING, LatentSettings([1e6])).edit(SOURCE, PROMPT) == []


def test_as_published_there_is_one_answer_for_each_penalty(published, parts):
    assert len(published.edit(SOURCE, PROMPT)) == len(PENALTY_GRIDS["finemoltex"]) == 5
    assert len(published.edit(SOURCE, PROMPT, num_edits=2)) == 2
    two = LatentOptimizationEditor(parts, settings=LatentSettings([1.0, 0.1], 10), only_admissible=False)
    assert len(two.edit(SOURCE, PROMPT, "This molecule is an alkane.")) == 2


def test_constraints_hold(parts):
    strict = LatentOptimizationEditor(parts, EditConstraints(0.5, max_sa_score=10), LatentSettings(num_steps=60))
    assert all(edit.similarity >= 0.5 for edit in strict.edit(SOURCE, PROMPT))


@pytest.mark.parametrize("kind", ["random", "pca", "variance"])
def test_blind_moves_ignore_the_text_but_not_the_seed(parts, arenes, kind):
    blind = LatentMoveEditor(parts, kind, arenes, only_admissible=False)
    drawn = blind.edit(SOURCE, PROMPT)
    assert len(drawn) == 5 and all(edit.text_score is None for edit in drawn)
    assert [one.smiles for one in blind.edit_many([SOURCE], PROMPT)[0]] == [one.smiles for one in drawn]
    latents = blind.coder.encode([blind.coder.tokenize(SOURCE)])
    moves = [
        editor.move(latents, [SOURCE], PROMPT, None) - latents.states
        for editor in (blind, LatentMoveEditor(parts, kind, arenes, seed=1))
    ]
    lengths = moves[0][:, 0, 0].norm(dim=-1)  # (W,), of the first token
    torch.testing.assert_close(lengths / lengths[0], torch.tensor([1.0, 1.5, 2.0, 2.5, 3.0]))
    assert not torch.allclose(*moves)


def test_refusals_are_explained(editor, parts, arenes):
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
    with pytest.raises(ValueError, match="`kind` must be one of 'random', 'pca', 'variance': got 'genetic'"):
        LatentMoveEditor(parts, "genetic", arenes)
    with pytest.raises(ValueError, match="at least two molecules that the generator can write: got 1"):
        LatentMoveEditor(parts, "pca", [SOURCE, "[Fe+2]"])


def test_a_generator_that_cannot_reconstruct_is_named(parts, encoder):
    torch.manual_seed(1)
    untrained = type(parts.model.generator)(parts.model.generator.config)
    ignorant = EditingParts(type(parts.model).from_parts(encoder.model, untrained), *parts[1:])
    editor = LatentOptimizationEditor(ignorant, settings=LatentSettings(num_steps=2))
    with pytest.raises(ValueError, match="cannot reconstruct 'Cc1ccc\\(O\\)cc1': unmoved, it becomes"):
        editor.edit(SOURCE, PROMPT)
    assert editor.edit_many([SOURCE, "[Fe+2]"], PROMPT) == [[], []]


def test_the_folder_edits_as_the_parts_do(editing_folder, editor):
    loaded = LatentOptimizationEditor.from_pretrained(str(editing_folder), constraints=ANYTHING)
    loaded.settings = editor.settings
    assert loaded.edit(SOURCE, PROMPT) == editor.edit(SOURCE, PROMPT)


def test_a_folder_without_generator_is_refused(model_folder):
    with pytest.raises(ValueError, match="cannot be loaded for latent editing: Molecule editing needs a generator"):
        load_editing_folder(str(model_folder))


def test_the_command_line_edits_in_latent_space(editing_folder, model_folder):
    words = ["edit", SOURCE, PROMPT, "--model", str(editing_folder), "--editor", "latent", "--min_similarity", "0"]
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["smiles"] == SOURCE
    wrong = CliRunner().invoke(app, ["edit", SOURCE, PROMPT, "--model", str(model_folder), "--editor", "genetic"])
    assert wrong.exit_code == 1 and "--editor must be search or latent, got 'genetic'" in wrong.stderr


def test_generators_over_smiles_are_read_as_smiles(parts):
    coder = LatentCoder(parts.model.generator, parts.generator_tokenizer, "smiles")
    with pytest.raises(ValueError, match="does not know all parts"):  # its tokens are those of SELFIES
        coder.tokenize("CCO")
