"""`finemoltex export`, and the commands that take what it wrote."""

import json

import pytest

pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def library(tmp_path_factory, molecules):
    file = tmp_path_factory.mktemp("library") / "library.smi"
    file.write_text("\n".join(f"{smiles} m{number}" for number, smiles in enumerate(molecules)))
    return file


def test_the_command_says_what_it_writes(run, whole_encoder, tmp_path, monkeypatch):
    pytest.importorskip("onnxscript")
    from modeling_finemoltex.export import export_job

    monkeypatch.setattr(export_job, "trace_tower", lambda tower, inputs: None)
    monkeypatch.setattr(export_job, "write_onnx", lambda program, inputs, outputs, path: path.write_bytes(b"graph"))
    monkeypatch.setattr(export_job, "_compare", lambda *args: 2e-7)
    model = whole_encoder.fingerprint["name_or_path"]
    done = run("export", model, tmp_path / "out", "--formats", "onnx")
    assert "text.onnx: differs from the model by 2e-07 at most" in done.stderr
    assert done.stdout == f"{tmp_path / 'out'}: exported. Use it with --model {tmp_path / 'out'}.\n"
    assert "an export never mixes" in run("export", model, tmp_path / "out", code=1).output
    assert (
        "--formats must be a list of some of" in run("export", model, tmp_path / "b", "--formats", "x", code=1).output
    )


def test_search_ranks_alike_with_the_model_and_its_export(run, onnx_export, whole_encoder, library):
    pytest.importorskip("faiss")
    model = whole_encoder.fingerprint["name_or_path"]
    found = []
    for name in (onnx_export, model):
        done = run("search", library, "an alcohol with no ring", "-k", "10", "--json", "--model", name)
        found.append([hit["id"] for hit in json.loads(done.stdout)[0]["hits"]])
    assert found[0] == found[1] and sorted(found[0]) == sorted(f"m{number}" for number in range(10))
    done = run("search", library, "an alcohol", "--model", onnx_export, "--precision", "int8_text")
    assert "its index is in" in done.stderr  # molecules are computed as before


def test_an_index_made_with_the_model_is_searched_with_its_export(run, onnx_export, whole_encoder, library, tmp_path):
    pytest.importorskip("faiss")
    run("embed", library, tmp_path / "embeddings", "--model", onnx_export, "--num_workers", "0")
    run("index", tmp_path / "embeddings", tmp_path / "index")
    own = run("search", tmp_path / "index", "an alcohol", "--json")  # with the model that the export names
    other = run("search", tmp_path / "index", "an alcohol", "--json", "--model", onnx_export)
    ids = [[hit["id"] for hit in json.loads(one.stdout)[0]["hits"]] for one in (own, other)]
    assert ids[0] == ids[1]


def test_what_needs_the_model_says_so(run, onnx_export, whole_encoder, library, tmp_path):
    model = whole_encoder.fingerprint["name_or_path"]
    done = run("explain", "CCO", "an alcohol", "--model", onnx_export, code=1)
    assert f"This needs the model itself, and {onnx_export} holds its exported graphs: name the model" in done.output
    done = run("embed", library, tmp_path / "x", "--model", onnx_export, "--dtype", "bfloat16", code=1)
    assert f"--dtype is for models: {onnx_export} is an export folder" in done.output
    done = run("search", library, "an acid", "--model", model, "--precision", "int8", code=1)
    assert f"--precision chooses among the graphs of an export folder, and {model} is none" in done.output
    done = run("search", library, "an acid", "--model", onnx_export, "--precision", "int4", code=1)
    assert "--precision must be one of float32, int8_text, int8, got 'int4'" in done.output


def test_an_index_of_another_model_is_refused(run, onnx_export, index_folder):
    done = run("search", index_folder, "an acid", "--model", onnx_export, code=1)
    assert "made with another model than the encoder's" in done.output
