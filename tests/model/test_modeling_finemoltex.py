import copy

import pytest
import torch
from rdkit import Chem
from transformers import AutoModel, BertConfig, BertModel

from modeling_finemoltex import FineMolTexConfig, FineMolTexForPreTraining, FineMolTexModel

GRAPH = ("motif_counts", "atom_features", "edge_index", "edge_features", "atom_to_motif", "motif_positions")


def with_config(config, **changes):
    return FineMolTexConfig(**{**config.to_dict(), **changes})


def mask_of_first_motifs(batch):
    """Mask slot 1 of every molecule: `(B, K + 1)`, and the atoms it covers `(N,)`."""
    first = batch["motif_counts"].cumsum(0) - batch["motif_counts"]
    masked = torch.zeros(len(batch["motif_counts"]), int(batch["motif_counts"].max()) + 1, dtype=torch.bool)
    masked[:, 1] = True
    return masked, torch.isin(batch["atom_to_motif"], first)


def score_importance(model, batch, masking=None):
    """Importance of motifs `(B, K + 1)` and words `(B, T)`; `masking` instead of that of the configuration."""
    plain = model.finemoltex(**batch)
    graph = {name: tensor for name, tensor in batch.items() if name not in ("input_ids", "attention_mask")}
    atoms = model.finemoltex.encode_atoms(**{name: batch[name] for name in GRAPH})
    kept, model.config.masking = model.config.masking, masking or model.config.masking
    scores = model._score_importance(plain, atoms, plain.text_states, graph)
    model.config.masking = kept
    return scores


