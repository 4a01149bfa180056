"""`finemoltex caption`: one molecule, a table, refusals."""

import json


def test_one_molecule_is_described(captioner_folder, captioner, run):
    words = ("caption", "CCO", "--model", captioner_folder)
    text = captioner.write(["CCO"])[0].text
    assert run(*words).stdout == f"{text}\n"
    entry = json.loads(run(*words, "--check", "--json").stdout)
    assert entry["caption"] == text and {one["verdict"] for one in entry["statements"]} <= {
        "true",
        "false",
        "not checked",
    }
    first, *rest = run(*words, "--check").stdout.splitlines()
    assert first == text and len(rest) == len(entry["statements"])
    assert run(*words, "--sample", "--seed", 3).stdout == run(*words, "--sample", "--seed", 3).stdout
    assert run(*words, "--num_beams", 2, "--max_new_tokens", 3).stdout
    caption, source = run(*words, "--quote").stdout.splitlines()
    assert caption and source.startswith("  of ") and ", similarity " in source


def test_a_file_is_described_into_a_table(captioner_folder, tmp_path, run):
    (tmp_path / "library.smi").write_text("CCO ethanol\nC1CC broken\n", encoding="utf-8")
    words = ("caption", tmp_path / "library.smi", "--model", captioner_folder)
    done = run(*words, "--output", tmp_path / "out.csv", "--check")
    assert (
        "2 rows, 1 of them without a caption" in done.stdout and "statements about structure are false" in done.stdout
    )
    assert "row 2: RDKit cannot parse the SMILES 'C1CC'" in (tmp_path / "out.csv").read_text(encoding="utf-8")
    assert "1 of them" in run(*words, "--output", tmp_path / "quoted.csv", "--quote").stdout
    header, first, second = (tmp_path / "quoted.csv").read_text(encoding="utf-8").splitlines()
    assert header == "row,id,smiles,caption,quoted_from,similarity,error" and ",," not in first and second
    assert "give --output OUT.csv" in run(*words, code=1).stderr
    assert "--json is for one molecule" in run(*words, "--output", tmp_path / "out.csv", "--json", code=1).stderr


def test_bad_requests_are_one_sentence(captioner_folder, plain_folder, tmp_path, run):
    words = ("caption", "CCO", "--model", captioner_folder)
    assert "--max_new_tokens must be at least 1: got 0" in run(*words, "--max_new_tokens", 0, code=1).stderr.replace(
        "`", ""
    )
    assert "Either sample, or search with beams" in run(*words, "--sample", "--num_beams", 2, code=1).stderr
    assert "--output is for a file of molecules" in run(*words, "--output", tmp_path / "out.csv", code=1).stderr
    assert "needs a writer" in run("caption", "CCO", "--model", plain_folder, code=1).stderr
    assert "cannot parse the SMILES" in run("caption", "C1CC", "--model", captioner_folder, code=1).stderr
