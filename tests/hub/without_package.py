"""Importing this makes our packages unimportable: an editable install would answer from anywhere."""

import sys

OURS = ("modeling_finemoltex", "processors")


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in OURS:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Absent())
