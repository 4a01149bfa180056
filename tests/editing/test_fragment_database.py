"""Databases of fragments: built whole or not at all, and refused with a sentence."""

import logging
import sqlite3

import pytest

pytest.importorskip("crem")

from modeling_finemoltex.editing import build_fragment_database, read_fragment_facts
from modeling_finemoltex.editing.fragment_database import open_database

LIBRARY = ["CCc1ccccc1", "CCCc1ccccc1", "OCc1ccccc1", "NCc1ccccc1", "ClCc1ccccc1", "no molecule"]


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    file = tmp_path_factory.mktemp("fragments") / "fragments.db"
    build_fragment_database(LIBRARY, file, name="benzyl")
    return file


def test_facts_tell_what_was_built(database):
    facts = read_fragment_facts(database)
    assert {key: facts[key] for key in ("name", "radius", "molecules", "min_count")} == {
        **{"name": "benzyl", "radius": 2, "molecules": 5, "min_count": 1}
    }
    assert facts["pairs"] > facts["fragments"] > 5 < facts["surroundings"]


def test_rows_that_cannot_be_read_are_told(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        build_fragment_database(LIBRARY, tmp_path / "fragments.db")
    assert "Left out 1 of 6 molecules that cannot be read (molecule 6: " in caplog.text


def test_several_processes_and_other_orders_write_the_same_bytes(database, tmp_path):
    again = tmp_path / "again.db"
    build_fragment_database(LIBRARY[::-1], again, name="benzyl", num_processes=2)
    assert again.read_bytes() == database.read_bytes()


def test_rare_and_large_fragments_are_left_out(tmp_path):
    small = build_fragment_database(LIBRARY, tmp_path / "small.db", max_fragment=1)
    common = build_fragment_database(LIBRARY, tmp_path / "common.db", min_count=3)
    with sqlite3.connect(tmp_path / "common.db") as connection:
        assert connection.execute("SELECT MIN(seen) FROM radius2").fetchone()[0] >= 3
    with sqlite3.connect(tmp_path / "small.db") as connection:
        assert connection.execute("SELECT MAX(core_num_atoms) FROM radius2").fetchone()[0] == 1
    assert small["pairs"] > common["pairs"] > 0


def test_what_cannot_be_built_leaves_nothing(tmp_path, database):
    for given, options, message in (
        (["nothing"], {}, "its only row was rejected"),
        (LIBRARY, {"min_count": 50}, "No fragment occurs in 50 of the 5 molecules"),
        (LIBRARY, {"radius": 0}, "`radius` must be at least 1, got 0"),
    ):
        with pytest.raises(ValueError, match=message):
            build_fragment_database(given, tmp_path / "new.db", **options)
    assert list(tmp_path.iterdir()) == []
    before = database.read_bytes()
    with pytest.raises(ValueError, match="exists: delete it"):
        build_fragment_database(LIBRARY, database)
    assert database.read_bytes() == before


def test_damaged_and_foreign_files_are_refused(tmp_path, database):
    whole = database.read_bytes()
    foreign = tmp_path / "foreign.db"
    sqlite3.connect(foreign).execute("CREATE TABLE other(name)").connection.close()
    for name, content in (("cut.db", whole[: len(whole) // 2]), ("text.db", b"smiles\nCCO\n" * 50), ("empty.db", b"")):
        (tmp_path / name).write_bytes(content)
    for name in ("cut.db", "text.db", "empty.db", "foreign.db", "missing.db"):
        with pytest.raises(ValueError, match="is no fragment database"):
            read_fragment_facts(tmp_path / name)


def test_open_databases_cannot_be_changed(database):
    connection = open_database(database)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM envs")
    connection.close()
