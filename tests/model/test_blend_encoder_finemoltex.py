from contracts.encoder import EncoderContract


class TestBlendEncoder(EncoderContract):
    name = "blend"
    options = {"num_heads": 4, "num_kernels": 8}
    unreached = frozenset(
        f"relation_bias.space.{name}"
        for name in (
            *("pairs.weight", "centres", "widths"),
            *("expand.weight", "expand.bias", "contract.weight", "contract.bias"),
        )
    )
