"""What every objective must do. A test class subclasses the mixin and names its objective."""

import os
import socket

import pytest
import torch
from contracts.head import without_dropout
from torch import nn

from modeling_finemoltex import OBJECTIVES, FineMolTexForPreTraining, FineMolTexModel, Molecules, PairBatch
from modeling_finemoltex.model.molecules_finemoltex import MOLECULE_TENSORS
from modeling_finemoltex.model.objectives_finemoltex import READABLE, encode_pairs, read_options


def repeat_a_molecule(batch):
    """The pairs with seeds and identities; one molecule is there twice, in the shares of both ranks."""
    numbers = torch.arange(len(batch["motif_counts"]))
    ids = {"molecule_ids": numbers.where(numbers != 7, 3), "text_ids": numbers}
    return {**batch, "seeds": 977 * numbers + 5, **ids}


def take_rows(inputs, rows):
    """Take some pairs of a batch. `(R,)` -> the inputs of `forward` for `R` pairs."""
    molecules = Molecules.from_tensors(**{name: inputs[name] for name in MOLECULE_TENSORS if name in inputs})
    taken = molecules.select(rows)
    others = {name: tensor[rows] for name, tensor in inputs.items() if name not in MOLECULE_TENSORS}
    return {"molecules": taken, **others}


class ObjectiveContract:
    """The contract of an objective.

    Attributes:
        name: Key of `OBJECTIVES`.
        options: Options of the configuration under test.
        losses: Names of the losses that it gives.
    """

    name: str
    options: dict = {}
    losses: tuple[str, ...]

    @pytest.fixture
    def objective_config(self, change_config):
        others = {name: None for name in ("contrastive", "masked_modelling") if name != self.name}
        return without_dropout(change_config(objectives={self.name: self.options, **others}))

    @pytest.fixture
    def pretrainer(self, objective_config):
        torch.manual_seed(0)
        return FineMolTexForPreTraining(objective_config).eval()

    @pytest.fixture
    def pairs(self, batch):
        """The batch with everything that an objective may use."""
        numbers = torch.arange(len(batch["motif_counts"]))
        return {**batch, "seeds": 977 * numbers + 5, "molecule_ids": numbers, "text_ids": numbers}

    def expected_of_two_ranks(self, pretrainer, pairs):
        """Compute the loss of one process that two ranks with half of the pairs each must give on average."""
        return pretrainer(**pairs).loss

    def test_it_gives_its_losses_and_their_weighted_sum(self, pretrainer, pairs):
        assert type(pretrainer.objectives[self.name]) is OBJECTIVES[self.name]
        batch = as_batch(pairs)
        encoded = encode_pairs(pretrainer.finemoltex, batch, pretrainer.objectives[self.name].reads)
        terms = pretrainer.objectives[self.name](pretrainer.finemoltex, encoded, batch)
        assert tuple(terms.losses) == self.losses == tuple(terms.weights)
        assert all(loss.shape == () and loss.dtype == torch.float32 for loss in terms.losses.values())
        for name, count in terms.counts.items():  # classes have a second axis
            assert len(count) == len(pairs["seeds"]) and count.ndim == 1 + name.endswith("_classes"), name
        expected = sum(terms.weights[name] * terms.losses[name] for name in self.losses)
        torch.testing.assert_close(pretrainer(**pairs).loss, expected)

    def test_a_single_pair_has_a_finite_loss_and_gradients(self, pretrainer, pairs):
        pretrainer.train()
        for row in (0, 2):  # a molecule of one atom too
            pretrainer.zero_grad()
            loss = pretrainer(**take_rows(pairs, torch.tensor([row]))).loss
            loss.backward()
            assert loss.isfinite()
            assert all(one.grad.isfinite().all() for one in pretrainer.parameters() if one.grad is not None)

    def test_gradients_are_finite_and_reach_its_parameters(self, pretrainer, pairs):
        pretrainer.train()
        loss = pretrainer(**pairs).loss
        loss.backward()
        assert loss.isfinite() and loss > 0
        assert all(one.grad.isfinite().all() for one in pretrainer.parameters() if one.grad is not None)
        assert all(one.grad is not None for one in pretrainer.objectives.parameters())
        encoder = pretrainer.finemoltex.graph_encoder
        assert any(one.grad.abs().sum() > 0 for one in encoder.parameters())

    def test_what_it_draws_follows_the_seeds(self, pretrainer, pairs):
        first, again = pretrainer(**pairs).loss, pretrainer(**pairs).loss
        assert torch.equal(first, again)

    def test_unknown_options_are_refused(self):
        with pytest.raises(
            ValueError, match=rf"The objective '{self.name}' has no option colour: its options are \['"
        ):
            read_options(self.name, OBJECTIVES[self.name], {"colour": 1})

    def test_what_it_reads_is_enough(self, pretrainer, pairs):
        objective, model, batch = pretrainer.objectives[self.name], pretrainer.finemoltex, as_batch(pairs)
        assert set(objective.reads) <= set(READABLE)
        little = encode_pairs(model, batch, objective.reads)
        assert {name for name in READABLE if getattr(little, name) is not None} == set(objective.reads)
        everything = [name for name in READABLE if name != "tokens" or model.molecule_tokens is not None]
        few, many = objective(model, little, batch), objective(model, encode_pairs(model, batch, everything), batch)
        for name in self.losses:
            torch.testing.assert_close(few.losses[name], many.losses[name], atol=1e-6, rtol=1e-6)

    def test_cheap_steps_leave_out_what_is_costly(self, pretrainer, pairs):
        objective = pretrainer.objectives[self.name]
        output = pretrainer(**pairs, costly=False)
        assert tuple(output.losses) == (() if objective.is_costly else self.losses)
        assert output.loss.requires_grad and (output.loss == 0) == objective.is_costly

    @pytest.mark.parametrize("size", [1, 3])
    def test_mini_batches_give_the_gradient_of_the_whole_batch(self, pretrainer, pairs, size):
        if pretrainer.objectives[self.name].encodes_more:
            with pytest.raises(ValueError, match=f"`mini_batch_size` saves no memory with .*{self.name}"):
                pretrainer(**pairs, mini_batch_size=size)
            return
        found = {}
        for given in (None, size):
            pretrainer.zero_grad()
            loss = pretrainer(**pairs, mini_batch_size=given).loss
            loss.backward()
            found[given] = loss, {name: one.grad for name, one in pretrainer.named_parameters()}
        (whole, expected), (loss, gradients) = found[None], found[size]
        torch.testing.assert_close(loss, whole, atol=1e-6, rtol=1e-5)
        for name, gradient in expected.items():
            if gradient is not None:
                torch.testing.assert_close(gradients[name], gradient, atol=1e-5, rtol=1e-3, msg=name)

    def test_its_parameters_start_well_from_a_checkpoint_without_them(self, objective_config, tmp_path):
        FineMolTexModel(objective_config).save_pretrained(tmp_path)
        torch.manual_seed(0)
        fresh = FineMolTexForPreTraining(objective_config).objectives.state_dict()
        torch.manual_seed(0)
        loaded, report = FineMolTexForPreTraining.from_pretrained(
            tmp_path, config=objective_config, output_loading_info=True
        )
        found = loaded.objectives.state_dict()
        assert set(report["missing_keys"]) == {f"objectives.{name}" for name in fresh}
        for name, expected in fresh.items():
            tensor = found[name]
            assert tensor.isfinite().all(), name
            if not torch.equal(tensor, expected):  # no bias, norm, scale or row of centres
                assert expected.numel() > 1 and expected.std() > 0, name
                assert tensor.std() == pytest.approx(expected.std().item(), rel=0.3), name
                assert tensor.mean().abs() < 4 * tensor.std() / tensor.numel() ** 0.5, name

    def test_two_ranks_give_the_loss_and_the_gradients_of_one_process(self, pretrainer, pairs, tmp_path):
        pretrainer.objectives.train()  # evaluation compares within a process; the encoders have no statistics to share
        loss = self.expected_of_two_ranks(pretrainer, pairs)
        loss.backward()
        gradients = {name: one.grad for name, one in pretrainer.named_parameters() if one.grad is not None}
        pretrainer.zero_grad()
        results = run_ranks(pretrainer, pairs, tmp_path)
        torch.testing.assert_close(sum(one["loss"] for one in results) / 2, loss.detach(), atol=1e-6, rtol=1e-5)
        for name, expected in gradients.items():
            mean = sum(one["gradients"].get(name, torch.zeros_like(expected)) for one in results) / 2
            torch.testing.assert_close(mean, expected, atol=1e-5, rtol=1e-3, msg=name)


