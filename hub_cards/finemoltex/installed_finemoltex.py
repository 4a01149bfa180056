"""The classes of this folder are those of the installed package; `make hub` writes folders with code of their own."""

try:
    import modeling_finemoltex
except ModuleNotFoundError as error:
    if error.name != "modeling_finemoltex":
        raise
    message = "This folder holds no code. Install the package `finemoltex`: `pip install -e .` in its checkout."
    raise ModuleNotFoundError(message, name=error.name) from error


def __getattr__(name: str) -> object:
    return getattr(modeling_finemoltex, name)
