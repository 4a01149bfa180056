"""Property prediction: a linear layer on what the molecule side, with a text on request, makes of a molecule."""

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.utils.generic import can_return_tuple

from .chunking_finemoltex import average_tokens
from .configuration_finemoltex import FineMolTexConfig
from .losses_finemoltex import property_loss
from .migration_finemoltex import weights_beside
from .modeling_finemoltex import FineMolTexModel, FineMolTexPreTrainedModel
from .molecule_encoder_finemoltex import pool_atoms
from .molecules_finemoltex import Molecules, takes_molecules
from .parts_finemoltex import Part
from .recording_finemoltex import records_states
from .wrapped_layers_finemoltex import input_dtype

PROBLEM_TYPES = ("single_label_classification", "multi_label_classification", "regression")


class FineMolTexForPropertyPrediction(FineMolTexPreTrainedModel):
    """Classes, several yes-or-no tasks with missing labels, or numbers; `config.problem_type` says which.

    Molecules alone by default: the text side is then neither built nor read from the checkpoint. Numbers are predicted
    in their own units, although `target_mean` and `target_scale` of
    `config.property_config` let the model learn them standardised.

    Example:
    >>> predictor = FineMolTexForPropertyPrediction.from_pretrained(folder, num_labels=3)
    >>> predictor(**processor(smiles=["CCO", "c1ccccc1"])).logits.shape
    torch.Size([2, 3])
    """

    _keys_to_ignore_on_load_unexpected = [
        *weights_beside("classifier"),
        # Without text in the model, the text side of a checkpoint is not read.
        *(r"text_encoder\.", r"text_input\.", r"text_projection\.", r"motif_tower\.", r"fusion\."),
    ]

    def __init__(self, config: FineMolTexConfig) -> None:
        super().__init__(config)
        self._check_lengths()
        self.finemoltex = FineMolTexModel(config, with_text=config.property_config.with_text)
        self.dropout = nn.Dropout(config.property_config.dropout)
        self.classifier = nn.Linear(self._count_features(), config.num_labels)
        self.post_init()

    def parts(self) -> dict[str, Part]:
        """Declare the base model's parts and the linear layer."""
        return {**self.finemoltex.parts(), "classifier": Part("head", (self.classifier,))}

    def needed_parts(self) -> tuple[str, ...]:
        """Name the kinds of parts that a prediction depends on."""
        beside = ("text", "projection", "fusion") if self.config.property_config.with_text else ()
        return ("molecule", "readout", "head", *beside, *self.finemoltex.molecule_readout.motif_parts)

    @can_return_tuple
    @records_states
    @takes_molecules
    def forward(
        self,
        molecules: Molecules | None,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        hidden_motifs: Tensor | None = None,
    ) -> SequenceClassifierOutput:
        """Predict, and compare with the labels if there are any.

        Args:
            molecules ([`Molecules`]): `B` of them, or the tensors of a processor.
            input_ids, attention_mask (`torch.LongTensor` of shape `(B, T)`, *optional*): Texts; with
                `config.property_config.with_text` only.
            inputs_embeds (`torch.FloatTensor` of shape `(B, T, H_text)`, *optional*): Texts, instead of `input_ids`.
            labels (`torch.Tensor` of shape `(B,)` or `(B, K)`, *optional*): Class numbers (-100: unknown), or 0, 1 and
                NaN (unknown) per task, or numbers in their own units (NaN: unknown). Without `config.problem_type`,
                one output means numbers, integers mean classes, and anything else tasks; the choice is kept.
            hidden_motifs (`torch.BoolTensor` of shape `(B, K + 1)`, *optional*): Motifs to hide from the model.

        Returns:
            `SequenceClassifierOutput` with `logits` `(B, K)`, in regression the predicted numbers, and `loss` where
            labels are given.

        Raises:
            ValueError: If there are no molecules, a text is missing or not wanted, or the labels have another shape.
        """
        features = self.extract_features(
            molecules,
            input_ids=input_ids,
            attention_mask=attention_mask,
            inputs_embeds=inputs_embeds,
            hidden_motifs=hidden_motifs,
        )  # (B, F)
        outputs = self.classifier(self.dropout(features))  # (B, K)
        loss = None if labels is None else self.compute_loss(outputs, labels)
        return SequenceClassifierOutput(loss=loss, logits=self.to_units(outputs))

    @takes_molecules
    def extract_features(
        self,
        molecules: Molecules | None,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        hidden_motifs: Tensor | None = None,
    ) -> Tensor:
        """Compute what the linear layer reads, `(B, F)`: what `readout` names, and the means of the fused streams.

        Arguments are those of [`forward`].
        """
        self._check_sides(molecules, input_ids is not None or inputs_embeds is not None)
        base, options = self.finemoltex, self.config.property_config
        atom_states = base.encode_atoms(molecules, hidden_motifs)  # (N, H_graph)
        features = []
        if options.readout != "molecule":
            features.append(
                pool_atoms(atom_states, molecules.molecule_of_atom, molecules.num_molecules)
            )  # (B, H_graph)
        if options.readout != "atoms":
            features.append(base.molecule_readout.read_molecules(base, atom_states, molecules))  # (B, P)
        if options.with_text:
            motif_states = base.encode_motifs(atom_states, molecules, hidden_motifs)  # (B, K + 1, H)
            word_states, _ = base.encode_words(input_ids, attention_mask, inputs_embeds)  # (B, T, H)
            if attention_mask is None:
                attention_mask = torch.ones(word_states.shape[:2], dtype=torch.long, device=word_states.device)
            motif_states, word_states = base.fuse(motif_states, molecules, word_states, attention_mask)
            features.append(average_tokens(motif_states, molecules.motif_attention_mask))  # (B, H)
            features.append(average_tokens(word_states, attention_mask))  # (B, H)
        dtype = input_dtype(self.classifier)
        return torch.cat([feature.to(dtype) for feature in features], dim=-1)  # (B, F)

    def compute_loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Compare outputs of the linear layer, `(B, K)`, with labels as given to [`forward`]. -> `()`."""
        problem_type = self._decide_problem_type(labels)
        if problem_type == "single_label_classification":
            expected: tuple[int, ...] = outputs.shape[:1]
        else:
            expected = outputs.shape
            labels = labels[:, None] if labels.ndim == 1 and outputs.shape[1] == 1 else labels
        if labels.shape != expected:
            raise ValueError(
                f"`labels` of {problem_type} must have shape {tuple(expected)}: got {tuple(labels.shape)}. Set "
                "`num_labels` to the number of classes or tasks, and `problem_type` if it was taken for another."
            )
        if problem_type == "regression":
            labels = (labels - self._row("target_mean", outputs, 0.0)) / self._row("target_scale", outputs, 1.0)
        weights = (
            None if self.config.property_config.class_weights is None else self._row("class_weights", outputs, 1.0)
        )
        return property_loss(outputs, labels, problem_type, weights)

    def predict(self, logits: Tensor) -> Tensor:
        """Turn logits into calibrated probabilities of classes or tasks; numbers stay as they are. `(B, K)`."""
        logits, problem_type = logits.float(), self.config.problem_type
        if problem_type == "regression" or (problem_type is None and self.config.num_labels == 1):
            return logits
        if self.config.property_config.class_weights is not None:
            # Weighted classes are learned as if they were that much more frequent.
            logits = logits - self._row("class_weights", logits, 1.0).log()
        logits = logits / self.config.property_config.calibration_temperature
        return logits.sigmoid() if problem_type == "multi_label_classification" else logits.softmax(-1)

    def _decide_problem_type(self, labels: Tensor) -> str:
        if self.config.problem_type is None:
            if self.config.num_labels == 1:
                self.config.problem_type = "regression"
            else:
                is_class = labels.ndim == 1 and not labels.is_floating_point()
                self.config.problem_type = PROBLEM_TYPES[0] if is_class else PROBLEM_TYPES[1]
        return self.config.problem_type

    def to_units(self, outputs: Tensor) -> Tensor:
        """Turn outputs of the linear layer into logits or numbers in their own units. `(B, K)` -> `(B, K)`."""
        if self.config.property_config.target_mean is None and self.config.property_config.target_scale is None:
            return outputs
        return outputs * self._row("target_scale", outputs, 1.0) + self._row("target_mean", outputs, 0.0)

    def _row(self, name: str, like: Tensor, default: float) -> Tensor:
        """Give a field of the configuration, one number per label, as a tensor `(K,)`."""
        values = getattr(self.config.property_config, name)
        return like.new_tensor([default] * like.shape[-1] if values is None else values, dtype=torch.float32)

    def _count_features(self) -> int:
        config, options = self.config, self.config.property_config
        graph, embedding = config.graph_config.hidden_size, config.encoder_size
        width = {"molecule": embedding, "atoms": graph, "both": graph + embedding}[options.readout]
        return width + 2 * config.multimodal_config.hidden_size * options.with_text

    def _check_lengths(self) -> None:
        for name in ("class_weights", "target_mean", "target_scale"):
            values = getattr(self.config.property_config, name)
            if values is not None and len(values) != self.config.num_labels:
                raise ValueError(
                    f"`{name}` has {len(values)} entries for {self.config.num_labels} labels. Give one per label, or "
                    f"`{name}=None` where a folder is loaded for other labels than its own."
                )

    def _check_sides(self, molecules: Molecules | None, has_text: bool) -> None:
        with_text = self.config.property_config.with_text
        if molecules is None:
            raise ValueError("Property prediction needs molecules: the batch holds no `motif_counts`. Give `smiles`.")
        if with_text and not has_text:
            raise ValueError("`property_config.with_text` is set, but the batch holds no texts. Give `text` too.")
        if not with_text and has_text:
            raise ValueError(
                "The batch holds texts, but this model reads molecules only. Leave `text` out, or build the model "
                "with `property_config={'with_text': True}`."
            )


__all__ = ["FineMolTexForPropertyPrediction"]
