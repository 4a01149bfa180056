"""The version of the package: here alone, so that rooms beneath the façade and `pyproject.toml` can read it."""

__version__ = "0.1.0"
