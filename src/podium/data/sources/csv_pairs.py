"""Which pair a file says that it holds, in its columns or its name; it must be the one asked."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import PurePath

import numpy as np

from podium.data.allow import or_allow
from podium.data.sources.csv_grid import Grid
from podium.data.sources.naming import (
    BASE_NAMES,
    CURRENCY_NAMES,
    PRICED,
    QUOTE_NAMES,
    SYMBOL_NAMES,
    UNIT_NAMES,
    find,
    pairs_in,
    plain,
)  # fmt: skip
from podium.errors import DataError, Fault

MOST_LABELS = 200  # different values of a column of labels; where there are more, they are prices or numbers of rows
Means = Mapping[str, Collection[str] | None]  # label of a row -> the pairs it stands for; None where it says nothing


def rows_of_pair(grid: Grid, pair: str, skip: Collection[int], said: bool) -> Grid:
    """The rows of the pair, where the file says for each row which pair it is.

    Args:
        grid: the file.
        pair: whose rows are wanted.
        skip: columns of dates and prices.
        said: whether a column is named after the pair; then the file's own name is not asked.

    Raises:
        DataError: all rows are of other pairs, or the file is named after another one.
    """
    kept = np.ones(len(grid.rows), dtype=bool)
    for name, labels, means in _speakers(grid, pair, skip):
        kept &= [(found := means[label]) is None or pair in found for label in labels]
        if not kept.any():
            raise other_pair(
                grid.where, name, pair, {label: found for label, found in means.items() if found is not None}
            )
        said = said or any(pair in (found or ()) for found in means.values())
    own = PurePath(grid.where).name
    if (named := pairs_in(own)) and pair not in named and not said:
        raise other_pair(grid.where, "", pair, {own: named})
    return replace(grid, rows=[grid.rows[at] for at in np.flatnonzero(kept)])


def must_be_for_one_unit(grid: Grid) -> None:
    """Rates per 100 yen are no rates of a yen.

    Raises:
        DataError: a column says that the rates are for more than one unit.
    """
    for at, name in enumerate(grid.header):
        one = "0" if plain(name).startswith("unit mult") else "1"  # SDMX writes the power of ten
        values = set(grid.cells(at))
        if plain(name) in UNIT_NAMES and len(values) == 1 and (value := values.pop()).isdecimal() and value != one:
            remedy = f"rates for more than one unit ({name} = {value}); divide them"
            raise DataError([or_allow(Fault(grid.where, name, "other_unit", len(grid.rows), (value,), remedy))])


def other_pair(where: str, column: str, pair: str, found: Mapping[str, Collection[str]]) -> DataError:
    """The error of a file that says that it holds other pairs."""
    pairs = list(dict.fromkeys(name for names in found.values() for name in names if len(name) == 6))
    remedy = f"the file does not hold {pair}; "
    remedy += f"take --pair {' or '.join(pairs[:5])}, or another file" if pairs else "take another file"
    return DataError([or_allow(Fault(where, column, "other_pair", 0, tuple(found)[:5], remedy))])


def _speakers(grid: Grid, pair: str, skip: Collection[int]) -> Iterator[tuple[str, list[str], Means]]:
    """Columns that say of each row which pair it is of: name, labels of shape (n_rows,), what each label means."""
    base, quote, currency = (find(grid.header, names) for names in (BASE_NAMES, QUOTE_NAMES, CURRENCY_NAMES))
    if base is not None and quote is None:
        quote, currency = currency, None  # the ECB's SDMX: units of CURRENCY per 1 CURRENCY_DENOM
    if base is not None and quote is not None:
        labels = [f"{_code(b)}/{_code(q)}" for b, q in zip(grid.cells(base), grid.cells(quote), strict=True)]
        named = {label: label.split("/") for label in set(labels)}
        means: Means = {
            label: ("".join(codes),) if PRICED.issuperset(codes) else None for label, codes in named.items()
        }
        yield f"{grid.header[base]}/{grid.header[quote]}", labels, means
    else:
        for at, own in ((base, {pair[:3]}), (quote, {pair[3:]}), (currency, {pair[:3], pair[3:]})):
            if at is not None:
                codes = {label: _code(label) for label in set(grid.cells(at))}
                fits = {label: (pair if code in own else code,) for label, code in codes.items() if code in PRICED}
                yield grid.header[at], grid.cells(at), {label: fits.get(label) for label in codes}
    for at, name in enumerate(grid.header):
        if at in {*skip, base, quote, currency}:
            continue
        labels = grid.cells(at)
        distinct = set(labels)
        if len(distinct) > MOST_LABELS:
            continue
        must_speak = plain(name) in SYMBOL_NAMES
        pairs = {label: pairs_in(label) if must_speak and label else pairs_in(label) or None for label in distinct}
        says = [bool(pairs[label]) for label in labels]
        if must_speak or any(pair in (found or ()) for found in pairs.values()) or np.mean(says) > 0.5:
            yield name, labels, pairs


def _code(cell: str) -> str:
    """The currency of `EUR` or `EUR: Euro`."""
    return cell.partition(":")[0].strip().upper()
