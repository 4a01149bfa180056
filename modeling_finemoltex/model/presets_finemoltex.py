"""Named sizes of the model: what differs from the defaults of the configuration."""

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    # Runs in a test in milliseconds.
    "tiny": {
        "graph_config": {"hidden_size": 32, "num_layers": 2},
        "text_config": {
            "model_type": "bert",
            "vocab_size": 1024,
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 64,
            "max_position_embeddings": 128,
        },
        "multimodal_config": {
            "hidden_size": 32,
            "num_motif_layers": 2,
            "num_text_layers": 1,
            "num_motif_attention_heads": 2,
            "num_text_attention_heads": 2,
            "num_co_attention_heads": 2,
            "intermediate_size": 64,
            "co_attention_motif_layers": [1, 2],
            "co_attention_text_layers": [0, 1],
        },
    },
    # About 10 million parameters: trains on a laptop CPU, in so few epochs that dropout would only cost time. Per
    # minute there, one text layer teaches more than two or three: steps count for more than depth.
    "small": {
        "graph_config": {"hidden_size": 256, "num_layers": 5, "dropout": 0.0},
        "text_config": {
            "model_type": "bert",
            "vocab_size": 8192,
            "hidden_size": 256,
            "num_hidden_layers": 1,
            "num_attention_heads": 4,
            "intermediate_size": 768,
            "max_position_embeddings": 256,
            "initializer_range": 0.04,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
        },
        "multimodal_config": {
            "hidden_size": 256,
            "num_motif_layers": 2,
            "num_text_layers": 1,
            "num_motif_attention_heads": 4,
            "num_text_attention_heads": 4,
            "num_co_attention_heads": 4,
            "intermediate_size": 512,
            "co_attention_motif_layers": [1, 2],
            "co_attention_text_layers": [0, 1],
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
        },
        "initializer_range": 0.04,  # BERT's 0.02 belongs to a width of 768
        "projection_dim": 256,
        "temperature": 0.07,
        # In short runs the paper's weights let the masked losses drown the contrastive one: after 100 steps, 19 %
        # instead of 35 % of the T=20 choices are right, while masked words and motifs gain nothing of note.
        "objectives": {"contrastive": {}, "masked_modelling": {"word_weight": 0.1, "motif_weight": 0.1}},
    },
    # The sizes of the FineMolTex paper (KDD 2025); the defaults of the configuration.
    "paper": {"text_config": {"model_type": "bert", "vocab_size": 31090}},
}
# Su et al. 2022 (MoMu), at the sizes of `small`.
PRESETS["momu"] = {**PRESETS["small"], "temperature": 0.1, "objectives": {"momu": {}}}

# Song et al. 2024 beside the contrastive loss, by which search is trained: the published weights of the three relative
# to each other.
PRESETS["memory_bank"] = {
    **PRESETS["small"],
    "objectives": {
        "contrastive": {},
        "memory_bank": {"weight": 0.2},
        "second_order": {"weight": 0.2},
        "critic": {"weight": 4e-5},
    },
}

# Yu et al. 2024 (MoleBLEND) beside the contrastive loss, by which search is trained. With the published weights, the
# noise would count six times what the pairs do.
PRESETS["blend"] = {
    **PRESETS["small"],
    "graph_config": {
        "encoder": "blend",
        "encoder_options": {"num_heads": 8, "blend_ratio": [0.2, 0.2, 0.6]},
        "hidden_size": 256,
        "num_layers": 4,
        "dropout": 0.0,
    },
    "objectives": {
        "contrastive": {},
        "blend": {"spd_weight": 0.5, "edge_weight": 0.5, "distance_weight": 0.5, "noise_weight": 0.5},
    },
}

# Honda et al. 2019 (SMILES Transformer), with texts: four layers as in the paper, of half its width.
PRESETS["smiles"] = {
    **PRESETS["small"],
    "graph_config": {
        "encoder": "smiles",
        "encoder_options": {"num_attention_heads": 4, "intermediate_size": 256},
        "hidden_size": 640,  # five parts of 128: see the encoder
        "num_layers": 4,
        "dropout": 0.0,
    },
    "readout": "pools",
    "objectives": {"contrastive": {}, "smiles_reconstruction": {}},
}

__all__ = ["PRESETS"]
