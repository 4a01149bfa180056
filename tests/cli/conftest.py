"""Folders and files that the tests of other rooms make, and a way to call a command."""

import pytest
from typer.testing import CliRunner

from modeling_finemoltex.cli.main import app
from tests.captioning.conftest import caption_arguments, captioner, captioner_folder, captions_file  # noqa: F401
from tests.editing.conftest import encoder, model_folder  # noqa: F401
from tests.explain.conftest import word_folder, word_model, word_pairs, word_processor  # noqa: F401
from tests.hub.conftest import exported, generator_tokenizer, heads, hub  # noqa: F401
from tests.property_prediction.conftest import tuned_folder  # noqa: F401
from tests.training.conftest import command, pairs_file  # noqa: F401


@pytest.fixture(scope="session")
def run():
    """Function that calls `finemoltex` with words, checks its exit status and returns what it printed."""

    def run(*words: object, code: int = 0):
        done = CliRunner().invoke(app, [str(word) for word in words])
        assert done.exit_code == code, done.output
        return done

    return run


@pytest.fixture(scope="session")
def index_folder(tmp_path_factory, model_folder, molecules, run):  # noqa: F811
    """The index of a library that was embedded and indexed as a chemist would do it."""
    pytest.importorskip("faiss")
    folder = tmp_path_factory.mktemp("library")
    lines = [f"{smiles},m{number}" for number, smiles in enumerate(molecules)]
    (folder / "library.csv").write_text("\n".join(["smiles,id", *lines]), encoding="utf-8")
    run("embed", folder / "library.csv", folder / "embeddings", "--model", model_folder)
    done = run("index", folder / "embeddings", folder / "index")
    assert "10 molecules, method flat, width 32" in done.stderr
    return folder / "index"
