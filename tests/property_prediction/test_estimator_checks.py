"""The checks that scikit-learn has for every estimator, on the transformer of molecules.

Most of them fit random numbers, which are no molecules. They run twice: as they are, where those are expected to be
refused, and on a transformer that reads each row of numbers as a molecule, where they see all that comes after.
"""

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.7")

from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from modeling_finemoltex import FineMolTexTransformer


def read_rows(numbers):
    """Make a molecule of each row of numbers, none of a row without; leave alone what is no table."""
    if hasattr(numbers, "toarray"):
        return numbers
    array = np.asarray(numbers)
    if array.ndim != 2 or not array.shape[1]:
        return array
    sums = array.sum(1).real.astype(float)
    return ["C" * (1 + int(abs(one) * 7) % 9) + "O" if np.isfinite(one) else None for one in sums]


class RowsOfNumbers(FineMolTexTransformer):
    def fit(self, X, y=None):  # noqa: N803
        return super().fit(read_rows(X), y)

    def transform(self, X):  # noqa: N803
        return super().transform(read_rows(X))


COLUMNS = "fits several columns of numbers; molecules are one column"
NUMBERS = "fits one column of numbers; molecules are none"
# Check -> why it fails on molecules.
REFUSED = {
    **dict.fromkeys(
        (
            "check_fit_score_takes_y",
            "check_estimators_overwrite_params",
            "check_dont_overwrite_parameters",
            "check_estimators_fit_returns_self",
            "check_readonly_memmap_input",
            "check_n_features_in_after_fitting",
            "check_positive_only_tag_during_fit",
            "check_estimators_dtypes",
            "check_dtype_object",
            "check_pipeline_consistency",
            "check_estimators_pickle",
            "check_f_contiguous_array_estimator",
            "check_transformer_data_not_an_array",
            "check_transformer_general",
            "check_transformers_unfitted_stateless",
            "check_methods_sample_order_invariance",
            "check_methods_subset_invariance",
            "check_fit2d_1sample",
            "check_dict_unchanged",
            "check_fit_idempotent",
            "check_fit_check_is_fitted",
            "check_n_features_in",
            "check_fit2d_predict1d",
        ),
        COLUMNS,
    ),
    "check_fit2d_1feature": NUMBERS,
    "check_complex_data": "wants the words `Complex data not supported`; all numbers are refused in others",
    "check_estimators_nan_inf": "wants NaN and infinity among numbers named; all numbers are refused",
}
# Likewise where rows of numbers are molecules.
STANDING_IN = {
    "check_n_features_in_after_fitting": "wants the number of columns; molecules are one column",
    "check_n_features_in": "wants the number of columns; molecules are one column",
    "check_fit2d_predict1d": "wants the words `Reshape your data`; molecules may have one axis, numbers are refused",
    "check_complex_data": "the stand-in reads complex numbers",
    "check_estimators_nan_inf": "wants NaN to be refused in `fit`; rows are looked at in `transform`",
}


def explain(transformer):
    return STANDING_IN if isinstance(transformer, RowsOfNumbers) else REFUSED


@parametrize_with_checks(
    [FineMolTexTransformer(), RowsOfNumbers(), RowsOfNumbers(features="descriptors", on_error="nan")],
    expected_failed_checks=explain,
)
def test_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize("transformer", [FineMolTexTransformer(), RowsOfNumbers()])
def test_every_named_check_does_fail(transformer):
    results = check_estimator(transformer, on_fail=None, on_skip=None)
    failed = {result["check_name"] for result in results if result["status"] == "failed"}
    assert failed == set(explain(transformer))
    assert sum(result["status"] == "passed" for result in results) >= 15
