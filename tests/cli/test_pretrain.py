"""`finemoltex pretrain` is `examples/pretrain.py` under another name."""

from modeling_finemoltex.hub.publishing import check_folder


def test_it_leaves_a_folder_that_can_be_pushed(command, tmp_path, run):
    done = run("pretrain", *command)
    assert f"card are in {tmp_path / 'run'}" in done.stdout and "hits@1" in done.stdout.lower()
    check_folder(tmp_path / "run")


def test_its_help_lists_the_options_of_the_run(run):
    done = run("pretrain", "--help")
    assert "finemoltex pretrain [RECIPE.yaml]" in done.stdout and "--smiles_column" in done.stdout


def test_wrong_values_are_one_sentence(tmp_path, run):
    for words, message in (
        ([tmp_path / "none.yaml"], "none.yaml"),
        (["--sources", '{"dataset": "a.csv"}', "--dataset", "b.csv"], "Give either --dataset or --sources"),
        (["--source_weights", "a=1"], "--source_weights ['a=1'] need --sources"),
    ):
        done = run("pretrain", *words, code=1)
        assert done.stderr.startswith("Error: ") and message in done.stderr and not done.stdout


def test_what_is_no_number_is_a_usage_error(run):
    assert "--max_steps" in run("pretrain", "--max_steps", "ten", code=2).stderr