def as_batch(pairs) -> PairBatch:
    """Pack the inputs of `forward` as objectives get them."""
    molecules = Molecules.from_tensors(**{name: pairs[name] for name in MOLECULE_TENSORS if name in pairs})
    return PairBatch(molecules, **{name: pairs[name] for name in PairBatch._fields[1:] if name in pairs})


def run_ranks(model: nn.Module, pairs, folder, world_size: int = 2) -> list[dict]:
    """Compute loss and gradients of each share of the pairs in a process of its own, joined by gloo."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shares = torch.arange(len(pairs["seeds"])).chunk(world_size)
    parts = [take_rows(pairs, share) for share in shares]
    children = []
    for rank in range(world_size):
        child = os.fork()  # a new process would import everything anew, which takes longer than all the rest
        if child == 0:
            try:
                _run_rank(model, parts[rank], rank, world_size, port, folder)
                os._exit(0)  # the destructor of a gloo group sometimes waits for ever for a peer that has gone
            finally:
                os._exit(1)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * world_size
    return [torch.load(folder / f"rank-{rank}.pt", weights_only=True) for rank in range(world_size)]


def _run_rank(model, share, rank, world_size, port, folder) -> None:
    torch.set_num_threads(1)  # the other threads of OpenMP do not live on in a fork, and would be waited for
    store = torch.distributed.TCPStore("127.0.0.1", port, world_size, is_master=rank == 0)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.distributed.init_process_group("gloo", store=store, rank=rank, world_size=world_size)
    loss = model(**share).loss
    loss.backward()
    gradients = {name: one.grad for name, one in model.named_parameters() if one.grad is not None}
    torch.save({"loss": loss.detach(), "gradients": gradients}, folder / f"rank-{rank}.pt")
    torch.distributed.barrier()
