"""Where the packages lie and what they need; everything static is in `pyproject.toml`.

`processors/` stays at the top level of the repository but is installed as `modeling_finemoltex.processors`, because
two unrelated distributions on PyPI install a top-level `processors` and would overwrite ours without a word.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

# Folders of the checkout that live under another name once installed.
MAPPED = {
    "modeling_finemoltex.processors": "processors",
    "modeling_finemoltex.hub_cards": "hub_cards",
    # Outside the package, and only there: importing a part of the package imports the package first.
    "finemoltex_cli": "modeling_finemoltex/cli",
}

# Read from the source text, without importing the package. The weights of other models belong on the Hub.
NAMED = Path(__file__).with_name("modeling_finemoltex") / "hub" / "shipped_model.py"
(SHIPPED_MODEL,) = re.findall(r'^SHIPPED_MODEL = "(.+)"$', NAMED.read_text(encoding="utf-8"), flags=re.MULTILINE)

# A lower bound leaves out releases with a known hole on what the package does with files of others; see the reasons.
REQUIRED = [
    "transformers>=5.21,<6",  # 5.21: declarative sub-configurations; 6 may remove what a custom architecture stands on
    "torch>=2.10",  # CVE-2026-24747: a checkpoint read with `weights_only` could run code
    "torch-geometric>=2.5",  # the pure-Python wheel; its compiled extensions are never used
    "rdkit>=2024.3.1",
    "accelerate>=1.1",  # what `transformers.Trainer` asks for
    "datasets>=4.0",  # first release with `datasets.List`
    "evaluate>=0.4.2",
    "huggingface-hub>=1.31,<3",
    "numpy>=1.24",
    "pyarrow>=23.0.1",  # CVE-2026-25087, CVE-2023-47248: Arrow files of others, here rows of an index
    "fsspec>=2023.6",  # files at URLs; datasets needs it anyway
    "crem>=0.3",  # exchanges fragments that occur in the same surroundings: what an editor proposes
    "typer>=0.12",  # the command line; transformers needs it anyway
    "faiss-cpu>=1.11",  # holds the search indices: a first search needs no extra
]

# `chemicals` holds the default corpus; matplotlib draws the curves; tensorboard is the default `report_to`.
EXAMPLES = ["chemicals>=1.2", "matplotlib>=3.8", "tensorboard>=2.16"]
# scikit-learn weighs the words of the lexical baselines (CVE-2024-5206: before 1.5 its vectoriser kept words of the
# training texts).
RETRIEVAL = ["scikit-learn>=1.5"]
# scikit-learn (and with it scipy) scores, calibrates, holds baselines and blends, and takes molecules through
# `FineMolTexTransformer` (before 1.7, tables made of a series had other row labels); skops (MIT) saves blends without
# a pickle (CVE-2025-54412, -54413 and -54886, before 0.13: a file could run code); peft adds LoRA updates.
PROPERTIES = ["scikit-learn>=1.7", "skops>=0.13", "peft>=0.15"]
# onnx and onnxscript write exported models, onnxruntime (MIT) quantises and runs them; to run them it is enough alone.
ONNX = ["onnx>=1.19", "onnxscript>=0.5.6", "onnxruntime>=1.22"]
# selfies writes what a generator reads, and proposes analogues by random symbols.
EDITING = ["selfies>=2.1"]
# nltk and rouge-score compare captions with those of people. Without the data of WordNet, METEOR counts no synonyms.
# CVE-2024-39705, before 3.9: data for nltk could run code.
CAPTIONING = ["nltk>=3.9.1", "rouge-score>=0.1.2"]
# scikit-learn fits what explains masked predictions, and maps tokens; matplotlib draws.
EXPLAIN = ["scikit-learn>=1.5", "matplotlib>=3.8"]
# Texts and molecules through `SentenceTransformer.encode`; older releases name what a module is differently.
SENTENCE_TRANSFORMERS = ["sentence-transformers>=6.2,<7"]
# gradio shows the demo, from the release that its drawing field was made with; matplotlib draws.
SPACE = ["gradio>=6.31,<7", "matplotlib>=3.8"]
# lancedb (Apache-2.0) keeps an index on the disk or in a bucket, and searches it there.
LANCE = ["lancedb>=0.30"]
# Ray spreads the embedding of a library over cores and machines. 240 MB, and a script alone takes it: no test needs it
# by default. CVE-2025-62593, before 2.52: a web page could run code through the dashboard.
RAY = ["ray[data]>=2.52"]
FEATURES = [
    *(*EXAMPLES, *RETRIEVAL, *PROPERTIES, *EDITING, *CAPTIONING, *EXPLAIN, *ONNX),
    *(*SENTENCE_TRANSFORMERS, *SPACE, *LANCE),
]
# Run the notebooks from top to bottom.
NOTEBOOKS = ["nbclient>=0.10", "ipykernel>=6.29"]
# The tests run the examples and the demo, so they need what those need; selenium drives a Chromium that is there, and
# build parts for the wheel test come with setuptools. CVE-2025-71176: temporary folders of pytest could be taken over;
# CVE-2025-47273: setuptools wrote outside of its folder.
PYTEST = ["hypothesis>=6.100", "pytest>=9.0.3", "pytest-timeout>=2.3", "pytest-xdist>=3.6"]
TEST = [*FEATURES, *NOTEBOOKS, *PYTEST, "openpyxl>=3.1", "psutil>=5.9", "selenium>=4.20", "setuptools>=78.1.1"]
# mkdocstrings reads the API reference from the docstrings; its Python handler brings griffe 2.
DOCS = ["mkdocs>=1.6,<2", "mkdocs-material>=9.6", "mkdocstrings[python]>=1.0", *NOTEBOOKS]
# Build and check what is released.
RELEASE = ["build>=1.2", "check-wheel-contents>=0.6", "twine>=6.1"]
DEV = [*TEST, *DOCS, *RAY, *RELEASE, "ruff>=0.9", "mypy>=1.13", "pre-commit>=3.8"]

setup(
    packages=[*find_packages(include=["modeling_finemoltex", "modeling_finemoltex.*"], exclude=["*.cli"]), *MAPPED],
    package_dir=MAPPED,
    package_data={
        "": ["*.pyi"],
        "modeling_finemoltex": ["py.typed"],
        "modeling_finemoltex.processors": ["*.json"],
        "modeling_finemoltex.hub_cards": [
            *("templates/*", "images/*", "metrics/*/*", "datasets/*/*", "space/*", "fragments/*", f"{SHIPPED_MODEL}/*")
        ],
    },
    include_package_data=False,
    install_requires=REQUIRED,
    extras_require={
        "examples": EXAMPLES,
        "retrieval": RETRIEVAL,
        "properties": PROPERTIES,
        "editing": EDITING,
        "captioning": CAPTIONING,
        "onnx": ONNX,
        "explain": EXPLAIN,
        "sentence-transformers": SENTENCE_TRANSFORMERS,
        "space": SPACE,
        "lance": LANCE,
        "ray": RAY,
        "docs": DOCS,
        "release": RELEASE,
        "test": TEST,
        "dev": DEV,
    },
)
