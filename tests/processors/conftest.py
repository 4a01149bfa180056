"""Load `processors` through the façade, so that the tests can import its files by their installed names."""

from modeling_finemoltex import FineMolTexFeatureExtractor  # noqa: F401
