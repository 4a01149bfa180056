"""The pipelines of embeddings: right numbers, any batch size, and from a folder where our package does not exist."""

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModel, pipeline

from modeling_finemoltex import FineMolTexForPreTraining, MoleculeTextEncoder, assemble_folder

README = Path(__file__).resolve().parents[2] / "docs" / "guides" / "deploy.md"
CLIENT = Path(__file__).with_name("remote_pipelines_client.py")
TEXTS = ["an alcohol", "a gas", "an aromatic ring"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, config, processor) -> Path:
    folder = tmp_path_factory.mktemp("pipelines") / "tiny"
    torch.manual_seed(0)
    FineMolTexForPreTraining(config).save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def expected(folder, processor):
    """Function that embeds one side by the model alone."""
    model = AutoModel.from_pretrained(folder).eval()

    @torch.no_grad()
    def embed(**inputs):
        output = model(**processor(**inputs))
        return output.molecule_embeds if "smiles" in inputs else output.text_embeds

    embed.model = model
    return embed


def test_features_keep_the_order_of_mixed_inputs(folder, expected, molecules):
    embed = pipeline("finemoltex-feature-extraction", model=folder, device="cpu")
    smiles = list(molecules)[:3]
    mixed = [smiles[0], {"text": TEXTS[0]}, {"smiles": smiles[1]}, {"text": TEXTS[1]}, smiles[2]]
    found = embed(mixed, batch_size=2, return_tensors=True)
    torch.testing.assert_close(found[[0, 2, 4]], expected(smiles=smiles), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found[[1, 3]], expected(text=TEXTS[:2]), atol=1e-5, rtol=1e-5)
    assert embed(smiles[0]) == pytest.approx(found[0].tolist(), abs=1e-5)
    with pytest.raises(ValueError, match="Counted from input 2: RDKit cannot parse the SMILES 'C\\('"):
        embed([*smiles, "C("], batch_size=2)
    with pytest.raises(ValueError, match="An input must be a string"):
        embed([{"smiles": "C", "text": "methane"}])
    with pytest.raises(ValueError, match="list of inputs"):
        pipeline("finemoltex-retrieval", model=embed.model, processor=embed.processor)("a gas", candidates=[])


def test_zero_shot_scores_are_the_softmax_of_the_logits(folder, expected, molecules):
    classify = pipeline("finemoltex-zero-shot-classification", model=folder, device="cpu")
    smiles = list(molecules)
    found = classify(smiles, candidate_labels=TEXTS, hypothesis_template="it is {}", batch_size=3)
    cosines = expected(smiles=smiles) @ expected(text=[f"it is {text}" for text in TEXTS]).T
    scores = (expected.model.inverse_temperature.detach() * cosines).softmax(-1)
    for row, wanted in zip(found, scores.tolist(), strict=True):
        assert {one["label"]: one["score"] for one in row} == pytest.approx(
            dict(zip(TEXTS, wanted, strict=True)), abs=1e-5
        )
        assert [one["score"] for one in row] == sorted((one["score"] for one in row), reverse=True)
    assert isinstance(classify("C", candidate_labels=TEXTS)[0], dict)
    with pytest.raises(ValueError, match="must hold {}"):
        classify("C", candidate_labels=TEXTS, hypothesis_template="it is")


def test_retrieval_ranks_by_cosine_in_both_directions(folder, expected, molecules):
    retrieve = pipeline("finemoltex-retrieval", model=folder, device="cpu")
    smiles = list(molecules)
    cosines = expected(text=TEXTS) @ expected(smiles=smiles).T
    by_text = retrieve(TEXTS, candidates=smiles, top_k=4)
    assert [[one["index"] for one in row] for row in by_text] == cosines.topk(4).indices.tolist()
    assert [one["candidate"] for one in by_text[0]] == [smiles[one["index"]] for one in by_text[0]]
    by_molecule = retrieve({"smiles": smiles[3]}, candidates=TEXTS)
    assert [one["score"] for one in by_molecule] == pytest.approx(
        cosines[:, 3].sort(descending=True).values.tolist(), abs=1e-5
    )
    assert retrieve(TEXTS[:1], candidates=smiles[::-1], top_k=1)[0][0]["candidate"] == by_text[0][0]["candidate"]
    with pytest.raises(ValueError, match="must be of one side"):
        retrieve([TEXTS[0], {"smiles": "C"}], candidates=TEXTS)


def test_the_block_of_the_readme_runs(folder):
    text = README.read_text(encoding="utf-8")
    block = text[text.index("## Pipelines") :].split("```python\n")[1].split("```")[0]
    names: dict = {}
    exec(block.replace("runs/demo", str(folder)), names)
    assert names["embed"].model.config.model_type == "finemoltex"


def test_pipelines_run_from_a_folder_without_the_package(folder, exported, forked_python, tmp_path):
    wanted = pipeline("finemoltex-feature-extraction", model=folder, device="cpu")(["CCO", {"text": "an alcohol"}])
    hits = pipeline("finemoltex-retrieval", model=folder, device="cpu")("an alcohol", candidates=["C", "CCO"])
    assembled = assemble_folder(folder, tmp_path / "tiny")
    others = [exported[name] for name in ("pretraining", "retrieval", "editing")]
    done = forked_python.run(CLIENT, assembled, tmp_path / "result.json", *others, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-4000:]
    found = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert found["packages"] == ["transformers_modules"]
    for row, other in zip(found["features"], wanted, strict=True):
        assert row == pytest.approx(other, abs=1e-5)
    assert [one["index"] for one in found["hits"]] == [one["index"] for one in hits]
    assert sum(one["score"] for one in found["classes"]) == pytest.approx(1)
    for row, other in zip(found["others"], others, strict=True):
        encoder = MoleculeTextEncoder.from_pretrained(str(other), device="cpu")
        assert row == pytest.approx(encoder.encode_molecules(["CCO"])[0].tolist(), abs=1e-5)


@pytest.mark.parametrize("trust_remote_code", [None, True])
def test_the_registered_pipelines_serve_a_folder_that_brings_its_own(exported, trust_remote_code):
    """Transformers would ask for `trust_remote_code` and take those of the folder."""
    options = {"model": exported["pretraining"], "device": "cpu", "trust_remote_code": trust_remote_code}
    retrieve = pipeline("finemoltex-retrieval", **options)
    assert type(retrieve).__module__ == "modeling_finemoltex.model.pipelines_finemoltex"
    assert retrieve("a gas", candidates=["C"])[0]["index"] == 0
