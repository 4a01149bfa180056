"""Runs the pipelines of a folder as somebody without our package does. Run by `test_pipelines.py`.

usage: python -I remote_pipelines_client.py FOLDER RESULT_FILE OTHER_FOLDER...
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import remote_client  # noqa: E402, F401 - makes our packages unimportable
from transformers import pipeline  # noqa: E402


def main(folder: str, result: str, *others: str) -> None:
    options = {"model": folder, "trust_remote_code": True, "device": "cpu"}
    embed = pipeline("finemoltex-feature-extraction", **options)
    classify = pipeline("finemoltex-zero-shot-classification", **options)
    retrieve = pipeline("finemoltex-retrieval", **options)
    found = {
        "features": embed(["CCO", {"text": "an alcohol"}]),
        "classes": classify("CCO", candidate_labels=["an alcohol", "an arene"]),
        "hits": retrieve("an alcohol", candidates=["C", "CCO"]),
        "others": [
            pipeline("finemoltex-feature-extraction", **(options | {"model": other}))("CCO") for other in others
        ],
        "packages": sorted({type(one).__module__.split(".")[0] for one in (embed, embed.model, embed.processor)}),
    }
    Path(result).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
