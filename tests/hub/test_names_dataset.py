"""The default corpus as a dataset: a folder that `datasets` reads, and a card whose figures are those of its rows."""

import importlib.metadata
import importlib.util
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import datasets
import pytest
from huggingface_hub import DatasetCard
from rdkit import Chem

from modeling_finemoltex import export_names_dataset, push_folder
from modeling_finemoltex.data import chemicals_corpus
from modeling_finemoltex.hub.publishing import list_additions

CARD = Path(__file__).resolve().parents[2] / "hub_cards" / "datasets" / "finemoltex-pairs" / "README.md"
# A chain of another length between two rings is another scaffold.
MOLECULES = {f"c1ccccc1{'C' * length}c1ccccc1": f"1,{length}-diphenylalkane" for length in range(1, 31)}
MOLECULES |= {"CCO": "ethanol", "CCCC": "butane", "CC(=O)O": "acetic acid", "CCN": "ethylamine"}


def split_of(folder: Path) -> datasets.DatasetDict:
    return datasets.load_dataset(str(folder))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Written from a table of 34 molecules, each with its name and a synonym."""
    home = tmp_path_factory.mktemp("corpus")
    lines = []
    for smiles, name in MOLECULES.items():
        key = Chem.MolToInchiKey(Chem.MolFromSmiles(smiles))
        lines.append("\t".join(["1", "1-1-1", "C", "1.0", smiles, "x", key, name, f"{name} of old"]))
    table = home / chemicals_corpus.TABLE
    table.parent.mkdir()
    table.write_text("\n".join(lines), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        found = SimpleNamespace(submodule_search_locations=[str(home)])
        patch.setattr(importlib.util, "find_spec", lambda name: found)
        return export_names_dataset(home / "tiny-names", valid_size=20, test_size=20)


def test_the_folder_is_a_dataset(folder):
    loaded = split_of(folder)
    assert {name: len(part) for name, part in loaded.items()} == {"train": 28, "validation": 20, "test": 20}
    assert loaded["train"].column_names == ["smiles", "text", "inchikey", "kind"]
    keys = [set(part["inchikey"]) for part in loaded.values()]
    assert not keys[0] & keys[1] and not keys[0] & keys[2] and not keys[1] & keys[2]


def test_the_card_counts_the_rows(folder):
    card = DatasetCard.load(folder / "README.md")
    assert "68 pairs, 34 molecules" in card.text
    assert re.search(r"\| train \| 28 \| 14 \| 14 \|", card.text)
    assert "chemistry" in card.data.tags and card.data.size_categories == ["n<1K"]
    paths = [one["path"] for one in card.data.configs[0]["data_files"]]
    assert all((folder / path).is_file() for path in paths)


def test_the_code_of_the_card_runs(folder, capsys):
    (code,) = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    exec(code.replace('"tiny-names"', repr(str(folder))), {})
    first = split_of(folder)["train"][0]
    assert capsys.readouterr().out == f"{first['smiles']} {first['text']}\n"


def test_only_what_the_card_names_is_published(folder, tmp_path):
    folder = shutil.copytree(folder, tmp_path / "tiny-names")
    for name in ("notes.md", ".env", "data/train-00001-of-00002.parquet", "data/.cache.parquet", "cache.arrow"):
        (folder / name).write_text("own")
    card = folder / "README.md"
    named = "data/test-00000-of-00001.parquet"
    more = (named, "../secret.parquet", "/etc/hostname", "data/link.parquet", ".env", "linked/a.parquet")
    listed = "".join(f"  - split: {place}\n    path: {name}\n" for place, name in enumerate(more))
    text = card.read_text(encoding="utf-8").replace("  data_files:\n", f"  data_files:\n{listed}", 1)
    card.write_text(text, encoding="utf-8")
    (tmp_path / "secret.parquet").write_text("own")
    (folder / "data" / "link.parquet").symlink_to(tmp_path / "secret.parquet")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.parquet").write_text("own")
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    splits = [f"data/{split}-00000-of-00001.parquet" for split in ("test", "train", "validation")]
    assert [one.path_in_repo for one in list_additions(folder, "owner/name")] == ["README.md", *splits]
    for file in splits:
        assert str(tmp_path).encode() not in (folder / file).read_bytes()


def test_a_dataset_that_is_not_ready_is_refused(folder, tmp_path):
    folder = shutil.copytree(folder, tmp_path / "tiny-names")
    (folder / "data" / "test-00000-of-00001.parquet").write_text("own")
    with pytest.raises(ValueError, match="test-00000-of-00001.parquet, which the card names, is no Parquet file"):
        push_folder(folder, "owner/name")
    (folder / "README.md").unlink()
    with pytest.raises(ValueError, match="is no model folder"):
        push_folder(folder, "owner/name")


def test_it_comes_back_from_the_hub(folder, hub, run_script, tmp_path):
    argument = {"name": "org/tiny-names", "folder": folder}
    read = run_script("dataset_client.py", argument, tmp_path, hub.environment(tmp_path))
    uploads = [title for title in hub.titles("org/tiny-names", "datasets") if title.startswith("Upload")]
    assert len(uploads) == 1  # without changes there is no second commit
    assert read == {name: part.to_list() for name, part in split_of(folder).items()}


@pytest.mark.slow
def test_the_card_in_hub_cards_is_what_the_export_writes(tmp_path):
    pytest.importorskip("chemicals")
    shipped = CARD.read_text(encoding="utf-8")
    if f"`chemicals`\n{importlib.metadata.version('chemicals')}, RDKit" not in shipped:
        pytest.skip("the card tells of another version of `chemicals`")
    written = export_names_dataset(tmp_path / CARD.parent.name) / CARD.name
    rdkit = re.compile(r"RDKit [\d.]+\d")
    assert rdkit.sub("", written.read_text(encoding="utf-8")) == rdkit.sub("", shipped)
