"""Shared fixtures: a tiny model, an offline tokenizer, molecules chosen for trouble. Nothing touches the network."""

import atexit
import gc
import os
import runpy
import shutil
import socket
import sys
import tempfile

# Before any library reads them: no hub, no user cache, no more threads than a small machine has.
_HF_HOME = tempfile.mkdtemp(prefix="finemoltex-tests-")
atexit.register(shutil.rmtree, _HF_HOME, ignore_errors=True)
os.environ.update(HF_HOME=_HF_HOME, HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest  # noqa: E402
from exported_model import onnx_export, shared_folder, whole_encoder  # noqa: E402, F401

# Importing PyTorch and Transformers makes millions of objects, and the collector would look at all of them over and
# over: a quarter of the time of the imports, and a second after each training.
gc.disable()


def pytest_collection_finish():
    """Leave alone what is imported by now, and collect what comes."""
    gc.freeze()
    gc.enable()


# Each molecule has a reason to be here; each text is its own, so that pairs can be told apart.
MOLECULES = {
    "C": "methane a single carbon atom without a bond",
    "CCO": "ethanol a small alcohol",
    "CC(=O)Oc1ccccc1C(=O)O": "aspirin an ester and an acid on an aromatic ring",
    "CN1C=NC2=C1C(=O)N(C(=O)N2C)C": "caffeine a bicyclic alkaloid",
    "[Na+].[Cl-]": "table salt two charged fragments without a bond",
    "[13CH3]C(=O)[O-].[K+]": "an isotope labelled acetate of potassium",
    "C/C=C/[C@H](N)C(=O)O": "an unsaturated amino acid with stereo centres",
    "F[P-](F)(F)(F)(F)F": "a hypervalent anion with six fluorine atoms",
    "O=C1CCCCCCCCCCCCCC1": "a macrocycle ketone that smells of musk",
    "[Fe+2]": "a bare metal ion of iron",
}

_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_VOCABULARY = [
    *_SPECIAL,
    *sorted({word for text in MOLECULES.values() for word in text.split()} - set(_LETTERS)),
    *_LETTERS,
    *(f"##{letter}" for letter in _LETTERS),
    *"()[]-,.;:'",
]


@pytest.fixture(scope="session", autouse=True)
def no_network():
    """Refuse every connection that leaves the machine; loopback stays open for distributed tests."""
    connect = socket.socket.connect

    def local_only(self, address):
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "localhost", "::1"):
            raise OSError(f"tests must not use the network, but something connects to {address}")
        return connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", local_only)
        yield


@pytest.fixture(autouse=True)
def fixed_seed():
    """Start every test from the same random state, whatever ran before it."""
    import torch  # not above: the process that hands out the tests of a parallel run starts without it

    torch.default_generator.manual_seed(0)  # `torch.manual_seed` writes down the stack three times, for accelerators
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(0)


@pytest.fixture(scope="session")
def forked_python(tmp_path_factory):
    """New Python processes that know Transformers and nothing of ours; see `forked_python.py`."""
    from forked_python import ForkedPython

    python = ForkedPython(tmp_path_factory.mktemp("forked"))
    yield python
    python.close()


@pytest.fixture
def run_file(monkeypatch, capsys):
    """Function that runs a file as `python FILE WORDS` would, but in this process, and returns what it printed."""

    def run(file, *words) -> str:
        monkeypatch.setattr(sys, "argv", [str(file), *map(str, words)])
        try:
            runpy.run_path(str(file), run_name="__main__")
        except SystemExit as end:
            if end.code:
                raise
        return capsys.readouterr().out

    return run


@pytest.fixture(scope="session")
def molecules() -> dict[str, str]:
    """SMILES -> text."""
    return dict(MOLECULES)


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory):
    """A word-piece tokenizer over a fixed list: trained ones differ from process to process."""
    from transformers import BertTokenizerFast

    file = tmp_path_factory.mktemp("tokenizer") / "vocab.txt"
    file.write_text("\n".join(_VOCABULARY), encoding="utf-8")
    return BertTokenizerFast(vocab=str(file), model_max_length=64)


@pytest.fixture(scope="session")
def processor(tokenizer):
    """The offline tokenizer with the built-in motif vocabulary."""
    from modeling_finemoltex import FineMolTexFeatureExtractor, FineMolTexProcessor

    return FineMolTexProcessor(feature_extractor=FineMolTexFeatureExtractor(), tokenizer=tokenizer)


@pytest.fixture(scope="session")
def config(processor):
    """The smallest configuration that fits `processor`."""
    from modeling_finemoltex import FineMolTexConfig

    return FineMolTexConfig.from_preset(
        "tiny",
        text_config={"vocab_size": len(processor.tokenizer)},
        motif_config={"vocab_size": processor.feature_extractor.motif_vocab_size},
        mask_token_id=processor.tokenizer.mask_token_id,
        special_token_ids=processor.tokenizer.all_special_ids,
    )


@pytest.fixture(scope="session")
def change_config(config):
    """Function that copies `config` with fields changed, level by level; labels are named anew."""
    from modeling_finemoltex import FineMolTexConfig
    from modeling_finemoltex.model.configuration_finemoltex import merge_fields

    kept = {name: value for name, value in config.to_dict().items() if name not in ("id2label", "label2id")}
    return lambda **fields: FineMolTexConfig(**merge_fields(kept, fields))


@pytest.fixture
def model(config):
    """A randomly initialised pre-training model in eval mode, fresh for each test."""
    from modeling_finemoltex import FineMolTexForPreTraining

    return FineMolTexForPreTraining(config).eval()


@pytest.fixture(scope="session")
def plain_folder(tmp_path_factory, config, processor) -> str:
    """A base model with random weights and its processor, saved."""
    import torch

    from modeling_finemoltex import FineMolTexModel

    folder = tmp_path_factory.mktemp("plain") / "model"
    torch.manual_seed(0)
    FineMolTexModel(config).save_pretrained(folder)
    processor.save_pretrained(folder)
    return str(folder)


@pytest.fixture
def batch(processor, molecules):
    """All `molecules` with their texts, as the model takes them."""
    return processor(smiles=list(molecules), text=list(molecules.values()), return_tensors="pt", padding=True)


@pytest.fixture(scope="session")
def generator_config():
    """The smallest generator: a BART over 40 tokens."""
    from transformers import BartConfig

    ids = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
    widths = {"d_model": 16, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32}
    depths = {"encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2, "decoder_attention_heads": 2}
    return BartConfig(vocab_size=40, max_position_embeddings=64, forced_eos_token_id=2, **ids, **widths, **depths)


@pytest.fixture(scope="session")
def writer_config(tokenizer):
    """The smallest writer: a T5 over the words of `tokenizer`."""
    from transformers import T5Config

    ids = {"pad_token_id": 0, "eos_token_id": tokenizer.sep_token_id, "decoder_start_token_id": tokenizer.cls_token_id}
    sizes = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}
    return T5Config(vocab_size=len(tokenizer), **sizes, **ids)
