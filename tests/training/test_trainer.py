import json

import numpy as np
import pytest
import torch
from transformers import TrainerState

from modeling_finemoltex.training.checkpoints import STAGING_FOLDER, find_resumable_checkpoint
from modeling_finemoltex.training.trainer import make_pair_seeds

from .conftest import without_dropout


def test_seeds_depend_on_pair_and_step_alone():
    pair_ids = torch.arange(1000)
    order = torch.randperm(1000)
    assert torch.equal(make_pair_seeds(pair_ids, 3)[order], make_pair_seeds(pair_ids[order], 3))
    seeds = torch.cat([make_pair_seeds(pair_ids, step) for step in (None, 0, 1, 2, 10**9)])
    assert len(seeds.unique()) == 5000


def test_seeds_follow_the_step_in_training_and_never_change_in_evaluation(make_trainer, monkeypatch):
    trainer = make_trainer(max_steps=2, eval_strategy="steps", eval_steps=1, per_device_eval_batch_size=4)
    seen = {True: [], False: []}
    forward = trainer.model.forward

    def record(*args, **kwargs):
        seen[trainer.model.training].append(kwargs["seeds"].sort().values.tolist())
        return forward(*args, **kwargs)

    monkeypatch.setattr(trainer.model, "forward", record)
    trainer._signature_columns = None
    trainer.train()
    first, second = seen[True]
    assert first == make_pair_seeds(torch.arange(8), 0).sort().values.tolist()
    assert second == make_pair_seeds(torch.arange(8), 1).sort().values.tolist()
    evaluations = len(seen[False]) // 2
    assert seen[False][:evaluations] == seen[False][evaluations:]


def test_steps_on_one_batch_bring_its_losses_down(make_trainer, config):
    """Eight pairs are one batch, and without dropout nothing but the masks changes between the steps."""
    options = {"max_steps": 40, "learning_rate": 5e-3, "logging_steps": 1, "save_strategy": "no"}
    trainer = make_trainer(config=without_dropout(config), **options)
    trainer.train()
    logs = [entry for entry in trainer.state.log_history if "contrastive_loss" in entry]
    assert logs[-1]["contrastive_loss"] < 0.5 * logs[0]["contrastive_loss"]
    assert logs[-1]["loss"] < 0.7 * logs[0]["loss"]


def test_logs_the_parts_of_the_loss_averaged_since_the_last_log(make_trainer):
    trainer = make_trainer(max_steps=4, logging_steps=2, eval_strategy="steps", eval_steps=4)
    trainer.train()
    training = [entry for entry in trainer.state.log_history if "loss" in entry]
    evaluation = [entry for entry in trainer.state.log_history if "eval_loss" in entry]
    assert len(training) == 2 and len(evaluation) == 1
    for entry, prefix in [(entry, "") for entry in training] + [(evaluation[0], "eval_")]:
        contrastive, word, motif = (entry[f"{prefix}{name}_loss"] for name in ("contrastive", "word", "motif"))
        assert f"{prefix}matching_loss" not in entry  # it is no objective here
        total = contrastive + 0.5 * word + motif
        assert total == pytest.approx(entry[f"{prefix}loss"], rel=0.2 if prefix else 1e-4)


def test_costly_objectives_are_computed_in_every_nth_step(make_trainer):
    trainer = make_trainer(costly_share=0.25, max_steps=8, logging_steps=1)
    trainer.train()
    logs = [entry for entry in trainer.state.log_history if "loss" in entry]
    assert [entry["step"] for entry in logs if "word_loss" in entry] == [1, 5]  # the steps are logged when done
    assert [entry["step"] for entry in logs if "contrastive_loss" in entry] == list(range(1, 9))


def test_evaluation_uses_every_pair_although_training_drops_the_last_batch(make_trainer):
    trainer = make_trainer(per_device_eval_batch_size=4)
    assert trainer.args.dataloader_drop_last
    assert len(trainer.predict(trainer.eval_dataset).predictions[0]) == len(trainer.eval_dataset)
    assert trainer.args.dataloader_drop_last


def test_optimizer_has_a_rate_per_part(make_trainer):
    trainer = make_trainer(learning_rate=0.1, graph_learning_rate=0.2, head_learning_rate=0.3)
    rates = {group["name"]: group["lr"] for group in trainer.create_optimizer().param_groups}
    assert (rates["graph"], rates["head"], rates["text"], rates["other"]) == (0.2, 0.3, 0.1, 0.1)
    assert trainer._get_learning_rate() == 0.1


