"""The evaluation script: any protocol on any folder, a table and a JSON file with the rank of every query."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from modeling_finemoltex import FineMolTexForPreTraining

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "evaluate_retrieval.py"

if find_spec("modeling_finemoltex.embedding.encoder") is None:
    pytest.skip("needs `MoleculeTextEncoder`", allow_module_level=True)
pytest.importorskip("sklearn")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, config, processor) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "demo"
    FineMolTexForPreTraining(config).save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture
def run(run_file):
    return lambda *words: run_file(SCRIPT, *words)


def test_full_pool_with_baselines(run, folder, molecules, tmp_path):
    pairs, pool, output = tmp_path / "pairs.jsonl", tmp_path / "pool.csv", tmp_path / "out" / "results.json"
    pairs.write_text("".join(json.dumps({"smiles": s, "text": t}) + "\n" for s, t in list(molecules.items())[:6]))
    pool.write_text("\n".join(["smiles,split", *(f"{smiles},test" for smiles in molecules)]))
    printed = run(
        *("--model", folder, "--protocol", "chebi20", "--texts", pairs, "--pool", pool, "--train_texts", pairs),
        *("--bootstrap", 20, "--output", output),
    )
    for line in ("chebi20_test_full10: text to molecule", "chebi20_test_only: molecule to text"):
        assert line in printed
    for system in ("model", "fragment words", "nearest training text", "random"):
        assert f"\n{system} " in printed
    report = json.loads(output.read_text())
    assert report["tasks"]["chebi20_test_full10"]["molecules"] == 10
    assert len(report["ranks"]["model"]["chebi20_test_full10"]["t2m_rank"]) == 6
    assert report["figures"]["nearest training text"]["chebi20_test_only/t2m_hits@1"] > 0.5
    assert {"embedding", "evaluation", "baselines"} <= set(report["seconds"])


def test_help_and_unknown_protocol(run, folder):
    assert "drugbank_atc" in run("--help")
    with pytest.raises(ValueError, match="Unknown protocol 'chebi': choose from chebi20"):
        run("--model", folder, "--texts", "x.csv", "--protocol", "chebi")