class TestEmbeddings:
    def test_sides_are_normalised_and_independent(self, model, batch):
        base = model.finemoltex
        both = base(**batch)
        torch.testing.assert_close(both.molecule_embeds.norm(dim=-1), torch.ones(len(batch["motif_counts"])))
        texts = base(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
        molecules = base(**{name: batch[name] for name in GRAPH})
        assert texts.molecule_embeds is None and molecules.text_embeds is None
        torch.testing.assert_close(texts.text_embeds, both.text_embeds)
        torch.testing.assert_close(molecules.molecule_embeds, both.molecule_embeds)
        torch.testing.assert_close(
            base.get_molecule_features(**{name: batch[name] for name in GRAPH}), both.molecule_embeds
        )
        torch.testing.assert_close(
            base.get_text_features(batch["input_ids"], batch["attention_mask"]), both.text_embeds
        )

    def test_a_pair_alone_equals_the_pair_in_a_batch(self, model, processor, batch, molecules):
        embeds = model.finemoltex(**batch)
        for row, (smiles, text) in enumerate(molecules.items()):
            alone = model.finemoltex(**processor(smiles=smiles, text=text, return_tensors="pt"))
            torch.testing.assert_close(alone.molecule_embeds[0], embeds.molecule_embeds[row], atol=1e-5, rtol=0)
            torch.testing.assert_close(alone.text_embeds[0], embeds.text_embeds[row], atol=1e-5, rtol=0)

    def test_renumbering_the_atoms_changes_nothing(self, model, processor, molecules):
        expected = model.finemoltex(**processor(smiles=list(molecules), return_tensors="pt")).molecule_embeds
        for seed in range(5):
            renumbered = [
                Chem.MolToRandomSmilesVect(Chem.MolFromSmiles(smiles), 1, randomSeed=seed + 1)[0]
                for smiles in molecules
            ]
            embeds = model.finemoltex(**processor(smiles=renumbered, return_tensors="pt")).molecule_embeds
            torch.testing.assert_close(embeds, expected, atol=1e-5, rtol=0)

    def test_texts_computed_by_length_equal_texts_computed_at_once(self, model):
        lengths = torch.randperm(40)[:37] + 1
        mask = (torch.arange(40) < lengths[:, None]).long()
        ids = torch.randint(5, 100, mask.shape) * mask
        base = model.finemoltex
        at_once = base.fusion.encode_text(base.text_encoder(ids, mask).last_hidden_state, mask)
        states, means = base.encode_words(ids, mask)
        torch.testing.assert_close(states[mask.bool()], at_once[mask.bool()], atol=1e-5, rtol=0)
        for row, length in enumerate(lengths):
            torch.testing.assert_close(means[row], at_once[row, :length].mean(0), atol=1e-5, rtol=0)

    def test_cross_attention_changes_the_states_and_not_the_embeddings(self, model, batch):
        alone, joined = model.finemoltex(**batch), model.finemoltex(**batch, cross_attention=True)
        assert not torch.allclose(alone.motif_states, joined.motif_states)
        assert not torch.allclose(alone.text_states, joined.text_states)
        torch.testing.assert_close(alone.molecule_embeds, joined.molecule_embeds)
        torch.testing.assert_close(alone.text_embeds, joined.text_embeds)

    def test_a_motif_alone_is_embedded_as_a_molecule_is(self, model, processor):
        """Benzene is one motif: as a motif and as a molecule it has one place in the shared space."""
        batch = processor(smiles=["c1ccccc1", "CCO"])
        graph = {name: batch[name] for name in GRAPH}
        atoms = model.finemoltex.encode_atoms(**graph)
        motifs = model.finemoltex.embed_atoms(atoms, batch["atom_to_motif"], len(batch["motif_ids"]))
        molecules = model.finemoltex.get_molecule_features(**graph)
        assert batch["motif_counts"][0] == 1
        torch.testing.assert_close(motifs[0], molecules[0])

    def test_the_number_of_atoms_counts_not_only_their_mean(self, model):
        states, readout = torch.ones(6, model.config.graph_config.hidden_size), model.finemoltex.molecule_readout
        small, large = readout(states, torch.tensor([0, 0, 1, 1, 1, 1]), 2)
        assert not torch.allclose(small, large)

    def test_cross_attention_needs_both_sides(self, model, batch):
        with pytest.raises(ValueError, match="needs molecules and texts"):
            model.finemoltex(input_ids=batch["input_ids"], cross_attention=True)
        with pytest.raises(ValueError, match="neither"):
            model.finemoltex()

    def test_projection_sets_the_embedding_size(self, config, batch):
        projected = FineMolTexModel(with_config(config, projection_dim=12)).eval()(**batch)
        assert projected.molecule_embeds.shape[1] == projected.text_embeds.shape[1] == 12

    def test_eager_equals_sdpa(self, model, batch):
        results = []
        for implementation in ("eager", "sdpa"):
            model.set_attn_implementation(implementation)
            results.append(model.finemoltex(**batch, cross_attention=True))
        torch.testing.assert_close(results[0].motif_states, results[1].motif_states, atol=1e-5, rtol=1e-5)
        mask = batch["attention_mask"].bool()
        torch.testing.assert_close(results[0].text_states[mask], results[1].text_states[mask], atol=1e-5, rtol=1e-5)

    def test_bfloat16_runs(self, model, batch):
        half = model.finemoltex.to(torch.bfloat16)(**batch)
        assert half.motif_states.dtype == torch.bfloat16
        assert half.molecule_embeds.dtype == torch.float32 and half.molecule_embeds.isfinite().all()


class TestLoading:
    @pytest.mark.parametrize("cls", [FineMolTexModel, FineMolTexForPreTraining])
    def test_every_tensor_and_output_survives_a_round_trip(self, cls, config, batch, tmp_path):
        saved = cls(config).eval()
        for buffer in saved.buffers():
            if buffer.is_floating_point():
                buffer.uniform_(0.5, 1.5)
        saved.save_pretrained(tmp_path)
        loaded = cls.from_pretrained(tmp_path).eval()
        for name, tensor in saved.state_dict().items():
            assert torch.equal(loaded.state_dict()[name], tensor), name
        key = "molecule_embeds"
        torch.testing.assert_close(loaded(**batch)[key], saved(**batch)[key], atol=0, rtol=0)

    def test_the_base_model_loads_from_a_pretraining_folder(self, model, batch, tmp_path):
        model.save_pretrained(tmp_path)
        base = AutoModel.from_pretrained(tmp_path)
        torch.testing.assert_close(base(**batch).text_embeds, model.finemoltex(**batch).text_embeds)

    def test_loaded_text_encoder_equals_its_source_file(self, config, tmp_path):
        source = BertModel(BertConfig(**config.text_config.to_dict()))
        source.save_pretrained(tmp_path / "text")
        model = FineMolTexForPreTraining(config)
        model.finemoltex.load_text_encoder(str(tmp_path / "text"))
        model.save_pretrained(tmp_path / "whole")
        reloaded = FineMolTexForPreTraining.from_pretrained(tmp_path / "whole")
        from safetensors.torch import load_file

        stored = load_file(tmp_path / "text" / "model.safetensors")
        compared = [name for name in stored if not name.startswith("pooler.")]
        assert len(compared) == len(model.finemoltex.text_encoder.state_dict())
        for name in compared:
            for owner in (model, reloaded):
                assert torch.equal(owner.finemoltex.text_encoder.state_dict()[name], stored[name]), name

    def test_a_text_encoder_that_does_not_fit_is_refused_with_its_keys(self, config, tmp_path):
        sizes = {**config.text_config.to_dict(), "num_hidden_layers": 1, "vocab_size": 77}
        BertModel(BertConfig(**sizes)).save_pretrained(tmp_path)
        with pytest.raises(ValueError, match="missing from the source: encoder.layer.1.*word_embeddings"):
            FineMolTexModel(config).load_text_encoder(str(tmp_path))


class TestPreTraining:
    def test_the_loss_is_the_weighted_sum_and_reaches_every_parameter(self, model, batch):
        model.train()
        output = model(**batch)
        expected = output.contrastive_loss + 0.5 * output.word_loss + output.motif_loss
        torch.testing.assert_close(output.loss, expected)
        output.loss.backward()
        without = {name for name, parameter in model.named_parameters() if parameter.grad is None}
        assert without == {"finemoltex.logit_scale"}  # fixed unless `learn_temperature`

    def test_contrastive_only_has_no_heads_and_no_second_pass(self, config, batch):
        model = FineMolTexForPreTraining(with_config(config, word_loss_weight=0.0, motif_loss_weight=0.0))
        output = model(**batch)
        assert output.word_loss is None and output.motif_total is None and not hasattr(model, "motif_head")
        torch.testing.assert_close(output.loss, output.contrastive_loss)

    @pytest.mark.parametrize("level", ["atom", "token"])
    def test_masked_motif_prediction_does_not_see_its_own_atoms(self, config, batch, level):
        """Other elements in the masked motif leave its prediction as it was (no leak through any neighbour)."""
        wide = with_config(config, motif_mask_level=level, initializer_range=0.2)  # atoms speak up without training
        model = FineMolTexForPreTraining(wide).eval()
        masked, hidden_atoms = mask_of_first_motifs(batch)
        changed = {**batch, "atom_features": batch["atom_features"].clone()}
        changed["atom_features"][hidden_atoms, 0] = (changed["atom_features"][hidden_atoms, 0] + 7) % 100

        def predict(inputs):
            states = model.finemoltex(**inputs, masked_motifs=masked, cross_attention=True).motif_states
            return model.motif_head(states[:, 1])

        difference = (predict(changed) - predict(batch)).abs().max()
        visible = (model.finemoltex(**changed).motif_states - model.finemoltex(**batch).motif_states).abs().max()
        assert visible > 1e-2
        if level == "atom":
            assert difference <= 1e-6
        else:
            assert difference > 1e-4  # the paper's masking: neighbours still carry the answer

    def test_the_masked_pass_leaves_the_running_statistics_alone(self, model, batch):
        model.train()
        before = {name: buffer.clone() for name, buffer in model.named_buffers()}
        masked, _ = mask_of_first_motifs(batch)
        model.finemoltex(**batch, masked_motifs=masked, cross_attention=True)
        assert all(torch.equal(buffer, before[name]) for name, buffer in model.named_buffers())
        model.finemoltex(**batch)
        assert not all(torch.equal(buffer, before[name]) for name, buffer in model.named_buffers())

    def test_a_step_without_cross_attention_is_contrastive_alone(self, config, batch):
        model = FineMolTexForPreTraining(with_config(config, matching_loss_weight=1.0)).eval()
        output = model(**batch, cross_attention=False)
        assert output.word_loss is output.motif_loss is output.matching_loss is None
        assert output.loss == output.contrastive_loss == model(**batch).contrastive_loss

    def test_the_masks_leave_special_tokens_and_unknown_motifs_alone(self, model, batch):
        batch["motif_ids"][:] = 0
        output = model(**batch)
        assert output.motif_total.sum() == 0 and output.motif_loss == 0
        batch["input_ids"][:] = model.config.special_token_ids[0]
        assert model(**batch).word_total.sum() == 0

    def test_importance_is_the_cosine_with_the_whole(self, model, processor):
        batch = processor(smiles=["c1ccccc1", "CCO"], text=["benzene", "ethanol a small alcohol"], padding=True)
        motifs, words = score_importance(model, batch, masking="importance")
        assert motifs[0, 1] == pytest.approx(1, abs=1e-5)  # the only motif is the molecule
        output = model.finemoltex(**batch)
        embeds = model.finemoltex.embed_words(output.text_states[1, 3])
        assert words[1, 3] == pytest.approx((embeds @ output.text_embeds[1]).item(), abs=1e-5)
        assert words[1, 3] < 1

    def test_masks_follow_the_seeds(self, model, batch):
        seeds = torch.arange(len(batch["motif_counts"]))
        first, again = model(**batch, mask_seeds=seeds), model(**batch, mask_seeds=seeds)
        other = model(**batch, mask_seeds=seeds + 100)
        assert torch.equal(first.loss, again.loss) and not torch.equal(first.loss, other.loss)

    @pytest.mark.parametrize("masking", ["importance", "random"])
    def test_important_motifs_and_words_are_drawn_more_often(self, config, processor, masking):
        """The top candidate is drawn at least twice as often as the bottom one; not so at random."""
        model = FineMolTexForPreTraining(with_config(config, masking=masking)).eval()
        batch = processor(smiles="CC(=O)Oc1ccc(CCN(C)C(=O)c2ccncc2)cc1C(=O)O", text="an ester and an acid of aspirin")
        drawn_by, ranked_by = score_importance(model, batch), score_importance(model, batch, masking="importance")
        for stream, (score, ranking) in enumerate(zip(drawn_by, ranked_by, strict=True)):
            cosine = ranking[0].clone()
            candidates = torch.ones_like(cosine, dtype=torch.bool)
            candidates[[0, -1]] = False
            draws = 4000
            is_masked = model._draw(
                score.expand(draws, -1), candidates.expand(draws, -1), 0.2, torch.arange(draws), stream
            )
            counts = is_masked.sum(0).float()
            cosine[~candidates] = float("nan")
            top, bottom = counts[cosine.nan_to_num(-2).argmax()], counts[cosine.nan_to_num(2).argmin()]
            if masking == "importance":
                assert top >= 2 * bottom
            else:
                assert 0.8 < top / bottom < 1.25

    def test_gradient_checkpointing_gives_the_same_gradients(self, config, batch):
        seeds = torch.arange(len(batch["motif_counts"]))
        no_dropout = with_config(
            config,
            multimodal_config={
                **config.multimodal_config.to_dict(),
                "hidden_dropout_prob": 0.0,
                "attention_probs_dropout_prob": 0.0,
            },
            graph_config={**config.graph_config.to_dict(), "dropout": 0.0},
            text_config={
                **config.text_config.to_dict(),
                "hidden_dropout_prob": 0.0,
                "attention_probs_dropout_prob": 0.0,
            },
        )
        fresh = FineMolTexForPreTraining(no_dropout).train()
        gradients = []
        for enabled in (False, True):
            model = copy.deepcopy(fresh)  # each with the running statistics of the start
            if enabled:
                model.gradient_checkpointing_enable()
            model(**batch, mask_seeds=seeds).loss.backward()
            gradients.append([p.grad.clone() for p in model.parameters() if p.grad is not None])
        for plain, checkpointed in zip(*gradients, strict=True):
            torch.testing.assert_close(checkpointed, plain, atol=1e-5, rtol=1e-4)
