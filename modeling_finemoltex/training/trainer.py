"""`FineMolTexTrainer`: what molecule-text pre-training needs beyond the Transformers `Trainer`."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import CommitInfo, HfApi
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Sampler
from transformers import Trainer
from transformers.trainer import TRAINER_STATE_NAME, TRAINING_ARGS_NAME
from transformers.trainer_utils import EvalLoopOutput, HubStrategy, rotate_checkpoints
from transformers.utils import PushInProgress

from ..data.atomic_files import write_text
from ..data.sources import PairSource
from ..hub.folders import export_folder
from ..hub.publishing import list_additions, push_folder
from .borrowed_texts import TextBorrower
from .checkpoints import STAGING_FOLDER
from .guarded_training import GuardedTraining
from .muon import MuonWithAdamW
from .parameter_groups import build_parameter_groups, split_adversaries
from .perturbation import Perturbation
from .respelling import Respelling
from .sampling import MixtureSampler, PairwiseSampler, RowIds

# Odd 64-bit constants (of the SplitMix64 and Murmur3 mixers): multiplying by them modulo 2^64 is a bijection.
PAIR_FACTOR = 0x9E3779B97F4A7C15 - (1 << 64)
STEP_FACTOR = 0xBF58476D1CE4E5B9 - (1 << 64)


def make_pair_seeds(pair_ids: Tensor, step: int | None = None) -> Tensor:
    """Derive the seeds of a batch from its pairs and the training step alone.

    So masks and negatives depend neither on the rank, nor on the place in the batch, nor on any random state: one
    process and several draw the same, and a resumed run continues exactly. Pairs of one step differ.

    Args:
        pair_ids (`torch.LongTensor` of shape `(B,)`): Row numbers of the pairs.
        step (`int`, *optional*): Optimizer steps done so far; `None` in evaluation, where nothing ever changes.

    Returns:
        `torch.LongTensor` of shape `(B,)`.
    """
    offset = 0 if step is None else (step + 1) * STEP_FACTOR % (1 << 63)
    return pair_ids.long() * PAIR_FACTOR + offset  # int64 arithmetic wraps around


class MoleculeTrainer(GuardedTraining, Trainer):
    """`Trainer` that never cuts a batch of molecules, and whose `dataloader_drop_last` is about training alone."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Build the Trainer; refuse to spread the batches of one process over several GPUs."""
        super().__init__(*args, **kwargs)
        if self.args.n_gpu > 1:
            raise ValueError(
                f"One process sees {self.args.n_gpu} GPUs, and `nn.DataParallel` would cut molecules apart. Start one "
                f"process per GPU: `accelerate launch --multi_gpu --num_processes {self.args.n_gpu} ...`, or use a "
                "single GPU with `CUDA_VISIBLE_DEVICES=0`."
            )

    def compute_loss(self, model: nn.Module, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Compute the loss as `Trainer` does, without the row numbers, which no model reads."""
        return super().compute_loss(
            model, {name: value for name, value in inputs.items() if name != "pair_ids"}, *args, **kwargs
        )

    def get_eval_dataloader(self, eval_dataset: str | Dataset | None = None) -> DataLoader:
        """Return the evaluation loader, which never drops the last short batch."""
        return self._keep_last_batch(super().get_eval_dataloader, eval_dataset)

    def get_test_dataloader(self, test_dataset: Dataset) -> DataLoader:
        """Return the prediction loader, which never drops the last short batch."""
        return self._keep_last_batch(super().get_test_dataloader, test_dataset)

    def _keep_last_batch(self, make_dataloader: Any, dataset: Any) -> DataLoader:
        drop_last, self.args.dataloader_drop_last = self.args.dataloader_drop_last, False
        try:
            return make_dataloader(dataset)
        finally:
            self.args.dataloader_drop_last = drop_last


class FineMolTexTrainer(MoleculeTrainer):
    """`Trainer` with reproducible masks, learning rates per part, losses per objective and kill-safe checkpoints."""

    def __init__(
        self,
        *args: Any,
        sources: Sequence[PairSource] | None = None,
        borrow: TextBorrower | None = None,
        perturb: Perturbation | None = None,
        neighbours: np.ndarray | None = None,
        respell: Respelling | None = None,
        **kwargs: Any,
    ) -> None:
        """Build the Trainer.

        Rows of several `sources`, told apart by the column `source_ids`, are drawn by weight. `neighbours (R, K)` are
        the rows like each row, which sources with `similar_together` draw after it; -1 where there are none. In
        training, with `borrow`, molecules get the texts of similar ones, and with `perturb`, bonds, atoms and words
        change. With `respell`, molecules come in a random spelling too. Texts that no objective reads are left out.
        """
        super().__init__(*args, **kwargs)
        self.sources, self.borrow, self.perturb, self.neighbours = sources, borrow, perturb, neighbours
        self.respell = respell
        if self.args.push_to_hub and self.args.hub_strategy in (HubStrategy.CHECKPOINT, HubStrategy.ALL_CHECKPOINTS):
            raise ValueError(
                f"`hub_strategy` {self.args.hub_strategy.value!r} would upload pickled optimizer states, which nobody "
                "should have to load. Use 'every_save' or 'end', and resume from the checkpoints on this machine."
            )
        if sources and self.args.train_sampling_strategy != "random":
            raise ValueError(
                f"`train_sampling_strategy` {self.args.train_sampling_strategy!r} cannot draw sources by weight. "
                "Use `random`, or a single dataset."
            )
        if self.args.texts_together and not sources:
            raise ValueError(
                "`texts_together` draws from `sources`, and there are none. Give at least one, with rows that have "
                "`source_ids`, or leave `texts_together` out."
            )
        # Sum of each loss and number of batches that computed it, `(2,)`, in training (true) and in evaluation.
        self._loss_sums: dict[bool, dict[str, Tensor]] = {True: {}, False: {}}
        self._staging = False

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Tensor | tuple[Tensor, Any]:
        """Replace `pair_ids` by seeds, compute the objectives due in this step and remember their losses."""
        inputs, step = dict(inputs), self.state.global_step
        if model.training:
            inputs["costly"] = step % round(1 / self.args.costly_share) == 0
            inputs["mini_batch_size"] = self.args.mini_batch_size
        if not getattr(self.model, "reads_texts", True):
            inputs = {name: value for name, value in inputs.items() if name not in ("input_ids", "attention_mask")}
        pair_ids = inputs.pop("pair_ids", None)
        if pair_ids is not None:
            inputs["seeds"] = make_pair_seeds(pair_ids, step if model.training else None)  # (B,)
            if self.borrow is not None and model.training:
                inputs = self.borrow(inputs, pair_ids)
            if self.perturb is not None and model.training:
                inputs = self.perturb(inputs)
            if self.respell is not None:
                inputs = self.respell(inputs)
        loss, outputs = super().compute_loss(model, inputs, True, num_items_in_batch)
        sums = self._loss_sums[model.training]
        for name, value in outputs["losses"].items():
            sums[name] = sums.get(name, 0) + torch.stack([value, value.new_ones(())]).detach()  # (2,)
        return (loss, outputs) if return_outputs else loss

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> Sampler | None:
        """Draw from several sources by weight or texts in twos, or as `Trainer` does."""
        if not self.sources:
            return super()._get_train_sampler(train_dataset)
        args, rows = self.args, self.train_dataset if train_dataset is None else train_dataset
        group_ids = None
        if "group_ids" in rows.column_names:  # of structure queries; the rows of other sources have none
            group_ids = rows.data.column("group_ids").fill_null(-1).to_numpy()
            group_ids = group_ids if rows._indices is None else group_ids[rows._indices.column(0).to_numpy()]
        if args.texts_together:
            molecule_ids = rows.with_format("numpy")["molecule_ids"][:]
            group_ids = molecule_ids if group_ids is None else np.where(group_ids < 0, molecule_ids, group_ids)
        columns = rows.with_format("numpy")
        text_ids = columns["text_ids"][:] if "text_ids" in rows.column_names else None
        return (PairwiseSampler if args.texts_together else MixtureSampler)(
            RowIds(columns["source_ids"][:], group_ids, text_ids, self.neighbours),
            self.sources,
            draws_per_step=args.train_batch_size * args.gradient_accumulation_steps * args.world_size,
            num_steps=args.max_steps,
            num_epochs=args.num_train_epochs,
            seed=args.seed if args.data_seed is None else args.data_seed,
            current_step=lambda: self.state.global_step,
        )

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """Set up the optimizer with one learning rate per part of the model."""
        if self.optimizer is None:
            model = self.model if model is None else model
            args = self.args
            optimizer_class, optimizer_kwargs = self.get_optimizer_cls_and_kwargs(args, model)
            if args.muon_learning_rate is not None:
                optimizer_class = MuonWithAdamW
                optimizer_kwargs = {"betas": (args.adam_beta1, args.adam_beta2), "eps": args.adam_epsilon}
            groups = build_parameter_groups(
                model,
                learning_rate=self.args.learning_rate,
                weight_decay=self.args.weight_decay,
                part_learning_rates={
                    "graph": self.args.graph_learning_rate,
                    "projection": self.args.projection_learning_rate,
                    "text": self.args.text_learning_rate,
                    "head": self.args.head_learning_rate,
                    "adversary": self.args.adversary_learning_rate,
                },
                muon_learning_rate=self.args.muon_learning_rate,
            )
            self.optimizer = optimizer_class(groups, **optimizer_kwargs)
        return self.optimizer

    def _get_learning_rate(self) -> float:
        """Report the rate of the parts without a rate of their own, in the last groups."""
        return self.optimizer.param_groups[-1]["lr"]

    def _clip_grad_norm(self, model: nn.Module) -> Tensor:
        """Clip the gradients, those of adversaries by their own norm. -> `()`, the norm of all.

        By a common norm, the steep loss of a critic would slow down the model, and the model the critic.
        """
        own, adversaries = split_adversaries(model)
        if not adversaries:
            return super()._clip_grad_norm(model)
        self.accelerator.unscale_gradients()
        norms = [nn.utils.clip_grad_norm_(one, self.args.max_grad_norm) for one in (own, adversaries)]
        return torch.stack(norms).norm()

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the loss of each objective since the last log, averaged over steps and processes."""
        if "loss" in logs:
            logs.update(self._take_losses(training=True))
        super().log(logs, start_time)

    def evaluation_loop(self, *args: Any, metric_key_prefix: str = "eval", **kwargs: Any) -> EvalLoopOutput:
        """Evaluate, and add the mean loss of each objective to the metrics."""
        self._loss_sums[False] = {}
        output = super().evaluation_loop(*args, metric_key_prefix=metric_key_prefix, **kwargs)
        losses = self._take_losses(training=False)
        output.metrics.update({f"{metric_key_prefix}_{name}": value for name, value in losses.items()})
        return output

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """Write the checkpoint in a side folder and rename it: a kill never leaves a half-written `checkpoint-N`."""
        run_folder = Path(super()._get_output_dir(trial))
        staging_folder = run_folder / STAGING_FOLDER
        name = f"checkpoint-{self.state.global_step}"
        if self.args.should_save:
            shutil.rmtree(staging_folder, ignore_errors=True)  # left by a killed run
        self.accelerator.wait_for_everyone()
        self._staging = True
        try:
            super()._save_checkpoint(model, trial)
        finally:
            self._staging = False
        if self.state.best_global_step:
            best = run_folder / f"checkpoint-{self.state.best_global_step}"
            is_kept = best.name == name or best.exists()
            self.state.best_model_checkpoint = str(best) if is_kept else None
        self.accelerator.wait_for_everyone()  # every rank has written its random state
        if self.args.should_save:
            self.state.save_to_json(os.path.join(staging_folder, name, TRAINER_STATE_NAME))
            shutil.rmtree(run_folder / name, ignore_errors=True)  # the same step of an earlier run
            (staging_folder / name).rename(run_folder / name)
            staging_folder.rmdir()
            rotate_checkpoints(str(run_folder), self.args.save_total_limit, self.state.best_model_checkpoint)
        self.accelerator.wait_for_everyone()
        if self.args.push_to_hub:
            self._push_from_checkpoint(str(run_folder / name))

    def _get_output_dir(self, trial: Any) -> str:
        folder = super()._get_output_dir(trial)
        return os.path.join(folder, STAGING_FOLDER) if self._staging else folder

    def push_to_hub(
        self,
        commit_message: str | None = "End of training",
        token: str | None = None,
        private: bool | None = None,
        card_fields: dict[str, Any] | None = None,
    ) -> CommitInfo | None:
        """Export the model with its card into the output folder and push it, in one commit; see `push_folder`.

        `Trainer` would write a card of its own, leave out the endpoint, and upload prepared data and a pickle.

        Args:
            commit_message (`str`, *optional*): Title of the commit.
            token (`str`, *optional*): Instead of `hub_token`.
            private (`bool`, *optional*): Instead of `hub_private_repo`.
            card_fields (`dict`, *optional*): Facts for the card, see `build_model_card`.

        Returns:
            `CommitInfo`, or `None` in all processes but the first.
        """
        if not self.is_world_process_zero():
            return None
        args, folder = self.args, Path(self.args.output_dir)
        repo_id = args.hub_model_id or folder.resolve().name
        self._finish_current_push()
        fields = {"model_id": repo_id.rpartition("/")[2], **(card_fields or {})}
        export_folder(self.accelerator.unwrap_model(self.model), self.processing_class, folder, fields)
        return push_folder(
            folder,
            repo_id,
            private=args.hub_private_repo if private is None else private,
            commit_message=commit_message,
            token=token or args.hub_token,
            revision=args.hub_revision,
        )

    def _push_from_checkpoint(self, checkpoint_folder: str) -> None:
        """Push the model of a checkpoint in the background, as a folder that loads: with its code, without pickles."""
        args, folder = self.args, Path(checkpoint_folder)
        # Uploads take their time: only from the final name, and only if the last one is done.
        if self._staging or not self.is_world_process_zero() or args.hub_strategy == HubStrategy.END:
            return
        if self.push_in_progress is not None and not self.push_in_progress.is_done():
            if not args.hub_always_push:
                return
            self.push_in_progress.wait_until_done()
        additions = list_additions(folder, self.hub_model_id)
        for addition in additions:  # the checkpoint may be deleted before it is uploaded
            if isinstance(addition.path_or_fileobj, bytes):
                continue
            copy = Path(args.output_dir, addition.path_in_repo)
            shutil.copyfile(folder / addition.path_in_repo, copy)
            addition.path_or_fileobj = str(copy)
        job = HfApi(token=args.hub_token).create_commit(
            self.hub_model_id,
            additions,
            commit_message=f"Training in progress, step {self.state.global_step}",
            revision=args.hub_revision,
            run_as_future=True,
        )
        self.push_in_progress = PushInProgress([job])

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Tensor] | None = None) -> None:
        """Save as `Trainer` does, but the arguments as JSON: nobody should have to unpickle them."""
        super()._save(output_dir, state_dict)
        if self.args.should_save:
            folder = Path(output_dir if output_dir is not None else self.args.output_dir)
            (folder / TRAINING_ARGS_NAME).unlink(missing_ok=True)
            self.save_arguments(folder)

    def save_arguments(self, folder: str | Path) -> None:
        """Write `training_args.json`, without tokens."""
        write_text(Path(folder, "training_args.json"), self.args.to_json_string() + "\n")

    def _take_losses(self, training: bool) -> dict[str, float]:
        """Average each loss over the batches that computed it and over processes, and start anew."""
        sums, self._loss_sums[training] = self._loss_sums[training], {}
        reduced = {name: self.accelerator.reduce(pair, reduction="sum").tolist() for name, pair in sums.items()}
        return {f"{name}_loss": total / count for name, (total, count) in reduced.items()}
