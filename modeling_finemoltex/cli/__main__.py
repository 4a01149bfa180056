"""`python -m finemoltex_cli` is `finemoltex`, for `accelerate launch -m` and `torchrun -m`."""

from .main import app

app()
