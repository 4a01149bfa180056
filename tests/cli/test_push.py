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
    push = ["push", str(exported["base"]), "org/typed", "--tag", "v2", "--private", "--message", "First", "--json"]
    info = ["info", "org/typed", "--revision", "v2", "--json"]
    code = (
        "import sys; from modeling_finemoltex.cli.main import app;"
        f"[app(words, standalone_mode=False) or print(end='\\0') for words in ({push}, {info})]"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    pushed, described = map(json.loads, done.stdout.rstrip("\0").split("\0"))
    assert described["revision"] == pushed["commit"] == hub.repositories["models", "org/typed"].tags["v2"]
    assert described["class"] == "FineMolTexModel" and described["parameters"]
