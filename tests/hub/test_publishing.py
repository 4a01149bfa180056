"""What is refused before a push, and what a description says; the pushes themselves are in `test_round_trips.py`."""

import json
import re
import shutil
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from safetensors.torch import load_file, save_file

from modeling_finemoltex import FineMolTexForRetrieval, describe_model, export_folder
from modeling_finemoltex.hub.contents import list_published
from modeling_finemoltex.hub.publishing import check_folder, list_additions
from tests.faults import full_disk

HERE = Path(__file__).parent


@pytest.fixture
def folder(exported, tmp_path):
    """An exported folder to break."""
    return shutil.copytree(exported["retrieval"], tmp_path / "tiny", ignore=shutil.ignore_patterns("index"))


@pytest.mark.parametrize("name", ["base", "pretraining", "retrieval", "properties", "editing", "captioning"])
def test_exported_folders_are_complete(exported, name):
    check_folder(exported[name])


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ("config.json", "is no model folder: it has no config.json"),
        ("README.md", r"has no card \(README.md\). Write the folder with `export_folder`"),
        ("handler.py", "lacks handler.py"),
        ("requirements.txt", "lacks requirements.txt"),
        ("fusion_finemoltex.py", "lacks fusion_finemoltex.py"),
        ("model.safetensors", "does not load, so it is not pushed"),
        ("processor_config.json", "does not load, so it is not pushed"),
    ],
)
def test_a_folder_that_lacks_a_part_is_refused(folder, missing, reason):
    (folder / missing).unlink()
    with pytest.raises(ValueError, match=reason):
        check_folder(folder)


def test_weights_that_do_not_fit_are_refused(folder):
    weights = load_file(folder / "model.safetensors")
    weights.pop("finemoltex.logit_scale")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"weights do not fit the model: .*logit_scale"):
        check_folder(folder)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("- finemoltex\n", "", "lack the tag 'finemoltex'"),
        ("# tiny-retrieval", "# {{ model_id }}", r"is not filled in: it still says {{ model_id }}"),
    ],
)
def test_a_card_that_is_not_ready_is_refused(folder, old, new, reason):
    card = folder / "README.md"
    card.write_text(card.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=reason):
        check_folder(folder)


def test_another_kind_of_model_is_refused(folder):
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "bert"}), encoding="utf-8")
    for refuse in (check_folder, lambda folder: describe_model(str(folder))):
        with pytest.raises(ValueError, match="of the type 'bert', not of this package"):
            refuse(folder)


def test_an_index_of_another_model_is_refused(folder, exported):
    retrieval = pytest.importorskip("modeling_finemoltex.retrieval.index", reason="needs faiss")
    from modeling_finemoltex import MoleculeTextEncoder

    for name, fits in (("retrieval", True), ("base", False)):
        encoder = MoleculeTextEncoder.from_pretrained(str(exported[name]), device="cpu")
        retrieval.MoleculeTextIndex.build(encoder, smiles=["CCO", "CCN"]).save(folder / "index")
        if fits:
            check_folder(folder)
        else:
            with pytest.raises(ValueError, match="made with another model"):
                check_folder(folder)
        shutil.copy(exported["retrieval"] / "config.json", folder / "config.json")


def test_only_what_others_need_is_published(folder):
    for name in ("training_args.json", "trainer_state.json", "optimizer.pt", "_draft.json", ".env.json", "log.csv"):
        (folder / name).write_text("{}", encoding="utf-8")
    for name in ("checkpoint-1", "preparation", "index", "generator_tokenizer"):
        (folder / name).mkdir()
        (folder / name / "data.json").write_text("{}", encoding="utf-8")
    (folder / "index" / "metadata.json").write_text(json.dumps({"bytes": {"rows.arrow": 3, "../secret.npy": 3}}))
    for name in ("index/rows.arrow", "index/rows-old.arrow", "secret.npy", "passwords.json", "notes.md", "plot.png"):
        (folder / name).write_text("own")
    for name in ("conformal.json", "training_molecules.csv"):  # what was trained on is nobody else's
        (folder / name).write_text("{}", encoding="utf-8")
    for name in ("vocab.json", "index.json", "vocab.txt"):
        (folder / name).symlink_to("passwords.json")
    names = {one.path_in_repo for one in list_additions(folder, "owner/name")}
    code = {file.name for file in folder.glob("*_finemoltex.py")}
    assert names == code | {
        *("model.safetensors", "config.json", "processor_config.json", "tokenizer.json", "tokenizer_config.json"),
        *("handler.py", "requirements.txt", "README.md", "card_facts.yaml", "modules.json"),
        *("index/metadata.json", "index/rows.arrow", "conformal.json"),
    }


def test_a_linked_folder_is_not_published(folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "metadata.json").write_text('{"bytes": {}}')
    (folder / "index").symlink_to(tmp_path / "elsewhere")
    assert not [one for one in list_additions(folder, "owner/name") if one.path_in_repo.startswith("index")]


def test_a_folder_in_the_cache_of_the_hub_is_all_links(folder, tmp_path):
    blobs, snapshot = tmp_path / "models--a--b" / "blobs", tmp_path / "models--a--b" / "snapshots" / "0f"
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    for file in folder.iterdir():
        if file.is_file():
            shutil.copy(file, blobs / f"{file.name}-hash")
            (snapshot / file.name).symlink_to(blobs / f"{file.name}-hash")
    assert [path.name for path in list_published(snapshot)] == [path.name for path in list_published(folder)]


