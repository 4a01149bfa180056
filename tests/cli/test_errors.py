"""Errors as one sentence that speaks of options; models loaded in silence."""

import pytest
import typer
from transformers.utils import logging

from modeling_finemoltex.cli.errors import plain_errors, quiet_loading, translate

OPTIONS = {"k": "-k", "on_error": "--on_error", "trust_remote_code": "--trust_remote_code"}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("`k` must be at least 1, got 0.", "-k must be at least 1, got 0."),
        ("Correct it, or pass on_error='skip'.", "Correct it, or pass --on_error skip."),
        ('Give `on_error="skip"`.', "Give --on_error skip."),
        (
            "Please pass the argument `trust_remote_code=True` to allow it.",
            "Please pass the argument --trust_remote_code to allow it.",
        ),
        ("/data/k=True/x.csv is no file.", "/data/k=True/x.csv is no file."),
        (
            "`finemoltex embed` makes one, with `projection_dim` 8.",
            "`finemoltex embed` makes one, with `projection_dim` 8.",
        ),
    ],
)
def test_arguments_become_options(message, expected):
    assert translate(message, OPTIONS) == expected


@pytest.mark.parametrize("error", [ValueError("`k` is 0."), ImportError("`k` is 0."), OSError("`k` is 0.")])
def test_what_can_be_mended_is_one_sentence(error, capsys):
    with pytest.raises(typer.Exit) as stopped, plain_errors(OPTIONS):
        raise error
    assert stopped.value.exit_code == 1 and capsys.readouterr().err == "Error: -k is 0.\n"


def test_a_file_is_named_before_the_reason(tmp_path, capsys):
    file = tmp_path / "absent" / "page.html"
    with pytest.raises(typer.Exit), plain_errors({}):
        file.write_text("x")
    assert capsys.readouterr().err == f"Error: {file}: No such file or directory\n"


@pytest.mark.parametrize("error", [BrokenPipeError(), RuntimeError("a mistake of ours"), typer.Exit(130)])
def test_what_nobody_can_mend_passes(error):
    with pytest.raises(type(error)), plain_errors({}):
        raise error


def test_loading_is_quiet_and_nothing_else():
    logging.set_verbosity_info()
    logging.enable_progress_bar()
    with quiet_loading():
        assert logging.get_verbosity() == logging.ERROR and not logging.is_progress_bar_enabled()
    assert logging.get_verbosity() == logging.INFO and logging.is_progress_bar_enabled()
    logging.set_verbosity_warning()
