"""`finemoltex pretrain` is `examples/pretrain.py` under another name."""

from typer.testing import CliRunner

from modeling_finemoltex.cli.main import app


def test_pretrain_leaves_a_folder_that_can_be_pushed(command, tmp_path):
    from modeling_finemoltex.hub.publishing import check_folder

    done = CliRunner().invoke(app, ["pretrain", *command])
    assert done.exit_code == 0, done.output
    assert f"card are in {tmp_path / 'run'}" in done.stdout and "hits@1" in done.stdout.lower()
    check_folder(tmp_path / "run")


def test_its_help_lists_the_options_of_the_run():
    done = CliRunner().invoke(app, ["pretrain", "--help"])
    assert done.exit_code == 0
    assert "finemoltex pretrain [RECIPE.yaml]" in done.stdout and "--smiles_column" in done.stdout


def test_a_wrong_value_is_one_sentence(tmp_path):
    done = CliRunner().invoke(app, ["pretrain", str(tmp_path / "none.yaml")])
    assert done.exit_code == 1 and done.stderr.startswith("Error: ")
