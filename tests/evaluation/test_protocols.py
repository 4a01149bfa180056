"""Published layouts become tasks with honest names, and each item is embedded once."""

import gzip
import json
import time

import numpy as np
import pandas as pd
import pytest

from modeling_finemoltex.evaluation import PROTOCOLS, embed_tasks, evaluate_retrieval, load_protocol, report_systems

SMILES = [f"{'C' * size}{end}" for size in range(1, 9) for end in ("O", "N", "Cl")]
TEXTS = [f"number {row} of {len(SMILES)} texts ends here. No. It has a second sentence too" for row in range(24)]


class CountingEncoder:
    """Unit vectors drawn from the string itself; counts the rows it was given."""

    def __init__(self):
        self.rows = 0

    def encode(self, strings):
        self.rows += len(strings)
        seeds = [np.frombuffer(one.encode(), dtype=np.uint8) for one in strings]
        rows = np.stack([np.random.default_rng(seed).normal(size=32) for seed in seeds]).astype(np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    encode_molecules = encode_texts = encode


@pytest.fixture
def chebi20(tmp_path):
    """Queries as jsonl.gz, the pool as csv with other spellings of the same molecules."""
    texts, pool = tmp_path / "asks.jsonl.gz", tmp_path / "pool.csv.gz"
    with gzip.open(texts, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps({"smiles": s, "text": t}) + "\n" for s, t in zip(SMILES[:6], TEXTS, strict=False))
    spelled = ["OC", "NC", "ClC", "OCC", "NCC", "ClCC", *SMILES[6:]]
    pd.DataFrame({"cid": range(24), "smiles": spelled, "split": ["val"] * 6 + ["train"] * 18}).to_csv(pool)
    return str(texts), str(pool)


def test_chebi20_names_what_was_read(chebi20, caplog):
    full, only = load_protocol("chebi20", chebi20[0], pool=[chebi20[1]])
    assert (full.name, only.name) == ("chebi20_validation_full24", "chebi20_validation_only")
    assert len(full.all_smiles) == 24 and full.all_texts == TEXTS[:6] and full.setting.directions == ("t2m",)
    assert len(only.all_smiles) == 6 and only.setting.directions == ("t2m", "m2t")
    assert only.setting.choose_from == (4,) and full.setting.choose_from == ()  # 5 wrong candidates; not published
    wrong = load_protocol("chebi20", chebi20[0], pool=chebi20[1], split="dev", duplicates="wrong")
    assert wrong[0].name == "chebi20_dev_full24_duplicates_wrong" and wrong[0].setting.duplicates == "wrong"
    assert [task.name for task in load_protocol("chebi20", chebi20[0])] == ["chebi20_asks_only"]
    assert not caplog.records


def test_chebi20_with_published_files_searches_all_texts(tmp_path, caplog):
    files = []
    for name, rows in (("training", range(10, 24)), ("test", range(10))):
        files.append(tmp_path / f"{name}.txt")
        lines = [f"{row}\t{SMILES[row]}\t{TEXTS[row]}" for row in rows]
        files[-1].write_text("\n".join(["CID\tSMILES\tdescription", *lines]) + "\n", encoding="utf-8")
    full, _ = load_protocol("chebi20", str(files[1]), pool=list(map(str, files)))
    assert full.name == "chebi20_test_full24" and full.setting.directions == ("t2m", "m2t")
    assert len(full.all_smiles) == len(full.all_texts) == 24 and full.texts == TEXTS[:10]
    load_protocol("chebi20", str(files[1]), pool=str(files[0]))
    assert "10 of 10 asking molecules are not in the pool" in caplog.text


def test_drugbank_folder_with_its_index(tmp_path):
    for folder in ("raw", "index"):
        (tmp_path / folder).mkdir()
    name = "SMILES_description_removed_from_PubChem_full.txt"
    (tmp_path / "raw" / name).write_text("\n".join(map("\t".join, zip(SMILES, TEXTS, strict=True))), encoding="utf-8")
    rows = [",".join(str((row + step) % 24) for step in range(1, 21)) for row in range(24)]
    (tmp_path / "index" / name).write_text("\n".join(rows))
    (task,) = load_protocol("drugbank_description", str(tmp_path))
    assert task.name == "drugbank_description_index" and task.texts == TEXTS
    assert task.setting.negatives[0].tolist() == list(range(1, 21)) and task.setting.choose_from == (4, 10, 20)
    (drawn,) = load_protocol("drugbank_description", str(tmp_path / "raw" / name), seed=3)
    assert drawn.name == "drugbank_description_drawn" and drawn.setting.seed == 3
    (tmp_path / "index" / name).write_text("\n".join(rows[:-1]))
    with pytest.raises(ValueError, match="23 lines for 24 pairs"):
        load_protocol("drugbank_description", str(tmp_path))


def test_drugbank_atc_puts_every_name_into_the_prompt(tmp_path):
    table = tmp_path / "atc.csv"
    table.write_text('smiles,atc_name_4\nCCO,"Salts, plain;Acids"\nCCN,Acids\n')
    (task,) = load_protocol("drugbank_atc", str(table))
    assert task.smiles == ["CCO", "CCO", "CCN"]
    assert task.texts == [f"This molecule is for {name}." for name in ("Salts, plain", "Acids", "Acids")]
    assert task.setting.molecule_ids.tolist() == [0, 0, 1] and task.setting.text_ids.tolist() == [0, 1, 1]
    published = tmp_path / "SMILES_ATC_5_full.txt"
    published.write_text("CCO\tA01AA\tAcids\n")
    assert load_protocol("drugbank_atc", str(published))[0].texts == ["This molecule is for Acids."]


def test_drugbank_atc_reads_the_level_asked_for(tmp_path):
    table = tmp_path / "atc.csv"
    table.write_text("smiles,atc_name_3,atc_name_4\nCCO,Broad,Narrow\nCCN,Wide,\n")
    (task,) = load_protocol("drugbank_atc", str(table), atc_level=3)
    assert task.name == "drugbank_atc_level3_drawn"
    assert task.texts == ["This molecule is for Broad.", "This molecule is for Wide."]
    with pytest.raises(ValueError, match="needs the columns 'smiles' and 'atc_name_2'"):
        load_protocol("drugbank_atc", str(table), atc_level=2)
    published = tmp_path / "SMILES_ATC_5_full.txt"
    published.write_text("CCO\tA01AA\tAcids\n")
    with pytest.raises(ValueError, match="Leave it out"):
        load_protocol("drugbank_atc", str(published), atc_level=3)


@pytest.fixture
def pcdes(tmp_path, monkeypatch):
    monkeypatch.setitem(PROTOCOLS["pcdes_sentence"].load.__globals__["PCDES_SPLITS"], "test", (4, 24))
    (tmp_path / "align_smiles.txt").write_text("\n".join(SMILES) + "\n")
    (tmp_path / "align_des_filt3.txt").write_text("\n".join(TEXTS) + "\n")
    return str(tmp_path)


def test_pcdes_takes_the_lines_of_a_split(pcdes):
    (task,) = load_protocol("pcdes_paragraph", pcdes)
    assert task.name == "pcdes_test_paragraph" and task.smiles == SMILES[4:] and task.texts == TEXTS[4:]
    assert task.setting.in_batch == 64
    with pytest.raises(ValueError, match="none in the lines"):
        load_protocol("pcdes_paragraph", pcdes, split="validation")


def test_pcdes_sentences_score_by_their_mean(pcdes):
    drawn, mean = load_protocol("pcdes_sentence", pcdes)
    assert [task.name for task in (drawn, mean)] == ["pcdes_test_sentence_drawn", "pcdes_test_sentence_mean"]
    assert mean.text_parts[0] == [piece.strip() for piece in TEXTS[4].split(".") if piece != " No"]
    assert all(one in parts for one, parts in zip(drawn.texts, mean.text_parts, strict=True))
    assert len(set(map(len, drawn.texts))) > 1  # not always the same sentence
    pytest.importorskip("scipy")
    encoder = CountingEncoder()
    molecules, texts = embed_tasks([mean], encoder)[0]
    expected = [np.mean(encoder.encode(parts) @ molecules[3]) for parts in mean.text_parts]
    np.testing.assert_allclose(texts @ molecules[3], expected, rtol=1e-5)
    rank = 1 + sum(score > expected[3] for score in expected)
    assert mean.score(molecules, texts)["m2t_rank"][3] == rank


def test_a_table_of_pairs(tmp_path):
    table = tmp_path / "mine.csv"
    pd.DataFrame({"smiles": SMILES, "text": TEXTS}).to_csv(table)
    (task,) = load_protocol("pairs", str(table))
    assert task.name == "mine" and task.setting.choose_from == (4, 10, 20)
    assert load_protocol("pubchem324k", str(table))[0].name == "pubchem324k_mine"


def test_each_item_is_embedded_once_and_evaluation_is_cheap(chebi20):
    encoder = CountingEncoder()
    tasks = load_protocol("chebi20", chebi20[0], pool=chebi20[1])
    embeds = embed_tasks(tasks, encoder)
    assert encoder.rows == 6 + 18 + 6  # distinct molecules as written and texts, though two tasks ask
    for task, (molecules, texts) in zip(tasks, embeds, strict=True):
        values = task.score(molecules, texts)
        named = evaluate_retrieval(
            molecules[:6], texts, "p", choose_from=(), molecule_ids=task.setting.molecule_ids[:6],
            extra_molecule_embeds=molecules[6:] if len(molecules) > 6 else None,
        )  # fmt: skip
        assert values["t2m_mrr"].mean() == pytest.approx(named["p/t2m_mrr"])


def test_a_choice_of_20_among_1000_costs_little_beside_embedding(model, processor, molecules):
    """1,000 rows: less than 0.3 of what embedding their 2,000 items takes even the smallest model."""
    import torch

    batch = processor(smiles=list(molecules), text=list(molecules.values()), return_tensors="pt", padding=True)
    start = time.process_time()
    with torch.no_grad():
        for _ in range(20):
            model.finemoltex(**batch)
    embedding = (time.process_time() - start) * 1000 / (20 * len(molecules))
    generator = np.random.default_rng(0)
    sides = generator.normal(size=(2, 1000, 256)).astype(np.float32)
    start = time.process_time()
    evaluate_retrieval(*sides, "p", choose_from=(20,), molecule_ids=np.arange(1000))
    assert time.process_time() - start < 0.3 * embedding


def test_fewer_queries_say_so(chebi20):
    full = load_protocol("chebi20", chebi20[0], pool=chebi20[1])[0]
    some = full.with_queries(4)
    assert some.name == "chebi20_validation_full24_4queries" and len(some.all_smiles) == 24
    assert full.with_queries(100) is full
    encoder = CountingEncoder()
    assert len(some.score(*embed_tasks([some], encoder)[0])["t2m_rank"]) == 4 == len(some.score_at_random()["t2m_mrr"])


def test_report_compares_with_the_first_system(chebi20):
    tasks = load_protocol("chebi20", chebi20[0], pool=chebi20[1])
    embeds = embed_tasks(tasks, CountingEncoder())
    systems = {
        "model": [task.score(*pair) for task, pair in zip(tasks, embeds, strict=True)],
        "random": [task.score_at_random() for task in tasks],
    }
    report = json.loads(json.dumps(report_systems(tasks, systems, 20)))
    key = "chebi20_validation_full24/t2m_mrr"
    figures = report["figures"]
    assert report["differences"]["random"][key] == pytest.approx(figures["random"][key] - figures["model"][key])
    assert f"{key}_low" in report["differences"]["random"] and "model" not in report["differences"]
    assert figures["random"]["chebi20_validation_full24/t2m_hits@1"] == pytest.approx(1 / 24)
    assert set(report["ranks"]["model"]["chebi20_validation_only"]) == {"t2m_rank", "m2t_rank"}
    assert report["tasks"]["chebi20_validation_full24"] == {
        **{"queries": 6, "molecules": 24, "texts": 6, "unique_text_share": 1.0, "t2m_ceiling_hits@1": 1.0}
    }
    with pytest.raises(ValueError, match="'random' has scores of 1 tasks: there are 2"):
        report_systems(tasks, {**systems, "random": systems["random"][:1]})


@pytest.mark.parametrize(
    ("name", "text", "options", "message"),
    [
        ("chebi2", "", {}, "Unknown protocol 'chebi2': choose from chebi20"),
        ("drugbank_atc", "", {"pool": "x"}, "takes no pool; it takes index, seed"),
        ("drugbank_description", "CCO a text\n", {}, "line 1: expected 2 tab-separated cells"),
        ("drugbank_description", "CCO\ta\n\t\n", {}, "line 2"),
        ("drugbank_description", "", {}, "is empty"),
        ("drugbank_atc", "CCO\tA01\n", {}, "line 1: expected 3"),
        ("drugbank_atc", "smiles,name\nCCO,x\n", {}, "needs the columns 'smiles' and 'atc_name_4'"),
        ("chebi20", "smiles,text\nCCO,x\n", {"pool": "structure\nCCO\n"}, "has no column named like smiles"),
    ],
)
def test_bad_files_are_explained(tmp_path, name, text, options, message):
    file = tmp_path / ("pairs.csv" if "," in text else "pairs.txt")
    file.write_text(text)
    if "pool" in options and "\n" in options["pool"]:
        (tmp_path / "pool.csv").write_text(options["pool"])
        options = {"pool": str(tmp_path / "pool.csv")}
    with pytest.raises(ValueError, match=message):
        load_protocol(name, str(file), **options)


def test_missing_files_and_unequal_lines(tmp_path, pcdes):
    with pytest.raises(ValueError, match="absent.txt does not exist"):
        load_protocol("drugbank_description", str(tmp_path / "absent.txt"))
    (tmp_path / "align_des_filt3.txt").write_text("one line\n")
    with pytest.raises(ValueError, match="match line by line: got 24 and 1 lines"):
        load_protocol("pcdes_paragraph", pcdes)
    with pytest.raises(ValueError, match="splits train, validation, test: got 'dev'"):
        load_protocol("pcdes_paragraph", pcdes, split="dev")
