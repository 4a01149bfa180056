"""An index on LanceDB answers as one of faiss does, is filtered by its columns, and is whole whenever it is killed."""

import functools
import random
import shutil

import numpy as np
import pyarrow as pa
import pytest
import torch

pytest.importorskip("lancedb")
pytest.importorskip("faiss")

from modeling_finemoltex import FineMolTexModel, MoleculeFilter, MoleculeTextEncoder, MoleculeTextIndex, embed_file
from modeling_finemoltex.data.identifiers import try_parse
from modeling_finemoltex.data.molecule_filters import DESCRIPTORS
from tests.faults import kill_during, time_of

LIBRARY = [
    head + "C" * length + tail
    for head in ("", "c1ccccc1", "OCC(=O)", "Cl")
    for length in range(1, 10)
    for tail in ("O", "N", "Br", "C(=O)O", "c1ccncc1", "S", "F", "C#N")
]
TEXT = "a pyridine without halogens"


@pytest.fixture(scope="module")
def encoder(change_config, processor):
    torch.manual_seed(0)
    model = FineMolTexModel(change_config(token_config={"size": 32}))
    torch.nn.init.normal_(model.word_tokens.projection.weight)
    return MoleculeTextEncoder(model, processor)


@pytest.fixture(scope="module")
def embeddings(encoder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("library")
    (folder / "library.smi").write_text("\n".join(f"{smiles} it's-{row}" for row, smiles in enumerate(LIBRARY)))
    embed_file(folder / "library.smi", folder / "embeddings", encoder, shard_rows=100, num_workers=0)
    return folder / "embeddings"


@pytest.fixture(scope="module")
def made(embeddings):
    location = embeddings.parent / "library.lance"
    MoleculeTextIndex.from_embeddings(embeddings, location=location, descriptors=["MolWt", "qed"])
    return location


@pytest.fixture
def lance(made, encoder, tmp_path):
    """A copy for each test, opened by its URL."""
    shutil.copytree(made, tmp_path / "library.lance")
    return MoleculeTextIndex.load(f"file://{tmp_path}/library.lance", encoder)


@pytest.fixture
def local(embeddings, encoder):
    index = MoleculeTextIndex.from_embeddings(embeddings, method="flat")
    index.encoder = encoder
    return index


def by_row(hits):
    return {hit.row: (hit.id, hit.smiles, hit.contradicts) for hit in hits}


def scores_of(hits):
    return {hit.row: hit.score for hit in hits}


def assert_same(one, other, **query):
    found, expected = one.search(**query), other.search(**query)
    assert found and all(found)
    for hits, wanted in zip(found, expected, strict=True):
        assert [hit.score for hit in hits] == pytest.approx([hit.score for hit in wanted], abs=1e-6)
        assert by_row(hits) == by_row(wanted)
        assert scores_of(hits) == pytest.approx(scores_of(wanted), abs=1e-6)  # in this order, but for equal scores


HEAVY = MoleculeFilter(ranges={"MolWt": (100, 160.5), "qed": (0.4, None)})
PYRIDINES = MoleculeFilter(smarts=("n",), exclude_smarts=("Br",), ranges={"MolWt": (None, 180), "TPSA": (20, None)})


@pytest.mark.parametrize(
    "query",
    [
        {"smiles": ["CCCO", "c1ccncc1"], "k": 20},
        {"texts": [TEXT, "an acid"], "k": 15, "rescored": 40},
        {"texts": TEXT, "k": 12, "rescored": 0, "without": "an amine"},
        {"texts": TEXT, "k": 12, "facts": "require", "rescored": 0},
        {"texts": TEXT, "k": 12, "filters": HEAVY},
        {"texts": [TEXT, "an acid"], "k": 7, "filters": PYRIDINES, "rescored": 0},
        {"smiles": "CCCO", "k": len(LIBRARY)},
    ],
)
def test_answers_are_those_of_faiss(lance, local, query):
    assert lance.method == "lance" and len(lance) == len(local) and lance.kind == local.kind
    assert_same(lance, local, **query)


def test_rows_are_added_and_removed_at_once(lance, local, tmp_path, encoder):
    for index in (lance, local):
        index.add(smiles=["CCCCCCCCCCCCI", "IC"], ids=["new's", "newer"])
        index.remove(["it's-7", "it's-250"])
        with pytest.raises(ValueError, match="in the index already"):
            index.add(smiles=["C"], ids=["it's-8"])
        with pytest.raises(ValueError, match="not in the index"):
            index.remove(["it's-7"])
    again = MoleculeTextIndex.load(tmp_path / "library.lance", encoder)
    assert len(again) == len(LIBRARY)
    assert_same(again, local, smiles="CCCO", k=len(again))
    weighed = MoleculeFilter(ranges={"MolWt": (141, 142)})  # the new row has its descriptors
    assert [hit.id for hit in again.search(smiles="CI", k=5, filters=weighed)[0]][:1] == ["newer"]
    again.save(tmp_path / "library.lance")
    assert_same(MoleculeTextIndex.load(tmp_path / "library.lance", encoder), local, texts=TEXT, k=30)


def test_columns_are_filtered_in_sql(lance, local):
    weights = [DESCRIPTORS["MolWt"](try_parse(smiles)) for smiles in LIBRARY]
    where = MoleculeFilter(where="MolWt > 150 AND id LIKE 'it''s-1%'")
    expected = {row for row, weight in enumerate(weights) if weight > 150 and str(row).startswith("1")}
    assert {hit.row for hit in lance.search(smiles="CCO", k=len(LIBRARY), filters=where)[0]} == expected
    with pytest.raises(ValueError, match="LanceDB cannot search: .*price"):
        lance.search(smiles="CCO", filters=MoleculeFilter(where="price < 3"))
    with pytest.raises(ValueError, match="columns of an index on LanceDB"):
        local.search(smiles="CCO", filters=MoleculeFilter(where="price < 3"))


def test_the_approximate_structure_finds_nearly_all(embeddings, encoder, local, tmp_path):
    location = tmp_path / "library.lance"
    index = MoleculeTextIndex.from_embeddings(embeddings, "lance_ivf_pq", location, ["MolWt"])
    index.encoder = encoder
    assert MoleculeTextIndex.load(location).method == "lance_ivf_pq"
    wanted = {"smiles": LIBRARY[::20], "k": 10}
    pairs = zip(index.search(**wanted), local.search(**wanted), strict=True)
    shares = [len({hit.row for hit in one} & {hit.row for hit in other}) / 10 for one, other in pairs]
    assert np.mean(shares) >= 0.95
    assert_same(index, local, smiles="CCO", k=len(LIBRARY))  # more than the lists that are read hold
    index.add(smiles=["ICCI"], ids=["new"])
    assert index.search(smiles="ICCI", k=1)[0][0].id == "new"  # before the structure knows it


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_table_of_something_else_is_never_replaced(embeddings, tmp_path, overwrite):
    import lancedb

    lancedb.connect(tmp_path).create_table("prices", pa.table({"id": ["a"], "price": [3]}))
    with pytest.raises(ValueError, match="no index of this version.*Give another place"):
        MoleculeTextIndex.from_embeddings(embeddings, location=tmp_path / "prices.lance", overwrite=overwrite)
    assert lancedb.connect(tmp_path).open_table("prices").to_arrow()["price"].to_pylist() == [3]


def test_what_cannot_be_is_said(embeddings, tmp_path, lance, local):
    with pytest.raises(ValueError, match="whose name ends in .lance"):
        MoleculeTextIndex.load("s3://bucket/index")
    with pytest.raises(ValueError, match=r"no such folder. `finemoltex index` makes one"):
        MoleculeTextIndex.load(tmp_path / "none.lance")
    assert not (tmp_path / "none.lance").exists()
    with pytest.raises(ValueError, match="exists: give another place"):
        MoleculeTextIndex.from_embeddings(embeddings, location=tmp_path / "library.lance")
    with pytest.raises(ValueError, match="auto, lance or lance_ivf_pq: got 'hnsw'"):
        MoleculeTextIndex.from_embeddings(embeddings, "hnsw", tmp_path / "x.lance")
    with pytest.raises(ValueError, match="Unknown descriptor 'Weight'"):
        MoleculeTextIndex.from_embeddings(embeddings, location=tmp_path / "x.lance", descriptors=["Weight"])
    with pytest.raises(ValueError, match="give one that ends in .lance"):
        MoleculeTextIndex.from_embeddings(embeddings, descriptors=["MolWt"])
    with pytest.raises(ValueError, match="is written there at once"):
        lance.save(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="made by `from_embeddings"):
        local.save(tmp_path / "y.lance")
    with pytest.raises(ValueError, match="stores no structural facts"):
        lance.count_facts()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["library.lance"]


def make(embeddings, location):
    MoleculeTextIndex.from_embeddings(embeddings, location=location, overwrite=True)


def change(location, model_folder):
    """Add rows and remove one: two commits."""
    index = MoleculeTextIndex.load(location, MoleculeTextEncoder.from_pretrained(model_folder, device="cpu"))
    index.add(smiles=["I" + "C" * length for length in range(1, 40)], ids=[f"new {row}" for row in range(39)])
    index.remove(["it's-5"])


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_at_fourteen_moments(embeddings, encoder, tmp_path):
    """Making, replacing, adding and removing: before or after, and filters are right each time."""
    location, moments, seen = tmp_path / "library.lance", random.Random(0), set()
    encoder.model.save_pretrained(tmp_path / "model")
    encoder.processor.save_pretrained(tmp_path / "model")
    create, grow = (
        functools.partial(make, embeddings, location),
        functools.partial(change, location, tmp_path / "model"),
    )
    duration = time_of(create)
    for _ in range(7):
        kill_during(create, moments.uniform(0, 1.2 * duration))
        assert len(MoleculeTextIndex.load(location)) == len(LIBRARY)
    duration += time_of(functools.partial(MoleculeTextEncoder.from_pretrained, tmp_path / "model", device="cpu"))
    for _ in range(7):
        make(embeddings, location)
        kill_during(grow, moments.uniform(0, 1.5 * duration))
        index = MoleculeTextIndex.load(location, encoder)
        seen.add(len(index))
        assert len(index) in (len(LIBRARY), len(LIBRARY) + 39, len(LIBRARY) + 38)
        assert len(index.search(smiles="CI", k=600)[0]) == len(index)
        added = index.search(smiles="CI", k=100, filters=MoleculeFilter(where="id LIKE 'new %'"))[0]
        assert len(added) == (39 if len(index) > len(LIBRARY) else 0)
    assert len(seen) > 1
