"""The read-outs by name."""

from typing import Any

from .published_readouts_finemoltex import FineMolTexMeanReadout, FineMolTexPooledReadout, FineMolTexSlotReadout
from .readout_finemoltex import FineMolTexReadout, Readout
from .smiles_readout_finemoltex import FineMolTexPoolReadout

# A dict and no decorator: the Hub loader finds a file by the line that imports it. Each is made with the width of the
# atom states and the size of the embedding.
READOUTS: dict[str, Any] = {
    "atoms": FineMolTexReadout,
    "slots": FineMolTexSlotReadout,
    "pooled": FineMolTexPooledReadout,
    "mean": FineMolTexMeanReadout,
    "pools": FineMolTexPoolReadout,
}


def build_readout(config: Any) -> Readout:
    """Build the read-out that a configuration names.

    Args:
        config ([`FineMolTexConfig`]): `config.readout` is a key of `READOUTS`.

    Raises:
        ValueError: If there is no read-out of that name; lists the names.
    """
    if config.readout not in READOUTS:
        raise ValueError(f"`readout` must be one of {', '.join(READOUTS)}: got {config.readout!r}.")
    return READOUTS[config.readout](config.graph_config.hidden_size, config.encoder_size)


__all__ = ["READOUTS", "build_readout"]
