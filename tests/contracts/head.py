"""What every head must do. A test class subclasses the mixin and says how its head is built."""

import collections
import copy
import json

import pytest
import torch
from contracts.first_layout import write_first_layout
from rdkit import Chem
from torch import Tensor, nn

from modeling_finemoltex import FineMolTexForPreTraining, FineMolTexModel
from modeling_finemoltex.model.configuration_finemoltex import merge_fields

TOLERANCE = {"atol": 1e-5, "rtol": 1e-5}
GRAPH = (
    *("motif_counts", "atom_features", "edge_index", "edge_features", "atom_to_motif", "motif_positions"),
    "motif_attention_mask",
)


def without_dropout(config):
    """Copy a configuration with every dropout at 0: attention dropout is no module that could be switched off."""
    config = copy.deepcopy(config)
    config.graph_config.dropout = config.property_config.dropout = 0.0
    for part in (config.text_config, config.multimodal_config):
        part.hidden_dropout_prob = part.attention_probs_dropout_prob = 0.0
    return config


def floats(output):
    """Name every float tensor of an output, those of nested tables too."""
    found = {}
    for name, value in output.items():
        if isinstance(value, dict):
            found |= {f"{name}.{key}": one for key, one in value.items()}
        elif isinstance(value, Tensor):
            found[name] = value
    return {name: one.detach() for name, one in found.items() if one.is_floating_point()}


def list_implementations(model):
    """List the attention implementation of every part that has a configuration."""
    return [module.config._attn_implementation for module in model.modules() if hasattr(module, "config")]


def check_compiled(model, inputs, **options):
    """Compare a model with itself as one compiled graph with dynamic sizes."""
    torch.compiler.reset()
    compiled = torch.compile(model, fullgraph=True, dynamic=True, backend="eager")
    with torch.no_grad():
        expected, output = floats(model(**inputs, **options)), floats(compiled(**inputs, **options))
    for name in expected:
        torch.testing.assert_close(output[name], expected[name], msg=name, **TOLERANCE)


