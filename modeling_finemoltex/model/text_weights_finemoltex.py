"""Weights of a pre-trained text encoder, copied into a model."""

from typing import Any

from transformers import AutoModel


def load_text_weights(text_encoder: Any, name_or_path: str, **kwargs: Any) -> None:
    """Copy the weights of a pre-trained text encoder, all of them or none.

    Args:
        text_encoder (`PreTrainedModel`): Is changed.
        name_or_path (`str`): Hub id or folder that `AutoModel.from_pretrained` loads.
        kwargs: Passed to `AutoModel.from_pretrained`, for example `revision`.

    Raises:
        ValueError: If a weight is missing from the source, is unknown here or has another shape; lists the keys.
    """
    source = AutoModel.from_pretrained(name_or_path, **kwargs).state_dict()
    source = {key: value for key, value in source.items() if not key.startswith("pooler.")}
    own = text_encoder.state_dict()
    different = [key for key in own.keys() & source.keys() if own[key].shape != source[key].shape]
    problems = {
        "missing from the source": sorted(own.keys() - source.keys()),
        "unknown to `text_config`": sorted(source.keys() - own.keys()),
        "of another shape": sorted(different),
    }
    if any(problems.values()):
        listed = "; ".join(f"{what}: {', '.join(keys)}" for what, keys in problems.items() if keys)
        raise ValueError(
            f"The text encoder {name_or_path!r} does not fit `config.text_config` ({listed}). "
            f"Build the configuration with `text_config=AutoConfig.from_pretrained({name_or_path!r})`."
        )
    text_encoder.load_state_dict(source)


__all__ = ["load_text_weights"]
