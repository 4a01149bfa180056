"""`finemoltex push`, and `info` of what was pushed."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_an_incomplete_folder_is_refused_in_one_sentence(tmp_path, run):
    done = run("push", tmp_path, "owner/name", code=1)
    assert done.stderr.startswith("Error: ") and "it has no config.json" in done.stderr
    assert "Traceback" not in done.output


def test_push_and_info_meet_on_the_hub(hub, exported, tmp_path):
    environment = {**os.environ, **hub.environment(tmp_path), "PYTHONPATH": str(ROOT)}
    printed = []
    for words in (
        ["push", exported["base"], "org/typed", "--tag", "v2", "--private", "--message", "First", "--json"],
        ["info", "org/typed", "--revision", "v2", "--json"],
    ):
        command = [sys.executable, "-m", "modeling_finemoltex.cli", *map(str, words)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
        printed.append(json.loads(done.stdout))
    pushed, described = printed
    assert described["revision"] == pushed["commit"] == hub.repositories["models", "org/typed"].tags["v2"]
    assert described["class"] == "FineMolTexModel" and described["parameters"]
