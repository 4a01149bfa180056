"""What the captioning head knows of itself, beside the configuration of its writer."""

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

STATES = ("molecule", "motifs", "atoms")
JOINS = ("input", "output")
PROMPTS = ("none", "smiles", "captions")
CHOICES = ("structure", "model")


@strict
class FineMolTexCaptioningConfig(PreTrainedConfig):
    r"""The head of [`FineMolTexForCaptioning`]; `writer_config` on the main configuration describes the writer.

    Args:
        states (`list[str]`): What the writer reads of a molecule: `"molecule"` is its embedding, one state,
            `"motifs"` one state for each motif, the mean of its atoms, `"atoms"` one for each atom.
        join (`str`): Where the states go: `"input"` is in front of the embedded prompt, before the writer's encoder,
            `"output"` in front of what the encoder makes of the prompt.
        copies (`bool`): Let the writer copy words of the prompt; for writers of the type T5.
        prompt (`str`): What the writer reads beside the states: `"none"`, the `"smiles"` of the molecule, or the
            `"captions"` of similar molecules, which the folder of the model then holds.
        num_examples (`int`): Captions that a prompt of captions holds.
        choice (`str`): Which captions those are: of the most similar molecules (`"structure"`), or the ones that, of
            the captions of the ten most similar molecules, the base model places nearest to the molecule (`"model"`).
        max_prompt_length (`int`): Longest prompt, in tokens.
        max_caption_length (`int`): Longest caption, in tokens.
    """

    model_type = "finemoltex_captioning"
    base_config_key = "captioning_config"

    states: list[str] | tuple[str, ...] = ("molecule", "motifs")
    join: str = "input"
    copies: bool = False
    prompt: str = "none"
    num_examples: int = 2
    choice: str = "structure"
    max_prompt_length: int = 256
    max_caption_length: int = 128

    def validate_architecture(self) -> None:
        """Check the states, the place where they go, and the lengths."""
        unknown = [name for name in self.states if name not in STATES]
        if unknown or not self.states:
            raise ValueError(f"`states` must hold some of {', '.join(STATES)}: got {list(self.states)}.")
        for name, allowed in (("join", JOINS), ("prompt", PROMPTS), ("choice", CHOICES)):
            if getattr(self, name) not in allowed:
                raise ValueError(f"`{name}` must be one of {allowed}: got {getattr(self, name)!r}.")
        for name in ("num_examples", "max_prompt_length", "max_caption_length"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be at least 1: got {getattr(self, name)}.")
        if self.join == "output" and (self.copies or self.prompt == "none"):
            raise ValueError(
                "With `join` 'output' the encoder of the writer reads the prompt alone: set `prompt` to 'smiles' or "
                "'captions' and `copies` to False, or `join` to 'input'."
            )


__all__ = ["FineMolTexCaptioningConfig"]
