"""Similar pairs are drawn together: found by the model, never of one molecule or text, the same in a resumed run."""

import json

import numpy as np
import pytest
import torch

from modeling_finemoltex import FineMolTexDataCollator, FineMolTexModel, featurize_pairs
from modeling_finemoltex.data import PairSource, load_pairs
from modeling_finemoltex.training import build_model, build_trainer, parse_arguments, prepare_data
from modeling_finemoltex.training.sampling import MixtureSampler, RowIds
from modeling_finemoltex.training.similar_pairs import find_similar_pairs

NUM_ROWS, LENGTH = 40, 3


@pytest.fixture
def rows(pairs_file, processor):
    """Rows of two sources."""
    rows = featurize_pairs(load_pairs(str(pairs_file)).select(range(NUM_ROWS)), processor, max_length=32)
    return rows.add_column("source_ids", [0] * 30 + [1] * 10)


@pytest.fixture
def base(config):
    torch.manual_seed(0)
    return FineMolTexModel(config).train()


def test_the_nearest_rows_of_the_same_source_are_found(rows, base, processor):
    collate = FineMolTexDataCollator(processor)
    sources = [PairSource("a", similar_together=LENGTH), PairSource("b")]
    found = find_similar_pairs(base, rows, sources, collate)
    assert base.training and found.shape == (NUM_ROWS, 3 * LENGTH) and (found[30:] == -1).all()
    base.eval()
    batch = collate([rows[row] for row in range(30)])
    ids = {name: batch.pop(name) for name in ("molecule_ids", "text_ids")}
    batch.pop("pair_ids")
    with torch.no_grad():
        output = base(**batch)
    scores = output.molecule_embeds @ output.molecule_embeds.T + output.text_embeds @ output.text_embeds.T
    for one in ids.values():
        scores[one[:, None] == one] = -torch.inf
    for row in range(30):
        least = scores[row].topk(3 * LENGTH).values[-1]
        real = found[row][found[row] >= 0]
        assert len(real) == min(3 * LENGTH, int((scores[row] > -torch.inf).sum()))
        assert (scores[row, real] >= least - 1e-5).all()


def make_sampler(neighbours, seed=0, **options):
    sources = [PairSource("a", weight=1, similar_together=LENGTH, **options), PairSource("b", weight=0)]
    rows = RowIds(np.repeat([0, 1], [30, 10]), text_ids=np.arange(40) // 2, neighbours=neighbours)
    return MixtureSampler(rows, sources, 10, 0, 1.0, seed, lambda: 0)


def test_a_row_is_followed_by_its_nearest_that_are_left():
    neighbours = np.full((40, 4), -1, dtype=np.int32)
    for row in range(30):  # those of the same five are alike
        neighbours[row] = [other for other in range(row // 5 * 5, row // 5 * 5 + 5) if other != row]
    draws = np.array(list(make_sampler(neighbours)))[:30]
    assert sorted(draws) == list(range(30))
    follows = (draws[1:] // 5 == draws[:-1] // 5).mean()
    assert follows > 0.6  # chains of three and of the two that are left; by chance 0.13
    assert list(make_sampler(neighbours)) == list(make_sampler(neighbours))
    assert list(make_sampler(neighbours)) != list(make_sampler(neighbours, seed=1))


def test_a_pass_with_fewer_molecules_of_a_text_has_no_others():
    neighbours = np.tile(np.arange(20, dtype=np.int32), (40, 1))
    draws = np.array(list(make_sampler(neighbours, molecules_per_text=1)))[:15]
    assert sorted(draws // 2) == list(range(15))


def test_what_cannot_work_is_refused(rows):
    with pytest.raises(ValueError, match="`similar_together`, but nothing tells which rows are alike"):
        make_sampler(None)
    with pytest.raises(ValueError, match="`similar_together` would part queries"):
        PairSource("a", queries=True, similar_together=4)
    source = json.dumps({"dataset": "pairs.csv", "similar_together": 4})
    with pytest.raises(ValueError, match="give --initial_model"):
        parse_arguments(["--preset", "tiny", "--sources", source])


def test_a_resumed_run_has_the_same_neighbours(command, tmp_path, pairs_file, config, processor):
    """Found with the initial model, not with that of the checkpoint."""
    from modeling_finemoltex import FineMolTexForPreTraining

    initial = tmp_path / "initial"
    FineMolTexForPreTraining(config).save_pretrained(initial)
    processor.save_pretrained(initial)
    source = json.dumps({"dataset": str(pairs_file), "similar_together": 2})
    words = ["--preset", "tiny", "--initial_model", str(initial), "--sources", source, "--max_steps", "2"]
    words += ["--output_dir", str(tmp_path / "run"), "--eval_strategy", "no", "--load_best_model_at_end", "false"]
    words += [
        "--save_steps",
        "1",
        "--validation_size",
        "0",
        "--test_size",
        "0",
        "--per_device_train_batch_size",
        "4",
        "--report_to",
        "none",
        "--use_cpu",
    ]
    orders = []
    for options in ([], ["--resume_from_checkpoint", str(tmp_path / "run" / "checkpoint-1")]):
        model_args, data_args, training_args = parse_arguments([*words, *options])
        prepared = prepare_data(model_args, data_args, training_args)
        trainer = build_trainer(build_model(model_args, prepared, 0), prepared, data_args, training_args)
        orders.append(trainer.neighbours)
        trainer.train(resume_from_checkpoint=training_args.resume_from_checkpoint)
    assert orders[0].shape[0] == len(trainer.train_dataset) and (orders[0][:, 0] >= 0).all()
    np.testing.assert_array_equal(*orders)
    source = json.dumps({"dataset": str(pairs_file), "similar_together": 3})
    longer = [*words, "--sources", source, "--resume_from_checkpoint"]
    model_args, data_args, training_args = parse_arguments(longer)
    prepared = prepare_data(model_args, data_args, training_args)
    trainer = build_trainer(build_model(model_args, prepared, 0), prepared, data_args, training_args)
    assert trainer.neighbours.shape[1] == 9  # of the new choice, not the stored ones
