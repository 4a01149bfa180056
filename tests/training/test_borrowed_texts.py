"""Borrowed texts come from similar molecules, by seeds alone, and say how similar; a resumed run borrows the same."""

import copy

import numpy as np
import pytest
import torch

from modeling_finemoltex import FineMolTexDataCollator, FineMolTexForPreTraining
from modeling_finemoltex.data import load_pairs
from modeling_finemoltex.data.similarity import compute_similarities
from modeling_finemoltex.model.soft_target_objective_finemoltex import count_motifs, soft_cross_entropy, tanimoto
from modeling_finemoltex.training import build_model, build_trainer, parse_arguments, prepare_data
from modeling_finemoltex.training.borrowed_texts import NEIGHBOURS, SIMILARITIES, TextBorrower, add_neighbours
from modeling_finemoltex.training.preparation import preparation_settings
from modeling_finemoltex.training.trainer import make_pair_seeds


@pytest.fixture
def paired(pairs_file, processor):
    """Rows with neighbours, and their molecules."""
    from modeling_finemoltex import featurize_pairs

    pairs = load_pairs(str(pairs_file)).select(range(60))
    return add_neighbours(featurize_pairs(pairs, processor, max_length=32), pairs["smiles"][:], 5), pairs["smiles"][:]


def make_batch(rows, processor, places, step):
    inputs = FineMolTexDataCollator(processor)([rows[place] for place in places])
    pair_ids = inputs.pop("pair_ids")
    return {**inputs, "seeds": make_pair_seeds(pair_ids, step)}, pair_ids


def texts_of(batch):
    return [row[mask.bool()].tolist() for row, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True)]


def test_neighbours_are_rows_of_similar_molecules(paired):
    from rdkit import Chem

    rows, smiles = paired
    molecules = [Chem.MolFromSmiles(one) for one in smiles]
    for row in (0, 17, 59):
        others = compute_similarities(molecules[row], molecules)
        for place, similarity in zip(rows[row][NEIGHBOURS], rows[row][SIMILARITIES], strict=True):
            assert rows[place]["molecule_ids"] != rows[row]["molecule_ids"]
            assert similarity == pytest.approx(others[place])
        assert min(rows[row][SIMILARITIES]) >= sorted(set(others))[-8]


def test_a_borrowed_text_is_that_of_a_neighbour(paired, processor):
    (rows, _), places = paired, list(range(0, 60, 3))
    inputs, pair_ids = make_batch(rows, processor, places, 0)
    changed = TextBorrower(rows, 0.5, FineMolTexDataCollator(processor))(inputs, pair_ids)
    own, texts = texts_of(inputs), texts_of(changed)
    num_borrowed = 0
    for number, place in enumerate(places):
        likeness = changed["pair_similarities"][number].item()
        if changed["text_ids"][number] == rows[place]["text_ids"]:
            assert likeness == 1.0 and texts[number] == own[number]
            continue
        num_borrowed += 1
        lenders = [one for one in rows[place][NEIGHBOURS] if rows[one]["text_ids"] == changed["text_ids"][number]]
        assert texts[number] == rows[lenders[0]]["input_ids"]
        assert likeness == pytest.approx(rows[place][SIMILARITIES][rows[place][NEIGHBOURS].index(lenders[0])])
    assert 4 <= num_borrowed <= 16
    for name in set(inputs) - {"input_ids", "attention_mask", "text_ids"}:
        assert torch.equal(changed[name], inputs[name]), name


def test_the_draw_follows_pair_and_step_alone(paired, processor):
    (rows, _), collate = paired, FineMolTexDataCollator(processor)
    borrow = TextBorrower(rows, 0.5, collate)
    whole = texts_of(borrow(*make_batch(rows, processor, list(range(12)), 7)))
    part = texts_of(TextBorrower(rows, 0.5, collate)(*make_batch(rows, processor, [9, 4], 7)))
    assert part == [whole[9], whole[4]]
    assert whole != texts_of(borrow(*make_batch(rows, processor, list(range(12)), 8)))


def test_the_share_is_kept_and_every_neighbour_lends(paired, processor):
    (rows, _) = paired
    borrow, place = TextBorrower(rows, 0.3, FineMolTexDataCollator(processor)), 20
    seeds = torch.stack([make_pair_seeds(torch.tensor([place]), step)[0] for step in range(2000)])
    borrows, chosen = borrow._draw(seeds, np.full(2000, place))
    assert borrows.mean() == pytest.approx(0.3, abs=0.04)
    assert np.bincount(chosen[borrows], minlength=5).min() > 80


