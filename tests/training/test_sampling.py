"""Draws follow the weights, and depend on the seed and the step alone."""

import numpy as np
import pytest
from accelerate.data_loader import BatchSamplerShard
from torch.utils.data import BatchSampler
from transformers import TrainerCallback

from modeling_finemoltex.data import PairSource
from modeling_finemoltex.training.sampling import MixtureSampler, PairwiseSampler, RowIds

SOURCE_IDS = np.repeat([0, 1, 2], [600, 300, 100])


def make_sampler(*weights, draws_per_step=10, step=0, num_steps=0, num_epochs=1.0, seed=0, source_ids=SOURCE_IDS):
    chosen = [PairSource(f"s{number}", weight=weight) for number, weight in enumerate(weights)]
    return MixtureSampler(RowIds(source_ids), chosen, draws_per_step, num_steps, num_epochs, seed, lambda: step)


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
        sampler = PairwiseSampler(
            RowIds(0 * groups, groups), [PairSource("all")], 210, 0, 9.0, 0, lambda step=step: step
        )
        passes.append(np.array(list(sampler)))
        assert sorted(passes[-1]) == list(range(210))
        drawn, places = groups[passes[-1]], np.arange(210)
        runs = np.split(places, np.flatnonzero(np.diff(drawn)) + 1)
        pairs = sum(len(run) // 2 for run in runs)
        assert pairs == sum(size // 2 for size in range(1, 21))  # as many twos as there can be
        assert np.mean([len(run) for run in runs]) < 2.1  # and not whole molecules
    partners = [{frozenset(drawn[place : place + 2]) for place in range(209)} for drawn in passes]
    assert len(partners[0] & partners[1]) < 40


TEXT_SIZES = np.array([1, 2, 3, 4, 10, 80])  # rows of each text
TEXT_IDS = np.random.default_rng(1).permutation(np.repeat(np.arange(6), TEXT_SIZES) + 2**62)  # 100 rows


def draw_passes(count, limit=3, text_ids=TEXT_IDS, seed=0, kind=MixtureSampler, group_ids=None):
    """The rows of the first passes through a source of capped texts, one pass an epoch."""
    source, length, steps = PairSource("capped", molecules_per_text=limit), 1 + 2 + 4 * 3, iter(range(count))
    sampler = kind(RowIds(0 * text_ids, group_ids, text_ids), [source], length, count, 1.0, seed, lambda: next(steps))
    assert len(sampler) == length
    return np.array([list(sampler) for _ in range(count)])


def test_a_text_comes_with_a_few_of_its_molecules_in_a_pass():
    for drawn in draw_passes(30):
        assert len(set(drawn)) == len(drawn)
        assert (np.bincount(TEXT_IDS[drawn] - 2**62) == np.minimum(TEXT_SIZES, 3)).all()


def test_all_molecules_of_a_text_come_before_one_comes_again():
    drawn = draw_passes(60)
    for text, size in enumerate(TEXT_SIZES):
        is_text = TEXT_IDS == text + 2**62
        counts = np.array([np.bincount(rows, minlength=100)[is_text] for rows in drawn]).cumsum(axis=0)  # (passes, k)
        assert np.ptp(counts, axis=1).max() == (size > 3)
        assert counts[-1].sum() == 60 * min(size, 3)


def test_capped_draws_depend_on_seed_and_pass_alone():
    drawn = draw_passes(8)
    assert (draw_passes(8) == drawn).all() and (draw_passes(4) == drawn[:4]).all()
    assert (draw_passes(8, seed=1) != drawn).any(axis=1).all()
    source = PairSource("capped", molecules_per_text=3)
    resumed = MixtureSampler(RowIds(0 * TEXT_IDS, None, TEXT_IDS), [source], 15, 8, 1.0, 0, lambda: 5)
    assert list(resumed) == drawn[5].tolist()
    long = MixtureSampler(RowIds(0 * TEXT_IDS, None, TEXT_IDS), [source], 5, 0, 9.0, 0, lambda: 5)
    assert (len(long), list(long)) == (15, drawn[1].tolist())  # three steps an epoch


def test_rows_without_a_text_and_sources_without_a_limit_are_as_before():
    text_ids = np.where(np.arange(1000) % 2, 7, -1)  # half of the rows have one text in common
    plain = PairSource("plain")
    for limit in (None, 1000, 20):
        capped = PairSource("capped", molecules_per_text=limit)
        sampler = MixtureSampler(RowIds(SOURCE_IDS.clip(max=1), None, text_ids), [capped, plain], 10, 0, 1.0, 0, int)
        assert len(sampler) == (1000 if limit != 20 else 400 + 300 + 20)
        unlimited = make_sampler(1, 1, source_ids=SOURCE_IDS.clip(max=1))
        drawn, expected = np.array(list(sampler)), np.array(list(unlimited))
        if limit != 20:
            assert (drawn == expected).all()
        second, expected = drawn[drawn >= 600], expected[expected >= 600]
        shared = min(len(second), len(expected))
        assert shared > 300 and (second[:shared] == expected[:shared]).all()
        one_pass = sampler._take(0, 0, sampler.lengths[0])
        assert set(one_pass[one_pass % 2 == 0]) == set(range(0, 600, 2))


def test_capped_rows_of_a_group_are_drawn_together():
    groups = np.arange(100) // 4
    for kind, size in ((MixtureSampler, 4), (PairwiseSampler, 2)):
        for drawn in draw_passes(10, kind=kind, group_ids=groups):
            runs = np.split(drawn, np.flatnonzero(np.diff(groups[drawn])) + 1)
            assert sum(len(run) // 2 for run in runs) >= sum(np.bincount(groups[drawn]) // 2)
            assert size == 2 or len(runs) == len(set(groups[drawn]))


def test_texts_must_be_told_apart_to_be_capped(make_trainer):
    sources = [PairSource("capped", molecules_per_text=2), PairSource("odd")]
    with pytest.raises(ValueError, match="source capped has `molecules_per_text`, but the rows have no `text_ids`"):
        MixtureSampler(RowIds(np.array([0, 0, 1])), sources, 2, 0, 1.0, 0, int)
    trainer = make_trainer(sources=sources)
    trainer.train_dataset = trainer.train_dataset.remove_columns("text_ids")
    with pytest.raises(ValueError, match="`featurize_pairs` gives them"):
        trainer._get_train_sampler()


def test_the_trainer_caps_the_molecules_of_a_text(make_trainer):
    sources = [PairSource("even", molecules_per_text=1), PairSource("odd", weight=0)]
    trainer = make_trainer(sources=sources, max_steps=4, per_device_train_batch_size=2, seed=3)
    texts = np.array([5, 0, 5, 1, 5, 2, 6, 3])  # the even rows have two texts
    trainer.train_dataset = trainer.train_dataset.remove_columns("text_ids").add_column("text_ids", texts)
    pairs = PairRecorder(trainer)
    trainer.train()
    batches = [sorted(batch) for batch in pairs.pairs.values()][:4]
    assert all(batch[1] == 6 for batch in batches)
    assert {batch[0] for batch in batches[:3]} == {0, 2, 4}


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
