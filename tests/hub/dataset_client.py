"""Pushes a dataset folder twice to the Hub of the environment, and pulls it. Run by `test_names_dataset.py`.

usage: python dataset_client.py ARGUMENT.json RESULT.json
"""

import json
import sys
from pathlib import Path

import datasets

from modeling_finemoltex import push_folder

if __name__ == "__main__":
    argument = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for _ in range(2):
        push_folder(argument["folder"], argument["name"])
    rows = {split: part.to_list() for split, part in datasets.load_dataset(argument["name"]).items()}
    Path(sys.argv[2]).write_text(json.dumps(rows), encoding="utf-8")
