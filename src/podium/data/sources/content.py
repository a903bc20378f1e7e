"""From bytes to text: what arrives instead of a file of rates is recognised here, before anything is parsed."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable
from typing import IO

from podium.errors import file_fault

HEADER = re.compile(r"<\w+>[,;|\t]<\w+>")  # a header as MetaTrader writes it, which is no HTML
MAX_BYTES = 64 * 2**20  # thirty times the ECB's whole history; more is not a daily series
TABLES = (".csv", ".txt", ".tsv", ".parquet")  # what a zip is opened for, the first kind that it has
PACKED: dict[bytes, Callable[[io.BytesIO], io.BufferedIOBase]] = {
    b"\x1f\x8b": lambda data: gzip.GzipFile(fileobj=data),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
}
DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, NotImplementedError, RuntimeError)


def unpack(data: bytes, where: str) -> bytes:
    """What a zip with one table, a `.gz`, `.bz2` or `.xz` holds; anything else as it is.

    Raises:
        DataError: a broken or foreign archive, or more than any daily series.
    """
    try:
        if data[:2] == b"PK":
            return _unzip(data, where)
        for magic, reader in PACKED.items():
            if data.startswith(magic):
                return _bounded(reader(io.BytesIO(data)), where)
    except DAMAGED as error:
        raise file_fault(where, "truncated_zip", "the archive is cut short or damaged; get it again") from error
    return data


def text_of(data: bytes, where: str) -> str:
    """The text in `data`: UTF-8, UTF-16, or what Windows wrote before.

    Raises:
        DataError: empty, HTML, or not text.
    """
    text = _decoded(data)
    if "\0" in text:
        raise file_fault(where, "not_text", "this is no text; save it as a CSV file in UTF-8")
    if not text.strip():
        raise file_fault(where, "empty_file", "nothing is in it; get the file again")
    if text.lstrip()[:1] == "<" and not HEADER.match(text.lstrip()):
        first = " ".join(text.split())[:60]
        raise file_fault(where, "html_instead_of_csv", "a web page or XML, not a table of rates; get the CSV", first)
    return text


def _decoded(data: bytes) -> str:
    wide = data[:2] in {b"\xff\xfe", b"\xfe\xff"}
    little = not wide and len(data) > 3 and data[1] == 0 == data[3]
    for encoding in ("utf-16" if wide else "utf-16-le" if little else "utf-8-sig", "latin-1"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue  # an umlaut of Windows: whatever it is, it is in no date and in no number
    raise AssertionError  # latin-1 reads all bytes


def _bounded(file: io.BufferedIOBase | IO[bytes], where: str) -> bytes:
    content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise file_fault(where, "too_large", f"more than {MAX_BYTES} bytes are no daily series")
    return content


def _unzip(data: bytes, where: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = [name for name in archive.namelist() if not name.startswith("__MACOSX/")]
        if "xl/workbook.xml" in names:
            raise file_fault(where, "workbook", "this is a workbook of Excel; save its sheet as a CSV file in UTF-8")
        kinds = [[name for name in names if name.lower().endswith(kind)] for kind in TABLES]
        members = next(filter(None, kinds), [])
        if len(members) != 1:
            raise file_fault(where, "wrong_zip", f"one table is expected in it ({', '.join(TABLES)})", *names)
        with archive.open(members[0]) as member:
            return _bounded(member, where)
