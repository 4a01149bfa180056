"""The main job from end to end, on a file of 196 pairs."""

import csv
import json
import os

import pytest
import torch
from huggingface_hub import ModelCard
from transformers import AutoModel, AutoModelForPreTraining, AutoProcessor

from modeling_finemoltex import FineMolTexForRetrieval
from modeling_finemoltex.model.concepts_finemoltex import SILENT
from modeling_finemoltex.training import parse_arguments, preparation, pretrain, pretraining
from modeling_finemoltex.training.preparation import prepare_data


@pytest.fixture
def prepare(command):
    def run(*words):
        parsed = parse_arguments([*command, *words])
        return prepare_data(*parsed), parsed

    return run


def test_the_example_leaves_a_loadable_folder(command, run_example, tmp_path, capsys):
    assert run_example([*command, "--save_steps", "2", "--eval_steps", "2", "--logging_steps", "1"]) == 0
    folder = tmp_path / "run"
    model = AutoModelForPreTraining.from_pretrained(folder).eval()
    batch = AutoProcessor.from_pretrained(folder)(smiles=["CCO"], text=["an alcohol"], return_tensors="pt")
    with torch.no_grad():
        output = model(**batch)
        embeddings = AutoModel.from_pretrained(folder).eval()(**batch)
    torch.testing.assert_close(embeddings.molecule_embeds, output.molecule_embeds)
    torch.testing.assert_close(embeddings.text_embeds, output.text_embeds)
    names = {path.name for path in folder.iterdir()}
    assert {
        "README.md",
        "training_args.json",
        "trainer_state.json",
        "training_curves.png",
        "train_results.json",
    } <= names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pth", ".pkl"))]
    metrics = json.loads((folder / "test_results.json").read_text(encoding="utf-8"))
    assert 0 < metrics["pairs_random_test/t2m_mrr"] <= 1
    assert "pairs_random_test" in capsys.readouterr().out
    card = ModelCard.load(folder / "README.md")
    assert tuple(card.data[name] for name in ("license", "library_name", "pipeline_tag")) == (
        "apache-2.0",
        "transformers",
        "feature-extraction",
    )
    assert f"{100 * metrics['pairs_random_test/t2m_hits@1']:.2f} %" in card.text


def test_the_best_checkpoint_is_chosen_by_validation_rank(command, run_example, tmp_path):
    run_example([*command, "--save_steps", "1", "--eval_steps", "1", "--save_total_limit", "5"])
    state = json.loads((tmp_path / "run" / "trainer_state.json").read_text(encoding="utf-8"))
    ranks = {
        entry["step"]: entry["eval_validation/t2m_mrr"]
        for entry in state["log_history"]
        if "eval_validation/t2m_mrr" in entry
    }
    assert len(ranks) == 4
    assert state["best_metric"] == max(ranks.values())
    assert ranks[state["best_global_step"]] == max(ranks.values())


def test_contrastive_objective_alone(command, run_example, tmp_path):
    run_example([*command, "--objective", "masked_modelling=none"])
    metrics = json.loads((tmp_path / "run" / "test_results.json").read_text(encoding="utf-8"))
    assert metrics["pairs_random_test/t2m_mrr"] > 0 and not [name for name in metrics if "masked" in name]


def test_structure_is_learned_beside_the_pairs(command, run_example, tmp_path):
    words = "--objective grounding --fact_molecules 80 --queries_per_batch 8 --concept_epochs 2".split()
    run_example([*command, *words])
    folder = tmp_path / "run"
    assert json.loads((folder / "test_results.json").read_text(encoding="utf-8"))["test_meaning_loss"] > 0
    model = FineMolTexForRetrieval.from_pretrained(folder)
    detectors = model.finemoltex.molecule_tokens.concepts.detectors
    assert (detectors.bias - SILENT).abs().max() > 0.01  # the training alone moves them far less


def test_splits_do_not_share_molecules_and_vocabularies_come_from_training_alone(prepare):
    prepared, _ = prepare()
    ids = {name: set(rows["molecule_ids"]) for name, rows in prepared.features.items()}
    assert set(ids) == {"train", "validation", "test"}
    assert ids["train"].isdisjoint(ids["validation"] | ids["test"]) and ids["validation"].isdisjoint(ids["test"])
    assert sum(counts["pairs"] for counts in prepared.summary["splits"].values()) == 196
    assert prepared.summary["motifs"] == prepared.processor.feature_extractor.motif_vocab_size


def test_queries_about_the_molecules_are_trained_on_but_not_held_out(prepare):
    prepared, (model_args, data_args, _) = prepare("--query_molecules", "60", "--objective", "grounding")
    pairs, queries = data_args.training_sources()
    assert (queries.name, pairs.weight, queries.weight) == ("queries", 0.9, 0.1)
    assert prepared.summary["sources"]["queries"]["pairs"] > 60
    train, test = prepared.features["train"], prepared.features["test"]
    written = [row for row in train if row["conditions"] is not None]
    assert written and {row["source_ids"] for row in written} == {1}
    assert all(row is None for row in test["conditions"])
    assert {row["molecule_ids"] for row in written}.isdisjoint(test["molecule_ids"])
    model = pretraining.build_model(model_args, prepared, 0)
    assert model.config.token_config.num_concepts > max(max(row["facts"][::2]) for row in written)


