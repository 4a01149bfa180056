"""Draws follow the weights, and depend on the seed and the step alone."""

import numpy as np
import pytest
from accelerate.data_loader import BatchSamplerShard
from torch.utils.data import BatchSampler
from transformers import TrainerCallback

from modeling_finemoltex.data import PairSource
from modeling_finemoltex.training.sampling import MixtureSampler, PairwiseSampler

SOURCE_IDS = np.repeat([0, 1, 2], [600, 300, 100])


def make_sampler(*weights, draws_per_step=10, step=0, num_steps=0, num_epochs=1.0, seed=0, source_ids=SOURCE_IDS):
    chosen = [PairSource(f"s{number}", weight=weight) for number, weight in enumerate(weights)]
    return MixtureSampler(source_ids, chosen, draws_per_step, num_steps, num_epochs, seed, lambda: step)


def test_sources_are_drawn_by_weight_whatever_their_size():
    draws = np.array(list(make_sampler(1, 1, 2)))
    assert len(draws) == 1000
    shares = np.bincount(SOURCE_IDS[draws]) / 1000
    assert shares == pytest.approx([0.25, 0.25, 0.5], abs=0.05)


def test_a_source_is_gone_through_before_a_row_comes_again():
    sampler = [list(make_sampler(0, 0, 1, step=step)) for step in (0, 100)]
    draws = np.concatenate(sampler).reshape(20, 100)  # two epochs, twenty passes through 100 rows
    assert all(set(part) == set(range(900, 1000)) for part in draws)
    assert not (draws[0] == draws[1]).all()


def test_passes_continue_across_epochs():
    draws = [row for epoch in range(6) for row in make_sampler(1, 1, 1, step=100 * epoch)]
    first = [row for row in draws if row < 600]
    for start in range(0, len(first) - 600, 600):
        assert len(set(first[start : start + 600])) == 600


def test_weights_change_in_the_course_of_training():
    sampler = make_sampler({0: 1, 0.3: 0}, {"0.3": 1}, {80: 3})
    drawn = SOURCE_IDS[np.array(list(sampler))].reshape(100, 10)  # by step
    assert (drawn[:30] == 0).all()
    assert (drawn[30:80] == 1).all()
    assert (drawn[80:] == 2).mean() == pytest.approx(0.75, abs=0.1)


def test_shares_are_of_all_steps_not_of_an_epoch():
    weights = {0: 1, 0.5: 0}, {0.5: 1}, 0
    first, second = (list(make_sampler(*weights, step=step, num_epochs=2.0)) for step in (0, 100))
    assert max(first) < 600 <= min(second)
    assert max(make_sampler(*weights, num_steps=400)) < 600


def test_an_epoch_is_made_of_whole_steps():
    assert len(make_sampler(1, 1, 1, draws_per_step=64)) == 15 * 64
    assert len(make_sampler(1, 1, 1, draws_per_step=5000)) == 5000


def test_draws_depend_on_seed_and_step():
    first = list(make_sampler(1, 2, 3))
    assert first == list(make_sampler(1, 2, 3, step=40))  # within the first epoch: the trainer skips what it has seen
    assert first != list(make_sampler(1, 2, 3, step=100))
    assert first != list(make_sampler(1, 2, 3, seed=1))


def test_processes_share_the_rows_of_one():
    alone = list(BatchSampler(make_sampler(1, 1, 1, draws_per_step=20), 20, drop_last=True))
    parts = [
        list(BatchSamplerShard(BatchSampler(make_sampler(1, 1, 1, draws_per_step=20), 10, drop_last=True), 2, rank))
        for rank in (0, 1)
    ]
    assert [[*one, *two] for one, two in zip(*parts, strict=True)] == alone


def test_weights_without_rows_or_rows_without_weights_are_explained():
    with pytest.raises(ValueError, match="No source has a positive `weight` from step 50 of 100"):
        make_sampler({0: 1, 0.5: 0}, 0, 0)
    with pytest.raises(ValueError, match="The source s3 has a positive `weight`, but no rows for training are left"):
        make_sampler(1, 1, 1, 1)
    make_sampler(1, 1, 1, 0)


def test_texts_of_a_molecule_come_in_twos_and_in_other_twos_each_pass():
    groups = np.random.default_rng(0).permutation(np.repeat(np.arange(20), np.arange(1, 21)))  # of 1 to 20 rows
    passes = []
    for step in range(3):
        sampler = PairwiseSampler(0 * groups, [PairSource("all")], 210, 0, 9.0, 0, lambda step=step: step, groups)
        passes.append(np.array(list(sampler)))
        assert sorted(passes[-1]) == list(range(210))
        drawn, places = groups[passes[-1]], np.arange(210)
        runs = np.split(places, np.flatnonzero(np.diff(drawn)) + 1)
        pairs = sum(len(run) // 2 for run in runs)
        assert pairs == sum(size // 2 for size in range(1, 21))  # as many twos as there can be
        assert np.mean([len(run) for run in runs]) < 2.1  # and not whole molecules
    partners = [{frozenset(drawn[place : place + 2]) for place in range(209)} for drawn in passes]
    assert len(partners[0] & partners[1]) < 40


def test_the_trainer_draws_the_texts_of_a_molecule_together(make_trainer):
    trainer = make_trainer(sources=[PairSource("even"), PairSource("odd", weight=0)], texts_together=True)
    molecules = np.array([0, 7, 0, 7, 1, 8, 1, 8])
    trainer.train_dataset = trainer.train_dataset.remove_columns("molecule_ids").add_column("molecule_ids", molecules)
    drawn = molecules[list(trainer._get_train_sampler())]
    assert (drawn[::2] == drawn[1::2]).all() and set(drawn) == {0, 1}
    with pytest.raises(ValueError, match="`texts_together` draws from `sources`, and there are none. Give at least"):
        make_trainer(texts_together=True)


class PairRecorder(TrainerCallback):
    """Remembers the step at which every pair was used."""

    def __init__(self, trainer):
        self.pairs, self.trainer, collate = {}, trainer, trainer.data_collator

        def record(rows):
            self.pairs.setdefault(len(self.pairs), [row["pair_ids"] for row in rows])
            return collate(rows)

        trainer.data_collator = record


def test_a_resumed_run_draws_what_it_would_have_drawn(make_trainer, tmp_path):
    mixture = [PairSource("even", weight={0: 1, 4: 0.25}), PairSource("odd", weight=0.5)]
    options = {"max_steps": 6, "save_steps": 3, "per_device_train_batch_size": 2, "gradient_accumulation_steps": 1}
    trainer = make_trainer(sources=mixture, **options)
    alone = PairRecorder(trainer)
    trainer.train()
    checkpoint = str(tmp_path / "trainer" / "checkpoint-3")
    trainer = make_trainer(sources=mixture, **options)
    resumed = PairRecorder(trainer)
    trainer.train(resume_from_checkpoint=checkpoint)
    # 4 steps an epoch: the loader fetches one batch ahead within an epoch, never beyond.
    assert list(alone.pairs.values())[3:] == list(resumed.pairs.values())


def test_draws_by_weight_and_by_length_exclude_each_other(make_trainer):
    with pytest.raises(ValueError, match="`train_sampling_strategy` 'group_by_length' cannot draw sources by weight"):
        make_trainer(sources=[PairSource("even"), PairSource("odd")], train_sampling_strategy="group_by_length")