class HeadContract:
    """The contract of a head.

    Attributes:
        head_class: Class of the head.
        changes: Fields of the configuration that differ from the tiny one, merged level by level.
        own: Prefixes of the weights that a base checkpoint lacks.
        row_outputs: Outputs whose rows belong to molecules or texts one by one.
        num_hidden_states, num_attentions: Layers that `forward` runs, in evaluation.
        frozen: Parameters without a gradient.
    """

    head_class: type
    changes: dict = {}
    own: tuple[str, ...] = ()
    row_outputs: tuple[str, ...] = ("molecule_embeds", "text_embeds")
    num_hidden_states: int
    num_attentions: int
    frozen = frozenset({"finemoltex.logit_scale"})

    def make_model(self, config):
        """Build the head with weights of a fixed seed, in evaluation mode."""
        torch.manual_seed(0)
        return self.head_class(config).eval()

    def make_batch(self, processor, molecules):
        """Build the inputs of `forward` for a table of SMILES and texts."""
        return dict(processor(smiles=list(molecules), text=list(molecules.values()), padding=True))

    def make_loss(self, model, inputs):
        """Compute a loss that every parameter has a share in."""
        raise NotImplementedError

    @pytest.fixture
    def head_config(self, config):
        kept = {name: value for name, value in config.to_dict().items() if name not in ("id2label", "label2id")}
        return type(config)(**merge_fields(kept, self.changes))

    @pytest.fixture
    def head(self, head_config):
        return self.make_model(head_config)

    @pytest.fixture
    def inputs(self, processor, molecules):
        return self.make_batch(processor, molecules)

    def rows(self, model, inputs):
        """Compute the outputs that belong to single rows."""
        with torch.no_grad():
            output = model(**inputs)
        return {name: output[name] for name in self.row_outputs}

    def test_saved_and_loaded_it_is_the_same(self, head, inputs, tmp_path):
        for buffer in head.buffers():
            if buffer.is_floating_point():
                buffer.uniform_(0.5, 1.5)
        head.save_pretrained(tmp_path)
        loaded, report = self.head_class.from_pretrained(tmp_path, output_loading_info=True)
        assert not report["missing_keys"] and not report["unexpected_keys"]
        expected = head.state_dict()
        assert loaded.state_dict().keys() == expected.keys()
        assert all(torch.equal(tensor, expected[name]) for name, tensor in loaded.state_dict().items())
        with torch.no_grad():
            one, two = floats(head(**inputs)), floats(loaded.eval()(**inputs))
        assert one.keys() == two.keys()
        for name in one:  # the last bit may depend on where in memory the weights lie
            torch.testing.assert_close(one[name], two[name], atol=1e-6, rtol=1e-6)
        assert json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))["config_version"] == 3

    def test_loads_from_a_base_folder(self, config, head_config, tmp_path):
        base = FineMolTexModel(config)
        base.save_pretrained(tmp_path)
        self.check_base_weights(tmp_path, head_config, base.state_dict())

    def test_loads_from_a_folder_of_the_first_layout(self, config, head_config, tmp_path):
        source = FineMolTexForPreTraining(config)
        write_first_layout(source, tmp_path)
        self.check_base_weights(tmp_path, head_config, source.finemoltex.state_dict())

    def check_base_weights(self, folder, head_config, expected):
        """Load a folder that holds the base model, and at most heads of others beside it."""
        loaded, report = self.head_class.from_pretrained(folder, config=head_config, output_loading_info=True)
        assert all(key.startswith(self.own) for key in report["missing_keys"]), report["missing_keys"]
        assert not report["unexpected_keys"] and not report["mismatched_keys"]
        assert all(torch.equal(one, expected[name]) for name, one in loaded.base_model.state_dict().items())
        assert all(tensor.isfinite().all() for tensor in loaded.state_dict().values())

    def test_the_tuple_holds_what_the_output_holds(self, head, inputs):
        with torch.no_grad():
            output, values = head(**inputs), head(**inputs, return_dict=False)
        assert isinstance(values, tuple)
        for expected, value in zip(output.to_tuple(), values, strict=True):
            torch.testing.assert_close(value, expected, atol=0, rtol=0)

    def test_bfloat16_runs_and_embeddings_stay_float32(self, head, inputs):
        with torch.no_grad():
            output = floats(head.to(torch.bfloat16)(**inputs))
        assert all(tensor.isfinite().all() for tensor in output.values())
        embeds = {name: tensor for name, tensor in output.items() if name.endswith("_embeds")}
        assert {tensor.dtype for tensor in embeds.values()} <= {torch.float32}

    def test_eager_equals_sdpa(self, head, inputs):
        results = []
        for implementation in ("eager", "sdpa"):
            head.set_attn_implementation(implementation)
            with torch.no_grad():
                results.append(self.compare_states(head, inputs))
        for name, tensor in results[0].items():
            torch.testing.assert_close(tensor, results[1][name], msg=name, **TOLERANCE)

    def compare_states(self, model, inputs):
        """Compute what must not depend on the kernel: every output, padding left out."""
        return floats(model(**inputs))

    def test_hidden_states_and_attentions_on_request(self, head, inputs):
        before = head.config.to_dict()
        implementations = list_implementations(head)
        with torch.no_grad():
            output = head(**inputs, output_hidden_states=True, output_attentions=True)
            again = head(**inputs)
        assert isinstance(output.hidden_states, tuple) and isinstance(output.attentions, tuple)
        assert len(output.hidden_states) == self.num_hidden_states
        assert all(states.ndim in (2, 3) and states.isfinite().all() for states in output.hidden_states)
        assert len(output.attentions) == self.num_attentions
        for weights in output.attentions:  # (B, heads, L, S)
            torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:3]), **TOLERANCE)
        assert again.get("hidden_states") is None and again.get("attentions") is None
        assert head.config.to_dict() == before
        assert list_implementations(head) == implementations
        for name, tensor in floats(again).items():
            torch.testing.assert_close(floats(output)[name], tensor, msg=name, **TOLERANCE)

    def test_hidden_states_follow_the_configuration_too(self, head, inputs):
        head.config.output_hidden_states = True
        with torch.no_grad():
            output, values = head(**inputs), head(**inputs, return_dict=False)
        assert len(output.hidden_states) == len(values[-1]) == self.num_hidden_states
        assert output.get("attentions") is None

    def test_every_parameter_gets_a_gradient(self, head_config, inputs):
        head = self.make_model(without_dropout(head_config)).train()
        self.make_loss(head, inputs).backward()
        without = {name for name, parameter in head.named_parameters() if parameter.grad is None}
        assert without == self.frozen
        assert all(one.grad.isfinite().all() for one in head.parameters() if one.grad is not None)

    def test_every_parameter_is_in_exactly_one_part(self, head):
        names = {id(parameter): name for name, parameter in head.named_parameters()}
        counted = collections.Counter(
            names[id(parameter)] for part in head.parts().values() for parameter in part.parameters()
        )
        assert counted == dict.fromkeys(names.values(), 1)

    def test_the_order_of_the_atoms_changes_nothing(self, head, processor, molecules, inputs):
        renumbered = {
            Chem.MolToRandomSmilesVect(Chem.MolFromSmiles(smiles), 1, randomSeed=7)[0]: text
            for smiles, text in molecules.items()
        }
        assert list(renumbered) != list(molecules)
        expected, rows = self.rows(head, inputs), self.rows(head, self.make_batch(processor, renumbered))
        for name in expected:
            torch.testing.assert_close(rows[name], expected[name], msg=name, **TOLERANCE)

    def test_a_row_alone_equals_the_row_in_a_batch(self, head, processor, molecules, inputs):
        expected = self.rows(head, inputs)
        for row, pair in enumerate(molecules.items()):
            alone = self.rows(head, self.make_batch(processor, dict([pair])))
            for name in expected:
                torch.testing.assert_close(alone[name][0], expected[name][row], msg=name, **TOLERANCE)

    @pytest.mark.slow  # tracing takes ten seconds and more; the base model is traced in the default run
    @pytest.mark.timeout(900)
    def test_compiles_as_one_graph(self, head, inputs):
        check_compiled(head, inputs)