def test_named_evaluation_sets_are_removed_from_training(prepare, tmp_path):
    file = tmp_path / "evaluation.csv"
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(
            [("smiles", "text"), ("CCCCC", "pentane"), ("Fc1cccc(Cl)c1.O", "written otherwise, with water")]
        )
    prepared, _ = prepare("--eval_sets", str(file))
    assert prepared.summary["removed"] == {str(file): 3}  # pentane once, the ring named from both ends
    assert prepared.summary["removed_molecules"] == {str(file): 2}
    assert sum(counts["pairs"] for counts in prepared.summary["splits"].values()) == 193


def test_own_validation_set_is_removed_from_training_too(prepare, pairs_file, tmp_path):
    file = tmp_path / "validation.csv"
    file.write_text("smiles,text\nCCCCC,pentane\n", encoding="utf-8")
    prepared, _ = prepare("--validation_set", str(file))
    assert len(prepared.features["validation"]) == 1
    assert prepared.summary["removed"]["validation"] == 1


def test_a_resumed_run_reads_the_files_of_the_first(prepare, monkeypatch):
    first, _ = prepare()
    monkeypatch.setattr(preparation, "_prepare", lambda *args: pytest.fail("prepared twice"))
    second, _ = prepare("--resume_from_checkpoint")
    assert first.processor.tokenizer.get_vocab() == second.processor.tokenizer.get_vocab()
    assert first.features["train"]["pair_ids"][:] == second.features["train"]["pair_ids"][:]


def test_the_model_fits_the_vocabularies(prepare):
    prepared, (model_args, _, training_args) = prepare(
        "--objective", "masked_modelling.draw=random", "--temperature", "0.2"
    )
    model = pretraining.build_model(model_args, prepared, training_args.seed)
    assert model.config.text_config.vocab_size == len(prepared.processor.tokenizer)
    assert model.config.motif_config.vocab_size == prepared.summary["motifs"]
    assert model.config.mask_token_id == prepared.processor.tokenizer.mask_token_id
    assert model.config.objectives["masked_modelling"]["draw"] == "random" and model.config.temperature == 0.2
    again = pretraining.build_model(model_args, prepared, training_args.seed)
    assert all(torch.equal(one, two) for one, two in zip(model.parameters(), again.parameters(), strict=True))


def test_without_held_out_pairs_nothing_is_evaluated(command, run_example, tmp_path):
    run_example([*command, "--validation_size", "0", "--test_size", "0"])
    assert not (tmp_path / "run" / "test_results.json").exists()
    assert "not evaluated" in (tmp_path / "run" / "README.md").read_text(encoding="utf-8")


def test_given_splits_are_read_from_the_source(prepare, tmp_path):
    rows = {"train": "CCO,ethanol\nCCN,ethylamine\nCCF,fluoroethane", "validation": "NCC,amine", "test": "CCC,propane"}
    for name, lines in rows.items():
        (tmp_path / f"{name}.csv").write_text(f"smiles,text\n{lines}\n", encoding="utf-8")
    prepared, _ = prepare("--dataset", str(tmp_path), "--split", "given")
    assert {name: len(features) for name, features in prepared.features.items()} == {
        "train": 2,  # ethylamine is in the validation split
        "validation": 1,
        "test": 1,
    }


@pytest.fixture
def mixture(pairs_file, tmp_path) -> list[str]:
    """The command line of a run on two sources, whose molecules overlap with a third file."""
    (tmp_path / "names.csv").write_text(
        "smiles,name,synonyms,split\nCCO,ethanol,ethyl alcohol|EtOH,train\nCCN,ethylamine,aminoethane,train\n"
        "CCCl,chloroethane,ethyl chloride,test\nCCCCC,pentane,normal pentane,train\n",
        encoding="utf-8",
    )
    (tmp_path / "evaluation.csv").write_text("smiles,part\nCCCCC,test\nCCO,train\n", encoding="utf-8")
    recipe = {
        "preset": "tiny",
        "sources": [
            {"name": "pairs", "dataset": str(pairs_file), "weight": {"0": 1, "0.5": 0.25}},
            {
                "name": "names",
                "dataset": "${data_dir}/names.csv",
                "text_column": ["name", "synonyms"],
                "text_separator": "|",
                "names_only": True,
                "where": {"split": "train"},
                "weight": {"0.5": 1},
            },
            {"name": "generated", "dataset": "${data_dir}/names.csv", "describe": True, "texts_per_molecule": 2},
        ],
        "eval_sets": [{"name": "held out", "dataset": "${data_dir}/evaluation.csv", "where": {"part": "test"}}],
    }
    file = tmp_path / "recipe.json"
    file.write_text(json.dumps(recipe), encoding="utf-8")
    words = f"{file} --data_dir {tmp_path} --output_dir {tmp_path / 'run'} --max_steps 4 --report_to none --use_cpu"
    return f"{words} --split random --validation_size 20 --test_size 0 --motif_min_count 1 --disable_tqdm true".split()


