"""The run time: the vectors, scores and ranks of the model, light to import, in the place of its encoder."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from modeling_finemoltex import MoleculeTextEncoder, MoleculeTextIndex, embed_file, load_embeddings

ROOT = Path(__file__).resolve().parents[2]
PARITY = 1e-4
TEXTS = ("an alcohol", "no acid", "a bicyclic alkaloid with two rings and a very long description")


def encoder_of(*args, **kwargs):
    pytest.importorskip("onnxruntime")
    from modeling_finemoltex.runtime import OnnxMoleculeTextEncoder

    return OnnxMoleculeTextEncoder(*args, **kwargs)


@pytest.mark.parametrize("batch_size", [1, 3, 64])
@pytest.mark.parametrize("normalize", [True, False])
def test_vectors_are_those_of_the_model(onnx_encoder, whole_encoder, molecules, batch_size, normalize):
    options = {"batch_size": batch_size, "normalize": normalize}
    for name, rows in (("encode_molecules", list(molecules)), ("encode_texts", list(molecules.values()))):
        found, expected = (getattr(one, name)(rows, **options) for one in (onnx_encoder, whole_encoder))
        assert found.dtype == np.float32 and found.shape == expected.shape == (10, onnx_encoder.embedding_size)
        assert np.abs(found - expected).max() <= PARITY
    assert onnx_encoder.embedding_size == 32 + 6 + 4  # learned, counted, scaled


def test_tokens_and_their_scores_are_those_of_the_model(onnx_encoder, whole_encoder, molecules):
    (embeds, packed), (expected, others) = (
        one.encode_with_tokens(list(molecules)) for one in (onnx_encoder, whole_encoder)
    )
    assert np.abs(embeds - expected).max() <= PARITY
    assert [len(one) for one in packed] == [len(one) for one in others]
    found, wanted = (one.score_tokens(list(TEXTS), others) for one in (onnx_encoder, whole_encoder))
    assert found.shape == (3, 10) and np.abs(found - wanted).max() <= PARITY
    assert np.ptp(wanted, axis=1).min() > 0.01
    single = [onnx_encoder.score_tokens([text], others[:1])[0, 0] for text in TEXTS]
    assert np.abs(np.array(single) - wanted[:, 0]).max() <= PARITY


def test_bad_rows_and_options_are_refused(onnx_encoder):
    with pytest.raises(ValueError, match="Molecule at index 1 cannot be embedded"):
        onnx_encoder.encode_molecules(["C", "no molecule"])
    assert onnx_encoder.encode_molecules(["no molecule", "C"], on_error="skip")[1] == [1]
    assert onnx_encoder.encode_texts([]).shape == (0, onnx_encoder.embedding_size)
    with pytest.raises(ValueError, match="Text at index 0 cannot be embedded. A text must not be blank"):
        onnx_encoder.encode_texts([" "])
    with pytest.raises(ValueError, match="`output` must be 'numpy', got 'torch'"):
        onnx_encoder.encode_texts(["an acid"], output="torch")
    with pytest.raises(ValueError, match="`batch_size` must be at least 1, got 0"):
        onnx_encoder.encode_texts(["an acid"], batch_size=0)
    with pytest.raises(ValueError, match="This needs the model itself, and .* holds its exported graphs"):
        _ = onnx_encoder.model


@pytest.mark.parametrize(
    ("precision", "of_texts", "of_molecules"), [("int8_text", "int8", "float32"), ("int8", "int8", "int8")]
)
def test_eight_bits_are_near(onnx_export, onnx_encoder, molecules, precision, of_texts, of_molecules):
    rough = encoder_of(onnx_export, precision)
    assert rough.dtype == of_molecules and rough.fingerprint == onnx_encoder.fingerprint
    for kind, (name, rows) in zip(
        (of_texts, of_molecules),
        (("encode_texts", list(molecules.values())), ("encode_molecules", list(molecules))),
        strict=True,
    ):
        near = np.sum(getattr(rough, name)(rows) * getattr(onnx_encoder, name)(rows), axis=1)
        assert np.median(near) > 0.98 and (near.min() < 1 - 1e-6) == (kind == "int8")


def test_a_precision_that_is_not_there_is_refused(copied):
    facts = json.loads((copied / "export.json").read_text())
    del facts["files"]["text.int8.onnx"]
    (copied / "export.json").write_text(json.dumps(facts))
    assert encoder_of(copied).dtype == "float32"
    with pytest.raises(ValueError, match=r"has no text\.int8\.onnx, which `precision` 'int8_text' needs"):
        encoder_of(copied, "int8_text")
    with pytest.raises(ValueError, match="`precision` must be one of float32, int8_text, int8, got 'int4'"):
        encoder_of(copied, "int4")


def test_a_swapped_tower_is_noticed_when_it_is_read(copied):
    shutil.copy(copied / "text.onnx", copied / "molecules.onnx")
    encoder = encoder_of(copied)
    assert encoder.encode_texts(["an acid"]).shape[0] == 1
    with pytest.raises(ValueError, match=r"molecules\.onnx is not the file that was exported"):
        encoder.encode_molecules(["CCO"])


def test_an_index_ranks_alike_with_either_encoder(onnx_encoder, whole_encoder, molecules, tmp_path):
    pytest.importorskip("faiss")
    MoleculeTextIndex.build(whole_encoder, smiles=list(molecules)).save(tmp_path / "index")
    pairs = []
    for encoder in (onnx_encoder, whole_encoder):
        index = MoleculeTextIndex.load(tmp_path / "index", encoder)
        pairs.append([index.search(texts=list(TEXTS), k=10, rescored=rescored) for rescored in (None, 0)])
    for mine, theirs in zip(*pairs, strict=True):
        assert [[hit.row for hit in hits] for hits in mine] == [[hit.row for hit in hits] for hits in theirs]
        scores = [[[hit.score for hit in hits] for hits in one] for one in (mine, theirs)]
        assert np.abs(np.subtract(*scores)).max() <= PARITY


def test_an_index_of_another_model_is_refused(onnx_encoder, config, processor, molecules):
    pytest.importorskip("faiss")
    from modeling_finemoltex import FineMolTexModel

    index = MoleculeTextIndex.build(
        MoleculeTextEncoder(FineMolTexModel(config), processor), smiles=list(molecules)[:3]
    )
    with pytest.raises(ValueError, match="made with another model than the encoder's; they differ in weights"):
        index.encoder = onnx_encoder


def test_a_file_is_embedded_alike(onnx_encoder, whole_encoder, molecules, tmp_path):
    (tmp_path / "library.smi").write_text("\n".join(molecules))
    tables = []
    for name, encoder in (("onnx", onnx_encoder), ("torch", whole_encoder)):
        embed_file(tmp_path / "library.smi", tmp_path / name, encoder, num_workers=0, progress_bar=False)
        (shard,) = load_embeddings(tmp_path / name).shards()
        tables.append(np.array(shard["embedding"].to_pylist()))
    mine, theirs = tables
    assert np.abs(mine - theirs).max() <= PARITY


LIGHT = """
import json, resource, sys, time
start = time.process_time()
from modeling_finemoltex.runtime import OnnxMoleculeTextEncoder
spent = time.process_time() - start
encoder = OnnxMoleculeTextEncoder(sys.argv[1])
molecules, packed = encoder.encode_with_tokens(["CCO", "c1ccccc1"])
texts = encoder.encode_texts(["an alcohol"])
scores = encoder.score_tokens(["an alcohol"], packed)
heavy = [name for name in ("torch", "transformers", "pandas", "pyarrow", "datasets") if name in sys.modules]
print(json.dumps([spent, heavy, (texts @ molecules.T).tolist(), scores.tolist()]))
"""


def test_it_starts_in_a_second_without_pytorch_and_transformers(onnx_export, whole_encoder):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", LIGHT, str(onnx_export)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    spent, heavy, cosines, scores = json.loads(done.stdout)
    assert heavy == [] and spent < 1.0
    molecules, packed = whole_encoder.encode_with_tokens(["CCO", "c1ccccc1"])
    assert np.abs(np.array(cosines) - whole_encoder.encode_texts(["an alcohol"]) @ molecules.T).max() <= PARITY
    assert np.abs(np.array(scores) - whole_encoder.score_tokens(["an alcohol"], packed)).max() <= PARITY
