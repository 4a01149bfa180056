"""Files in, a folder out: with the package and without it, and what is refused before anything is written."""

import io
import json
import os
import pickle

import pytest
import torch
from contracts.published_checkpoint import (
    SETTINGS,
    TEXT_SETTINGS,
    make_finemoltex,
    make_moleculestm,
    make_ogb_gin,
    make_self_loop_gin,
)
from safetensors.torch import save_file
from transformers import AutoFeatureExtractor, AutoModel, AutoModelForPreTraining, AutoProcessor

from modeling_finemoltex import FineMolTexForPropertyPrediction, FineMolTexModel, convert_checkpoint
from modeling_finemoltex.hub import assemble_folder
from modeling_finemoltex.hub.checkpoint_files import find_checkpoint, read_tensors
from modeling_finemoltex.hub.conversion import restore_tensors

SMILES, TEXTS = ["CCO", "c1ccccc1"], ["an alcohol", "an arene"]


def write(folder, tensors, end="_model_10", suffix=".pth"):
    folder.mkdir(parents=True, exist_ok=True)
    for part, state in tensors.items():
        file = folder / f"{part}{end}{suffix}"
        torch.save(state, file) if suffix == ".pth" else save_file(state, file)
    return folder


class Sabotage:
    """A pickle that writes a file when it is loaded."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return os.system, (f"touch {self.file}",)


@pytest.fixture(scope="module")
def words(tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def tensors():
    return make_finemoltex()


@pytest.fixture(scope="module")
def folder(tensors, words, tmp_path_factory):
    """A FineMolTex checkpoint, converted."""
    root = tmp_path_factory.mktemp("published")
    (root / "config.json").write_text(json.dumps(SETTINGS))
    source = write(root / "run", tensors)
    convert_checkpoint(source, root / "model", config=root / "config.json", text_config=TEXT_SETTINGS, tokenizer=words)
    return root / "model"


def test_a_folder_loads_and_gives_the_weights_back(folder, tensors):
    model, report = AutoModelForPreTraining.from_pretrained(folder, output_loading_info=True)
    assert not any(report.values())
    restored = restore_tensors("finemoltex", model.state_dict(), tensors)
    for part, state in restored.items():
        assert state and all(torch.equal(tensor, tensors[part][name]) for name, tensor in state.items())
    processor = AutoProcessor.from_pretrained(folder)
    assert model.config.mask_token_id == processor.tokenizer.mask_token_id
    base, batch = AutoModel.from_pretrained(folder).eval(), processor(smiles=SMILES, text=TEXTS, padding=True)
    assert batch["atom_features"].shape[1] == batch["edge_features"].shape[1] == 2
    with torch.no_grad():
        output, own = base(**batch), model.eval().finemoltex(**batch)
    assert torch.equal(output.molecule_embeds, own.molecule_embeds) and torch.equal(
        output.text_embeds, own.text_embeds
    )
    base.require_weights("embedding")
    assert model(**batch, seeds=torch.arange(2)).loss.isfinite()


def test_it_loads_where_the_package_is_absent(folder, forked_python, tmp_path):
    """As remote code, with the same numbers."""
    model, processor = AutoModel.from_pretrained(folder).eval(), AutoProcessor.from_pretrained(folder)
    with torch.no_grad():
        output = model(**processor(smiles=SMILES, text=TEXTS, padding=True))
    code = (
        "import sys, torch; from without_package import OURS; from transformers import AutoModel, AutoProcessor;"
        f"options = {{'trust_remote_code': True}}; folder = {str(folder)!r};"
        "model = AutoModel.from_pretrained(folder, **options).eval();"
        "processor = AutoProcessor.from_pretrained(folder, **options);"
        f"output = model(**processor(smiles={SMILES}, text={TEXTS}, padding=True));"
        f"torch.save([output.molecule_embeds.detach(), output.text_embeds.detach()], {str(tmp_path / 'out.pt')!r});"
        "print([name for name in sys.modules if name.split('.')[0] in OURS])"
    )
    done = forked_python.run(code, cwd=tmp_path, path=[os.path.dirname(__file__)])
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == "[]"
    molecules, texts = torch.load(tmp_path / "out.pt", weights_only=True)
    torch.testing.assert_close(molecules, output.molecule_embeds)
    torch.testing.assert_close(texts, output.text_embeds)


def test_the_card_keeps_the_licence_of_others(folder, tmp_path):
    card = (folder / "README.md").read_text()
    assert "license: other" in card and "the\nlicence of the original" in card
    assemble_folder(folder, tmp_path / "complete")
    assert (tmp_path / "complete" / "README.md").read_text() == card


def test_properties_can_be_tuned_from_it(folder):
    """The embedding comes from the motif stream, which a model without text has too."""
    model, report = FineMolTexForPropertyPrediction.from_pretrained(folder, num_labels=1, output_loading_info=True)
    assert report["missing_keys"] == {"classifier.weight", "classifier.bias"}
    batch = AutoProcessor.from_pretrained(folder)(smiles=SMILES)
    base = AutoModel.from_pretrained(folder).eval()
    features = model.eval().extract_features(**batch)
    assert features.shape == (2, 10 + 16) and model.finemoltex.text_encoder is None
    torch.testing.assert_close(
        torch.nn.functional.normalize(features[:, 10:], dim=-1), base.get_molecule_features(**batch)
    )
    assert {"motif_layers", "motif_tokens", "motif_projection"} <= set(model.needed_parts()) & model.parts().keys()


def test_moleculestm_embeds_both_sides(words, tmp_path):
    source = write(tmp_path / "run", make_moleculestm(), end="_model_final", suffix=".safetensors")
    converted = convert_checkpoint(source, tmp_path / "model", text_config=TEXT_SETTINGS, tokenizer=words)
    assert "motif tower" in (tmp_path / "model" / "README.md").read_text() and converted.untrained
    model, processor = (
        AutoModel.from_pretrained(tmp_path / "model").eval(),
        AutoProcessor.from_pretrained(tmp_path / "model"),
    )
    batch = processor(smiles=SMILES, text=TEXTS, padding=True)
    assert (batch["atom_features"].shape[1], batch["edge_features"].shape[1]) == (9, 3)
    model.require_weights("embedding")
    with torch.no_grad():
        torch.testing.assert_close(model(**batch).text_embeds, converted.model(**batch).text_embeds)
    with pytest.raises(ValueError, match="motif tokens: missing"):
        model.require_weights("fusion", "fusion")


@pytest.mark.parametrize("make", [make_ogb_gin, make_self_loop_gin])
def test_a_molecule_encoder_alone(make, tmp_path):
    torch.save(make(), tmp_path / "model.pth")
    converted = convert_checkpoint(tmp_path / "model.pth", tmp_path / "out")
    model = FineMolTexModel.from_pretrained(tmp_path / "out", with_text=False).eval()
    for name, tensor in converted.model.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor), name


class TestFiles:
    def test_a_set_is_chosen_by_the_end_of_its_names(self, tensors, tmp_path):
        write(tmp_path, {"molecule": tensors["molecule"]}, end="_model_20")
        write(tmp_path, tensors)
        assert find_checkpoint(tmp_path).files["frag"].name == "frag_model_10.pth"
        write(tmp_path, tensors, end="_model_final")
        write(tmp_path, tensors, end="", suffix=".safetensors")
        assert find_checkpoint(tmp_path, "final").files["multi"].name == "multi_model_final.pth"
        assert find_checkpoint(tmp_path, "").files["multi"].name == "multi.safetensors"
        with pytest.raises(ValueError, match=r"the ends '', '10', 'final' of their names: give `checkpoint`"):
            find_checkpoint(tmp_path)
        with pytest.raises(ValueError, match="there is no '20'"):
            find_checkpoint(tmp_path, "20")

    def test_what_is_missing_is_said(self, tensors, tmp_path):
        write(tmp_path / "part", {name: one for name, one in tensors.items() if name != "frag"})
        with pytest.raises(
            ValueError, match=r"no complete checkpoint: got mol2latent_model_10.pth, .* frag \(finemoltex\)"
        ):
            find_checkpoint(tmp_path / "part")
        with pytest.raises(ValueError, match="got no file of one"):
            find_checkpoint(tmp_path)
        with pytest.raises(ValueError, match="neither a folder of checkpoints nor a file"):
            find_checkpoint(tmp_path / "nowhere")

    def test_a_pickle_with_code_is_refused_and_not_run(self, tensors, tmp_path):
        write(tmp_path / "run", tensors)
        mark = tmp_path / "executed"
        torch.save({"weight": Sabotage(mark)}, tmp_path / "run" / "mol2latent_model_10.pth")
        with pytest.raises(
            ValueError, match=r"holds more than tensors: posix.system, which may run code. .* nothing of it"
        ):
            convert_checkpoint(tmp_path / "run", tmp_path / "out", config=SETTINGS, text_config=TEXT_SETTINGS)
        assert not mark.exists() and not (tmp_path / "out").exists()

    @pytest.mark.parametrize("protocol", [2, 4])
    def test_a_plain_pickle_is_refused_too(self, protocol, tmp_path):
        mark, file = tmp_path / "executed", tmp_path / "model.pth"
        file.write_bytes(pickle.dumps(Sabotage(mark), protocol))
        with pytest.raises(ValueError, match="model.pth"):
            read_tensors(file)
        assert not mark.exists()

    def test_a_whole_model_is_refused(self, tmp_path):
        torch.save(torch.nn.Linear(2, 2), tmp_path / "model.pth")
        with pytest.raises(ValueError, match=r"torch.nn.modules.linear.Linear, which may run code"):
            read_tensors(tmp_path / "model.pth")

    def test_damaged_files_and_other_contents(self, tmp_path):
        whole = io.BytesIO()
        torch.save({"weight": torch.ones(40)}, whole)
        for name, content, message in (
            ("cut.pth", whole.getvalue()[:200], "cannot be read as a checkpoint"),
            ("empty.pth", b"", "cannot be read as a checkpoint"),
            ("text.pth", b"not a checkpoint", "cannot be read as a checkpoint"),
            ("bad.safetensors", b"\x08\x00\x00\x00\x00\x00\x00\x00nonsense", "cannot be read as a checkpoint"),
        ):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(ValueError, match=message):
                read_tensors(tmp_path / name)
        for name, content in (
            ("nested.pth", {"state_dict": {"weight": torch.ones(1)}, "epoch": 3}),
            ("list.pth", [1]),
        ):
            torch.save(content, tmp_path / name)
            with pytest.raises(ValueError, match=r"no state dict, tensors by name: it holds (epoch, state_dict|list)"):
                read_tensors(tmp_path / name)


class TestOptions:
    def convert(self, tensors, tmp_path, **options):
        source = write(tmp_path / "run", tensors)
        return convert_checkpoint(
            source, tmp_path / "out", **{"config": SETTINGS, "text_config": TEXT_SETTINGS, **options}
        )

    def test_motifs_get_the_names_of_a_list(self, tensors, tmp_path):
        names = ["C", "O", "CO", "CC", "N", "*", "C1=CC=CC=C1", "CCC", "CN", "S"]
        (tmp_path / "vocab.txt").write_text("\n".join([*names, *names]))
        self.convert(tensors, tmp_path, motif_vocab=tmp_path / "vocab.txt")
        extractor = AutoFeatureExtractor.from_pretrained(tmp_path / "out")
        assert extractor.decode_motifs(range(2, 11)) == names[:9]  # the head knows nine
        assert [one.label for one in extractor.motifs("CCO")] == ["CC", "CO"]
        assert extractor("CCO")["motif_ids"].tolist() == [5, 4]

    def test_a_list_of_other_motifs(self, tensors, tmp_path):
        (tmp_path / "short.txt").write_text("C\nO\n")
        with pytest.raises(ValueError, match="names 2 motifs, the motif head of this checkpoint .* knows 9"):
            self.convert(tensors, tmp_path, motif_vocab=tmp_path / "short.txt")
        with pytest.raises(ValueError, match="cannot be read as a list of motifs"):
            self.convert(tensors, tmp_path, motif_vocab=tmp_path)

    def test_a_model_folder_is_not_overwritten(self, tensors, tmp_path):
        self.convert(tensors, tmp_path)
        with pytest.raises(ValueError, match="out holds a model already"):
            self.convert(tensors, tmp_path)

    def test_without_a_tokenizer_it_embeds_molecules(self, tensors, tmp_path):
        self.convert(tensors, tmp_path)
        assert (
            not (tmp_path / "out" / "tokenizer.json").exists()
            and (tmp_path / "out" / "preprocessor_config.json").exists()
        )

    @pytest.mark.parametrize(
        ("content", "message"), [("{", "cannot be read as the JSON"), ("[1]", "is no configuration: it holds list")]
    )
    def test_a_configuration_that_is_none(self, tensors, tmp_path, content, message):
        (tmp_path / "config.json").write_text(content)
        with pytest.raises(ValueError, match=message):
            self.convert(tensors, tmp_path, config=tmp_path / "config.json")
        assert not (tmp_path / "out").exists()

    def test_a_tokenizer_of_another_model(self, words, tmp_path):
        with pytest.raises(ValueError, match="the text encoder of the checkpoint 40"):
            self.convert(make_finemoltex(words=40), tmp_path, tokenizer=words)
        with pytest.raises(ValueError, match="cannot be loaded: give `tokenizer`"):
            self.convert(make_finemoltex(), tmp_path, tokenizer=tmp_path / "nothing")
