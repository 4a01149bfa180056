"""What turns atom states into motif tokens, by name."""

from typing import Any

from torch import nn

from .motif_tower_finemoltex import FineMolTexMotifTower
from .scalar_motif_tower_finemoltex import FineMolTexScalarMotifTower

# A dict and no decorator: the Hub loader finds a file by the line that imports it. Each takes atom states, molecules
# and hidden motifs, gives tokens `(B, K + 1, H)`, has a `projection` of single atoms and declares its `parts`.
MOTIF_TOWERS: dict[str, type[nn.Module]] = {
    "tokens": FineMolTexMotifTower,
    "scalar": FineMolTexScalarMotifTower,
}


def build_motif_tower(config: Any) -> Any:
    """Build the motif tower that a configuration names.

    Args:
        config ([`FineMolTexConfig`]): `config.motif_config.tower` is a key of `MOTIF_TOWERS`.

    Raises:
        ValueError: If there is no tower of that name; lists the names.
    """
    name = config.motif_config.tower
    if name not in MOTIF_TOWERS:
        raise ValueError(f"`motif_config.tower` must be one of {', '.join(MOTIF_TOWERS)}: got {name!r}.")
    return MOTIF_TOWERS[name](config)


__all__ = ["MOTIF_TOWERS", "build_motif_tower"]
