"""Property prediction: a linear layer on what the molecule side, with a text on request, makes of a molecule."""

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.utils.generic import can_return_tuple

from .configuration_finemoltex import FineMolTexConfig
from .fusion_finemoltex import average_tokens
from .gin_encoder_finemoltex import locate_atoms, pool_atoms_to_motifs
from .losses_finemoltex import property_loss
from .modeling_finemoltex import FineMolTexModel, FineMolTexPreTrainedModel

PROBLEM_TYPES = ("single_label_classification", "multi_label_classification", "regression")


class FineMolTexForPropertyPrediction(FineMolTexPreTrainedModel):
    """Classes, several yes-or-no tasks with missing labels, or numbers; `config.problem_type` says which.

    Molecules alone by default: the text side is then neither built nor read from the checkpoint. Numbers are predicted
    in their own units, although `config.target_mean` and `config.target_scale` let the model learn them standardised.

    Example:
    >>> model = FineMolTexForPropertyPrediction.from_pretrained(folder, num_labels=3)  # doctest: +SKIP
    >>> logits = model(**processor(smiles=["CCO", "c1ccccc1"])).logits  # (2, 3)  # doctest: +SKIP
    """

    # What a checkpoint of another head, or with text, holds beyond this one.
    _keys_to_ignore_on_load_unexpected = [
        r"text_encoder\.",
        r"text_input\.",
        r"text_projection\.",
        r"motif_tower\.",
        r"fusion\.",
        r"^(word_head|motif_head|matching_head)\.",
    ]

    def __init__(self, config: FineMolTexConfig) -> None:
        super().__init__(config)
        self._check_lengths()
        self.finemoltex = FineMolTexModel(config, with_text=config.property_text)
        self.dropout = nn.Dropout(config.property_dropout)
        self.classifier = nn.Linear(self._count_features(), config.num_labels)
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        motif_counts: Tensor | None = None,
        atom_features: Tensor | None = None,
        edge_index: Tensor | None = None,
        edge_features: Tensor | None = None,
        atom_to_motif: Tensor | None = None,
        motif_ids: Tensor | None = None,
        motif_positions: Tensor | None = None,
        labels: Tensor | None = None,
        masked_motifs: Tensor | None = None,
    ) -> SequenceClassifierOutput:
        """Predict, and compare with the labels if there are any.

        Args:
            input_ids, attention_mask (`torch.LongTensor` of shape `(B, T)`): Texts; with `config.property_text` only.
            motif_counts, atom_features, edge_index, edge_features, atom_to_motif, motif_ids, motif_positions:
                Molecules; see [`FineMolTexModel.get_molecule_features`].
            labels (`torch.Tensor` of shape `(B,)` or `(B, K)`, *optional*): Class numbers (-100: unknown), or 0, 1 and
                NaN (unknown) per task, or numbers in their own units (NaN: unknown). Without `config.problem_type`,
                one output means numbers, integers mean classes, and anything else tasks; the choice is kept.
            masked_motifs (`torch.BoolTensor` of shape `(B, K + 1)`, *optional*): Motifs to hide from the model.

        Returns:
            `SequenceClassifierOutput` with `logits` `(B, K)`, in regression the predicted numbers, and `loss` where
            labels are given.

        Raises:
            ValueError: If there are no molecules, a text is missing or not wanted, or the labels have another shape.
        """
        self._check_sides(input_ids, motif_counts)
        features = self.extract_features(
            input_ids=input_ids,
            attention_mask=attention_mask,
            motif_counts=motif_counts,
            atom_features=atom_features,
            edge_index=edge_index,
            edge_features=edge_features,
            atom_to_motif=atom_to_motif,
            motif_positions=motif_positions,
            masked_motifs=masked_motifs,
        )  # (B, F)
        outputs = self.classifier(self.dropout(features))  # (B, K)
        loss = None if labels is None else self.compute_loss(outputs, labels)
        return SequenceClassifierOutput(loss=loss, logits=self.to_units(outputs))

    def extract_features(
        self,
        motif_counts: Tensor,
        atom_features: Tensor,
        edge_index: Tensor,
        edge_features: Tensor,
        atom_to_motif: Tensor,
        motif_positions: Tensor,
        masked_motifs: Tensor | None = None,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
    ) -> Tensor:
        """Compute what the linear layer reads, `(B, F)`: what `config.property_readout` names, and the joined streams.

        Arguments are those of [`forward`].
        """
        base, readout = self.finemoltex, self.config.property_readout
        graph = (motif_counts, atom_features, edge_index, edge_features, atom_to_motif, motif_positions)
        atom_states = base.encode_atoms(*graph, masked_motifs)  # (N, H_graph)
        molecules = locate_atoms(motif_counts, atom_to_motif, motif_positions.shape[0])  # (N,)
        atoms = (atom_states, molecules, motif_counts.shape[0])
        parts = []
        if readout != "molecule":
            parts.append(pool_atoms_to_motifs(*atoms))  # (B, H_graph)
        if readout != "atoms":
            parts.append(base.molecule_readout(*atoms))  # (B, P)
        if self.config.property_text:
            motifs = base.encode_motifs(atom_states, motif_counts, atom_to_motif, motif_positions, masked_motifs)
            if attention_mask is None:
                attention_mask = torch.ones_like(input_ids)
            words, _ = base.encode_words(input_ids, attention_mask)  # (B, T, H)
            states, text_states = base.fusion(*motifs, words, attention_mask)  # (B, K + 1, H), (B, T, H)
            parts += [average_tokens(states, motifs[1]), average_tokens(text_states, attention_mask)]  # (B, H) each
        return torch.cat([part.to(self.classifier.weight.dtype) for part in parts], dim=-1)  # (B, F)

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
        weights = None if self.config.class_weights is None else self._row("class_weights", outputs, 1.0)
        return property_loss(outputs, labels, problem_type, weights)

    def predict(self, logits: Tensor) -> Tensor:
        """Turn logits into calibrated probabilities of classes or tasks; numbers stay as they are. `(B, K)`."""
        logits, problem_type = logits.float(), self.config.problem_type
        if problem_type == "regression" or (problem_type is None and self.config.num_labels == 1):
            return logits
        if self.config.class_weights is not None:
            # Weighted classes are learned as if they were that much more frequent.
            logits = logits - self._row("class_weights", logits, 1.0).log()
        logits = logits / self.config.calibration_temperature
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
        if self.config.target_mean is None and self.config.target_scale is None:
            return outputs
        return outputs * self._row("target_scale", outputs, 1.0) + self._row("target_mean", outputs, 0.0)

    def _row(self, name: str, like: Tensor, default: float) -> Tensor:
        """Give a field of the configuration, one number per label, as a tensor `(K,)`."""
        values = getattr(self.config, name)
        return like.new_tensor([default] * like.shape[-1] if values is None else values, dtype=torch.float32)

    def _count_features(self) -> int:
        graph, tokens = self.config.graph_config.hidden_size, self.config.multimodal_config.hidden_size
        embedding = self.config.projection_dim or tokens
        width = {"molecule": embedding, "atoms": graph, "both": graph + embedding}[self.config.property_readout]
        return width + 2 * tokens * self.config.property_text

    def _check_lengths(self) -> None:
        for name in ("class_weights", "target_mean", "target_scale"):
            values = getattr(self.config, name)
            if values is not None and len(values) != self.config.num_labels:
                raise ValueError(
                    f"`{name}` has {len(values)} entries for {self.config.num_labels} labels. Give one per label, or "
                    f"`{name}=None` where a folder is loaded for other labels than its own."
                )

    def _check_sides(self, input_ids: Tensor | None, motif_counts: Tensor | None) -> None:
        if motif_counts is None:
            raise ValueError("Property prediction needs molecules: the batch holds no `motif_counts`. Give `smiles`.")
        if self.config.property_text and input_ids is None:
            raise ValueError("`config.property_text` is set, but the batch holds no `input_ids`. Give `text` too.")
        if not self.config.property_text and input_ids is not None:
            raise ValueError(
                "The batch holds texts, but this model reads molecules only. Leave `text` out, or build the model "
                "with `property_text=True`."
            )


__all__ = ["FineMolTexForPropertyPrediction"]
