"""Push -> tag -> load by revision without the package -> load offline, through a Hub on a loopback port."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file

# Written by the Trainer; they tell the paths of the machine.
PRIVATE = {"training_args.json", "trainer_state.json", "training_rows.json"}

CARDS = Path(__file__).resolve().parents[2] / "hub_cards"


pytestmark = pytest.mark.slow  # a minute: everything is pushed, pulled and read once more by another process


@pytest.fixture(scope="module")
def pairs(molecules):
    return [list(molecules), list(molecules.values())]


@pytest.fixture(scope="module")
def changed(exported, tmp_path_factory):
    """The base model with other weights."""
    folder = tmp_path_factory.mktemp("changed") / "tiny-base"
    shutil.copytree(exported["base"], folder)
    weights = load_file(folder / "model.safetensors")
    torch.manual_seed(1)
    weights = {
        name: value + 0.1 * torch.randn_like(value) if value.is_floating_point() else value
        for name, value in weights.items()
    }
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture(scope="module")
def pointed(exported, tmp_path_factory):
    """The base model as a checkout holds it, with a pointer instead of code."""
    folder = tmp_path_factory.mktemp("pointed") / "tiny-pointed"
    without_code = shutil.ignore_patterns("*.py", "requirements.txt", "README.md", "index")
    shutil.copytree(exported["base"], folder, ignore=without_code)
    (pointer,) = (CARDS / "finemoltex-small").glob("*.py")
    shutil.copy(pointer, folder)
    return folder


@pytest.fixture(scope="module")
def written(hub, exported, changed, pointed, pairs, run_script, tmp_path_factory):
    """What the process that pushes has to tell."""
    home = tmp_path_factory.mktemp("writer")
    argument = {"folders": exported | {"pointed": pointed}, "changed": changed, "pairs": pairs}
    return run_script("hub_writer.py", argument, home, hub.environment(home))


@pytest.fixture(scope="module")
def read(hub, written, pairs, run_script, tmp_path_factory):
    """What a process without the package finds online, and then offline with the same cache."""
    home = tmp_path_factory.mktemp("reader")
    environment = hub.environment(home)
    online = run_script(
        "hub_reader.py", {"pairs": pairs, "offline": False}, home / "online", environment, isolated=True
    )
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    offline = SimpleNamespace(environment={**environment, **nowhere}, pairs=pairs, home=home / "offline")
    return SimpleNamespace(online=online, offline=offline)


@pytest.fixture(scope="module")
def expected(heads, processor, generator_tokenizer, pairs):
    """What the models give in this process."""
    batch = processor(smiles=pairs[0], text=pairs[1])
    seeds = torch.arange(len(pairs[0]))
    written = generator_tokenizer(["CCO", "C"], return_tensors="pt", padding=True)
    with torch.no_grad():
        return {
            "base": heads["base"](**batch).molecule_embeds,
            "pointed": heads["base"](**batch).molecule_embeds,
            "pretraining": heads["pretraining"](**batch, seeds=seeds).loss,
            "plain": heads["pretraining"](**batch, seeds=seeds).loss,
            "retrieval": heads["retrieval"](**batch).logits_per_text,
            "properties": heads["properties"](**processor(smiles=pairs[0])).logits,
            "editing": heads["editing"](written["input_ids"], written["attention_mask"]).aligned_embeds,
        }


def assert_same(actual, expected: torch.Tensor) -> None:
    # Another process may add in another order: 1e-6 of the largest, as logits are cosines over temperature.
    torch.testing.assert_close(
        torch.tensor(actual), expected, atol=1e-6 * max(1.0, expected.abs().max().item()), rtol=0
    )


@pytest.mark.parametrize("name", ["base", "pointed", "pretraining", "retrieval", "properties", "editing", "plain"])
def test_a_pinned_revision_gives_the_same_numbers_without_the_package(read, expected, name):
    assert_same(read.online[name], expected[name])


def test_the_reader_had_no_access_to_the_package(read):
    assert read.online["ours"] == [] and read.online["modules"] == ["transformers_modules"]


def test_the_main_branch_moved_on(read, expected):
    assert (torch.tensor(read.online["changed"]) - expected["base"]).abs().max() > 1e-3


def test_processor_and_dataset_come_back(read, pairs):
    assert read.online["processor"] == [True, True]
    assert read.online["dataset"] == read.online["streamed"] == pairs


def test_a_trained_model_comes_back(read):
    assert read.online["trained"] > 0


def test_everything_loads_offline_once_it_was_loaded(read, run_script):
    offline = read.offline
    argument = {"pairs": offline.pairs, "offline": True}
    again = run_script("hub_reader.py", argument, offline.home, offline.environment, isolated=True)
    assert again == read.online


@pytest.mark.parametrize("name", ["base", "pointed", "pretraining", "retrieval", "properties", "editing"])
def test_pushing_again_makes_no_second_commit(hub, written, name):
    first, second = written["commits"][name]
    assert first == second
    made = [title for title in hub.titles(f"org/tiny-{name}") if title.startswith("Upload")]
    assert len(made) == (2 if name == "base" else 1)  # the base model changed once


def test_a_push_holds_what_others_need_and_nothing_else(hub, written, exported):
    files = hub.files("org/tiny-base", revision="v1")
    local = {path.name for path in exported["base"].iterdir()}
    assert set(files) - {".gitattributes"} == local - PRIVATE
    assert {"README.md", "handler.py", "requirements.txt", "config.json", "processor_config.json"} <= set(files)
    assert files["model.safetensors"].is_lfs and not files["README.md"].is_lfs
    assert json.loads(files["processor_config.json"].content)["feature_extractor"]["motif_vocab"]["motifs"]
    assert '"org/tiny-base"' in files["README.md"].content.decode()


def test_a_folder_with_a_pointer_is_pushed_with_the_code_itself(hub, written, pointed):
    files = hub.files("org/tiny-pointed", revision="v1")
    assert set(files) == set(hub.files("org/tiny-base", revision="v1"))
    assert len(list(pointed.glob("*.py"))) == 1  # the folder itself stays as it is


def test_the_dataset_makes_one_commit_with_data(hub, written):
    assert hub.titles("org/tiny-pairs", "datasets") == ["Upload dataset", "initial commit"]


def test_the_trainer_pushes_loadable_steps_and_no_prepared_data(hub, written):
    titles = hub.titles("org/tiny-trained")
    assert titles == [
        "End of training",
        "Training in progress, step 2",
        "Training in progress, step 1",
        "initial commit",
    ]
    history = hub.repositories["models", "org/tiny-trained"].history("main")
    for commit in history[:-1]:
        assert {"config.json", "model.safetensors", "modeling_finemoltex.py", "processor_config.json"} <= set(
            commit.files
        )
        assert not [name for name in commit.files if name.endswith((".bin", ".pt", ".pth")) or "/" in name]
        assert not PRIVATE & set(commit.files)
    assert "handler.py" in history[0].files and "FineMolTex" in history[0].files["README.md"].content.decode()


def test_listing_finds_the_models_by_their_tag(written):
    names = {
        f"org/tiny-{name}"
        for name in ("base", "pointed", "pretraining", "retrieval", "properties", "editing", "trained")
    }
    assert names <= set(written["listed"])
    assert "org/tiny-processor" not in written["listed"] and written["listed_of_others"] == []


def test_a_model_on_the_hub_is_described_without_its_weights(written, heads):
    described = written["described"]
    assert described["parameters"] == sum(one.numel() for one in heads["properties"].state_dict().values())
    assert (described["class"], described["labels"]) == ("FineMolTexForPropertyPrediction", ["soluble", "toxic"])
    assert described["endpoint"] and not described["index"]
    assert len(described["revision"]) == 40


def test_a_tag_that_is_taken_stays(hub, written):
    assert "'v1' of org/tiny-base stays at" in written["taken_tag"]
    tagged = hub.repositories["models", "org/tiny-base"].tags["v1"]
    assert tagged == written["commits"]["base"][0]


def test_the_server_knew_every_address(hub, read):
    harmless = ("/api/agent-harnesses",)
    assert [one for one in hub.unknown_requests if not one.endswith(harmless)] == []