class TextHeadContract(HeadContract):
    """The contract of a head that reads texts too."""

    def test_padding_of_texts_changes_nothing(self, head, inputs):
        padded = {name: nn.functional.pad(inputs[name], (0, 5)) for name in ("input_ids", "attention_mask")}
        expected, rows = self.rows(head, inputs), self.rows(head, {**inputs, **padded})
        for name in expected:
            torch.testing.assert_close(rows[name], expected[name], msg=name, **TOLERANCE)

    def test_new_words_can_be_added(self, head, inputs, tmp_path):
        num_words = head.config.text_config.vocab_size
        rows = self.rows(head, inputs)
        table = head.resize_token_embeddings(num_words + 8)
        assert table.weight.shape[0] == head.config.text_config.vocab_size == num_words + 8
        for name, tensor in self.rows(head, inputs).items():
            torch.testing.assert_close(tensor, rows[name], msg=name, **TOLERANCE)
        inputs = {**inputs, "input_ids": inputs["input_ids"].clone()}
        inputs["input_ids"][:, 1] = num_words + 7
        head.save_pretrained(tmp_path)
        loaded = self.head_class.from_pretrained(tmp_path).eval()
        with torch.no_grad():
            expected, output = floats(head(**inputs)), floats(loaded(**inputs))
        assert all(torch.equal(output[name], expected[name]) for name in expected)

    def test_word_embeddings_can_be_replaced(self, head, inputs):
        old = head.get_input_embeddings()
        new = nn.Embedding(old.num_embeddings, old.embedding_dim, padding_idx=old.padding_idx)
        before = self.rows(head, inputs)
        head.set_input_embeddings(new)
        assert head.get_input_embeddings() is new and head.base_model.get_input_embeddings() is new
        after = self.rows(head, inputs)
        assert not torch.allclose(after[self.row_outputs[-1]], before[self.row_outputs[-1]])