def test_rows_without_neighbours_and_queries_keep_their_texts(paired, processor):
    rows, smiles = paired
    conditions = [[1, 1, 127] if place < 30 else None for place in range(60)]
    rows = rows.remove_columns([NEIGHBOURS, SIMILARITIES]).add_column("conditions", conditions)
    rows = add_neighbours(rows, smiles, 5)
    assert all(place == -1 or place >= 30 for neighbours in rows[NEIGHBOURS][:] for place in neighbours)
    borrow = TextBorrower(rows, 1.0, FineMolTexDataCollator(processor))
    inputs, pair_ids = make_batch(rows.remove_columns("conditions"), processor, list(range(60)), 0)
    is_own = borrow(inputs, pair_ids)["text_ids"] == inputs["text_ids"]
    assert is_own[:30].all() and not is_own[30:].any()


def test_rows_without_the_columns_are_refused(rows, processor):
    with pytest.raises(ValueError, match="no column 'neighbours'. Prepare them with `borrowed_texts` above 0"):
        TextBorrower(rows, 0.5, FineMolTexDataCollator(processor))


def test_a_borrowed_text_fits_as_much_as_its_molecule_is_alike(change_config, batch):
    objectives = {"contrastive": None, "masked_modelling": None, "soft_target": {"target_temperature": 0.5}}
    model = FineMolTexForPreTraining(change_config(objectives=objectives)).eval()
    likeness = torch.linspace(0.2, 1.0, len(batch["input_ids"]))
    output = model(**batch, pair_similarities=likeness)
    from modeling_finemoltex import Molecules
    from modeling_finemoltex.model.molecules_finemoltex import MOLECULE_TENSORS

    molecules = Molecules.from_tensors(**{name: batch[name] for name in MOLECULE_TENSORS if name in batch})
    counts = count_motifs(molecules, model.config.motif_config.vocab_size)
    targets = tanimoto(counts, counts)
    for row in range(len(targets)):
        targets[row, row] = likeness[row]
    targets = (targets / 0.5).softmax(-1)
    logits = model.finemoltex.inverse_temperature * output.molecule_embeds @ output.text_embeds.T
    expected = 0.5 * (soft_cross_entropy(logits, targets) + soft_cross_entropy(logits.T, targets))
    torch.testing.assert_close(output.loss, expected)
    assert not torch.allclose(output.loss, model(**batch).loss)


def test_a_resumed_run_borrows_the_same(command, tmp_path):
    """Four steps at once, and two and two: the same weights."""
    words = [*command, "--borrowed_texts", "0.5", "--eval_strategy", "no", "--load_best_model_at_end", "false"]
    words += ["--objective", "soft_target", "masked_modelling=none", "--save_steps", "2"]

    def train(folder, *options):
        model_args, data_args, training_args = parse_arguments([*words, "--output_dir", str(folder), *options])
        prepared = prepare_data(model_args, data_args, training_args)
        trainer = build_trainer(build_model(model_args, prepared, 0), prepared, data_args, training_args)
        assert not {NEIGHBOURS, SIMILARITIES} & set(trainer.train_dataset.column_names)
        assert trainer.borrow.share == 0.5
        trainer.train(resume_from_checkpoint=training_args.resume_from_checkpoint)
        return copy.deepcopy(trainer.model.state_dict())

    whole = train(tmp_path / "whole")
    resumed = train(tmp_path / "whole", "--resume_from_checkpoint", str(tmp_path / "whole" / "checkpoint-2"))
    for name, expected in whole.items():
        torch.testing.assert_close(resumed[name], expected, msg=name)


def test_the_share_is_checked_and_is_no_part_of_the_preparation():
    with pytest.raises(ValueError, match=r"`borrowed_texts` must lie in \[0, 1\]: got 1.5"):
        parse_arguments(["--borrowed_texts", "1.5"])
    settings = []
    for share in ("0", "0.3", "0.5"):
        model_args, data_args, _ = parse_arguments(["--borrowed_texts", share, "--use_cpu"])
        settings.append(preparation_settings(model_args, data_args, 0))
    assert settings[0] != settings[1] == settings[2]