def test_sources_are_joined_and_numbered_without_what_leaks(mixture):
    prepared = prepare_data(*parse_arguments(mixture))
    assert prepared.summary["removed"] == {"held out": 1 + 2 + 2}
    train = prepared.features["train"]
    by_source = prepared.summary["sources"]
    assert {name: entry["removed"] for name, entry in by_source.items()} == {"pairs": 1, "names": 2, "generated": 2}
    assert sum(entry["pairs"] for entry in by_source.values()) == len(train)
    assert sum(len(rows) for rows in prepared.features.values()) == 195 + 4 + 6
    words = set(prepared.processor.tokenizer.get_vocab())
    assert "molecule" in words  # of the generated captions: the tokenizer has read all sources


def test_a_mixture_trains_and_resumes_with_other_weights_but_not_with_other_rows(mixture, run_example, tmp_path):
    mixture += "--save_steps 1 --max_steps 2 --validation_size 0 --load_best_model_at_end false".split()
    assert run_example(mixture) == 0
    card = (tmp_path / "run" / "README.md").read_text(encoding="utf-8")
    assert "pairs, names, generated" in card and str(tmp_path) not in card
    recipe = json.loads((tmp_path / "recipe.json").read_text(encoding="utf-8"))
    recipe["sources"][0] |= {"weight": 3, "molecules_per_text": 2}
    (tmp_path / "recipe.json").write_text(json.dumps(recipe), encoding="utf-8")
    resume = ["--resume_from_checkpoint", str(tmp_path / "run" / "checkpoint-1")]
    assert run_example([*mixture, *resume]) == 0
    recipe["sources"][1]["names_only"] = False
    (tmp_path / "recipe.json").write_text(json.dumps(recipe), encoding="utf-8")
    with pytest.raises(ValueError, match="these arguments changed: sources"):
        run_example([*mixture, *resume])


def test_unreadable_molecules_are_skipped_or_stop_the_run(prepare, pairs_file, tmp_path):
    file = tmp_path / "broken.csv"
    file.write_text(pairs_file.read_text(encoding="utf-8") + "C1CC,half a ring\n", encoding="utf-8")
    prepared, _ = prepare("--dataset", str(file))
    assert sum(counts["pairs"] for counts in prepared.summary["splits"].values()) == 196
    with pytest.raises(ValueError, match="C1CC"):
        prepare("--dataset", str(file), "--on_error", "raise")


def test_a_cpu_run_uses_the_threads_it_is_given(make_trainer):
    before = torch.get_num_threads()
    training_args = make_trainer(max_steps=1).args
    try:
        training_args.cpu_threads = 3
        pretraining.use_cpu_threads(training_args)
        assert torch.get_num_threads() == 3
        training_args.cpu_threads = None
        pretraining.use_cpu_threads(training_args)
        assert torch.get_num_threads() == len(os.sched_getaffinity(0))
    finally:
        torch.set_num_threads(before)


def test_continues_from_a_folder_with_its_words_motifs_and_weights(command, prepare, run_example, tmp_path):
    assert run_example([*command, "--max_steps", "1"]) == 0
    options = ["--initial_model", str(tmp_path / "run"), "--output_dir", str(tmp_path / "continued")]
    prepared, (model_args, _, training_args) = prepare(*options, "--objective", "matching.weight=0.5")
    first = AutoProcessor.from_pretrained(tmp_path / "run")
    assert prepared.processor.tokenizer.get_vocab() == first.tokenizer.get_vocab()
    assert prepared.processor.feature_extractor.motif_vocab == first.feature_extractor.motif_vocab
    model = pretraining.build_model(model_args, prepared, training_args.seed)
    assert model.config.objectives["matching"]["weight"] == 0.5 and "matching" in model.objectives
    start = AutoModelForPreTraining.from_pretrained(tmp_path / "run")
    for name, tensor in start.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor), name


def test_words_of_the_queries_are_words_of_the_tokenizer(prepare):
    plain, _ = prepare("--fact_molecules", "60")
    asked, (_, data_args, _) = prepare("--fact_molecules", "60", "--queries_per_batch", "8")
    assert (
        asked.processor.tokenizer.tokenize("without") == ["without"] != plain.processor.tokenizer.tokenize("without")
    )
    assert data_args.queries_per_batch == 8 and asked.summary["settings"]["queries_per_batch"] > 8


def test_objectives_that_mini_batches_do_not_help_are_refused_before_any_data(tmp_path):
    words = ["--preset", "tiny", "--mini_batch_size", "4", "--dataset", str(tmp_path / "missing.csv")]
    with pytest.raises(ValueError, match="`mini_batch_size` saves no memory with masked_modelling"):
        pretrain([*words, "--output_dir", str(tmp_path)])
    with pytest.raises(ValueError, match="`mini_batch_size` must be at least 1: got 0"):
        pretrain([*words, "--output_dir", str(tmp_path), "--mini_batch_size", "0"])
