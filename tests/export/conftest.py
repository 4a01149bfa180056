"""The model and the export of the tests of the run time."""

from tests.runtime.conftest import exported, whole_encoder  # noqa: F401
