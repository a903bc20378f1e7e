import numpy as np
import pytest

from podium.data.sources.csv_numbers import decimal_mark, parse_numbers


@pytest.mark.parametrize(
    ("cells", "delimiter", "mark", "values"),
    [
        (["1.1172", "1.1"], ",", ".", [1.1172, 1.1]),
        (["1,1172", "1,117"], ";", ",", [1.1172, 1.117]),
        (["1,1172", "1,117"], ",", ",", [1.1172, 1.117]),
        (["0,895"], ",", ",", [0.895]),
        (["160,490", "161,145"], ";", ",", [160.49, 161.145]),
        (["160,490", "161,145"], ",", "", [np.nan, np.nan]),
        (["160.490", "1,234"], ";", "", [160.49, np.nan]),
        (["1.1172", "1,234"], ",", ".", [1.1172, 1234.0]),
        (["17,552.34", "17,552"], ",", ".", [17552.34, 17552.0]),
        (["17.552,34", "17.552"], ";", ",", [17552.34, 17552.0]),
        (["1,234,567.5", "999.5"], ",", ".", [1234567.5, 999.5]),
        (["17 552.34", "17\u00a0552.34", "17'552.34"], ",", ".", [17552.34] * 3),
        (["1.07E+00", "1e-4", "inf", "157"], ",", ".", [1.07, 1e-4, np.inf, 157.0]),
        (["1_1", "abc", "1.1.1", "1,1172"], ",", ",", [np.nan, np.nan, np.nan, 1.1172]),
        (["1.1172", "1,5"], ",", ".", [1.1172, np.nan]),
        (["1,1172", "1.5"], ";", ",", [1.1172, np.nan]),
    ],
)
def test_the_marks_of_numbers_are_proved_or_nothing_is_read(cells, delimiter, mark, values):
    """Points, commas and thousands, by what the cells prove; a comma that may be either is not read."""
    assert decimal_mark(cells, delimiter) == mark
    np.testing.assert_array_equal(parse_numbers(cells, mark), values)