def test_published_facts_do_not_tell_of_the_machine(folder):
    fields = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    changed = fields | {"_name_or_path": "runs/secret-project", "log": "/home/alice/runs/secret-project/log.txt"}
    (folder / "config.json").write_text(json.dumps(changed))
    (folder / "index").mkdir()
    facts = {"bytes": {}, "model": {"name_or_path": "/home/alice/secret-project", "weights": "aa"}}
    (folder / "index" / "metadata.json").write_text(json.dumps(facts))
    for one in list_additions(folder, "owner/name"):
        if one.path_in_repo.endswith(".json"):
            with one.as_file() as file:
                content = file.read().decode()
            assert "secret-project" not in content and "alice" not in content
            if one.path_in_repo == "index/metadata.json":
                assert json.loads(content)["model"] == {"name_or_path": "owner/name", "weights": "aa"}


def test_a_full_disk_keeps_the_exported_model(folder, config, processor):
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    for limit in (100, 20_000):
        with full_disk(limit), pytest.raises(OSError, match=f"{folder.name}.* cannot be written: .* unchanged"):
            export_folder(FineMolTexForRetrieval(config), processor, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_the_code_of_the_card_names_the_repository(folder):
    (card,) = [one for one in list_additions(folder, "owner/name") if one.path_in_repo == "README.md"]
    with card.as_file() as file:
        text = file.read().decode()
    assert 'folder = "owner/name"' in text and '"tiny-retrieval"' not in text and "# tiny-retrieval" in text


def read_code_blocks(folder: Path) -> list[str]:
    """The code of a card, with the folder in place of the name of the model."""
    card = (folder / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    return [block.replace(f'"{folder.name}"', repr(str(folder))) for block in blocks]


@pytest.mark.parametrize("name", ["base", "pretraining", "retrieval", "properties"])
def test_the_first_code_block_of_a_card_runs(exported, name, capsys):
    exec(read_code_blocks(exported[name])[0], {})
    assert "tensor(" in capsys.readouterr().out


def test_the_second_code_block_of_a_card_runs_without_the_package(exported, heads, forked_python, tmp_path):
    code = [(HERE / "without_package.py").read_text(encoding="utf-8")]
    for folder in exported.values():
        _, block = read_code_blocks(folder)
        code.append(f"{block}\nprint(type(model).__name__, type(model).__module__.split('.')[0])")
    done = forked_python.run("\n".join(code), cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    loaded = [line.split()[0] for line in done.stdout.splitlines() if line.endswith(" transformers_modules")]
    expected = {**{name: type(head).__name__ for name, head in heads.items()}, "pretraining": "FineMolTexModel"}
    assert loaded == list(expected.values())


def test_an_editing_model_needs_the_tokenizer_of_its_generator(heads, processor, exported, tmp_path):
    with pytest.raises(ValueError, match="give `generator_tokenizer`, or use `save_editing_folder`"):
        export_folder(heads["editing"], processor, tmp_path / "tiny")
    folder = shutil.copytree(exported["editing"], tmp_path / "tiny-editing")
    shutil.rmtree(folder / "generator_tokenizer")
    with pytest.raises(ValueError, match="lacks generator_tokenizer/tokenizer_config.json"):
        check_folder(folder)


@pytest.mark.parametrize(
    ("name", "pipeline_tag", "tag", "says"),
    [
        ("retrieval", "feature-extraction", "reranking", "re-ranks the best by letting motifs and words attend"),
        ("editing", "graph-ml", "molecule-editing", "a generator (`bart`"),
        ("captioning", "graph-ml", "molecule-captioning", "an encoder-decoder (`t5`)"),
    ],
)
def test_the_card_of_a_head_tells_its_job(exported, name, pipeline_tag, tag, says):
    card = ModelCard.load(exported[name] / "README.md")
    assert card.data.pipeline_tag == pipeline_tag and tag in card.data.tags and says in card.text


def test_the_card_of_an_untrained_matching_head_does_not_re_rank(config, processor, tmp_path):
    export_folder(FineMolTexForRetrieval(config), processor, tmp_path / "tiny")
    text = (tmp_path / "tiny" / "README.md").read_text(encoding="utf-8")
    assert "Its matching head was not trained" in text and "PairReranker" not in text


def test_the_card_of_a_property_model_names_its_labels(exported):
    card = ModelCard.load(exported["properties"] / "README.md")
    assert "that predicts" in card.text and "soluble, toxic" in card.text and "text_embeds" not in card.text
    assert (card.data.pipeline_tag, card.data.metrics) == ("graph-ml", None)


def test_a_folder_is_described(exported, heads, processor):
    found = describe_model(str(exported["properties"]))
    assert found["parameters"] == sum(one.numel() for one in heads["properties"].state_dict().values())
    assert found["motifs"] == processor.feature_extractor.motif_vocab_size
    assert found["words"] == len(processor.tokenizer)
    assert (found["fragmentation"], found["problem_type"]) == ("functional", "multi_label_classification")
    assert found["class"] == "FineMolTexForPropertyPrediction"
    assert "AutoModelForSequenceClassification" in found["loads_as"] and found["endpoint"]
    json.dumps(found)


def test_nothing_is_described_where_nothing_is(tmp_path):
    with pytest.raises(ValueError, match="it has no config.json"):
        describe_model(str(tmp_path))
    with pytest.raises(ValueError, match="neither a folder nor a repository"):
        describe_model("nobody/nothing")  # offline