def test_gradients_of_an_adversary_are_clipped_by_their_own_norm(make_trainer, change_config):
    trainer = make_trainer(config=change_config(objectives={"critic": {}}), max_grad_norm=1.0)
    critic = {id(one) for one in trainer.model.objectives["critic"].parameters()}
    for parameter in trainer.model.parameters():
        parameter.grad = torch.full_like(parameter, 1000.0 if id(parameter) in critic else 1e-6)
    expected = torch.stack([one.grad.norm() for one in trainer.model.parameters() if one.requires_grad]).norm()
    torch.testing.assert_close(trainer._clip_grad_norm(trainer.model), expected)
    norm = torch.stack([one.grad.norm() for one in trainer.model.objectives["critic"].parameters()]).norm()
    torch.testing.assert_close(norm, torch.tensor(1.0), atol=1e-4, rtol=0)
    weight = trainer.model.finemoltex.graph_encoder.layers[0].expand.weight
    assert torch.equal(weight.grad, torch.full_like(weight, 1e-6))


def test_arguments_are_saved_as_json_never_pickled(make_trainer, tmp_path):
    trainer = make_trainer(seed=7)
    trainer.save_model(tmp_path / "final")
    assert json.loads((tmp_path / "final" / "training_args.json").read_text(encoding="utf-8"))["seed"] == 7
    assert not list((tmp_path / "final").glob("*.bin"))
    assert not list((tmp_path / "final").glob("*.pt*"))


def test_several_gpus_in_one_process_are_refused(make_trainer):
    from modeling_finemoltex import FineMolTexTrainingArguments

    class TwoGpuArguments(FineMolTexTrainingArguments):
        n_gpu = 2

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("modeling_finemoltex.FineMolTexTrainingArguments", TwoGpuArguments)
        with pytest.raises(ValueError, match="accelerate launch"):
            make_trainer()


def test_a_save_cut_short_leaves_no_checkpoint_and_the_next_one_cleans_up(make_trainer, tmp_path, monkeypatch):
    class OutOfDiskError(OSError):
        pass

    def fail(self, path):
        raise OutOfDiskError

    trainer = make_trainer(max_steps=2, save_steps=1)
    with monkeypatch.context() as patch:
        patch.setattr(TrainerState, "save_to_json", fail)
        with pytest.raises(OutOfDiskError):
            trainer.train()
    folder = tmp_path / "trainer"
    assert (folder / STAGING_FOLDER / "checkpoint-1" / "model.safetensors").is_file()
    assert find_resumable_checkpoint(folder) is None
    make_trainer(max_steps=2, save_steps=1).train()
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoint-1", "checkpoint-2"]


def test_keeps_the_best_checkpoint_and_the_newest(make_trainer, tmp_path):
    scores = iter([0.1, 0.9, 0.3, 0.2])
    trainer = make_trainer(
        max_steps=4,
        eval_strategy="steps",
        eval_steps=1,
        save_steps=1,
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="score",
        greater_is_better=True,
    )
    trainer.compute_metrics = lambda prediction: {"score": next(scores)}
    trainer.train()
    folders = sorted(path.name for path in (tmp_path / "trainer").glob("checkpoint-*"))
    assert folders == ["checkpoint-2", "checkpoint-4"]
    best = tmp_path / "trainer" / "checkpoint-2"
    assert trainer.state.best_model_checkpoint == str(best)
    stored = json.loads((tmp_path / "trainer" / "checkpoint-4" / "trainer_state.json").read_text(encoding="utf-8"))
    assert stored["best_model_checkpoint"] == str(best)
    from safetensors.torch import load_file

    for name, tensor in load_file(best / "model.safetensors").items():
        np.testing.assert_array_equal(trainer.model.state_dict()[name].numpy(), tensor.numpy())


def test_mini_batches_train_as_the_whole_batch_does(make_trainer, change_config):
    trained = []
    for size in (None, 3):
        torch.manual_seed(0)
        config = without_dropout(change_config(objectives={"contrastive": {}, "masked_modelling": None}))
        trainer = make_trainer(config=config, max_steps=3, mini_batch_size=size, save_strategy="no", optim="sgd")
        trainer.train()
        trained.append(torch.cat([one.detach().flatten() for one in trainer.model.parameters()]))
    torch.testing.assert_close(trained[1], trained[0], atol=1e-5, rtol=1e-4)
