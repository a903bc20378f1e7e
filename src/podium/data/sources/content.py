"""From bytes to text: what arrives instead of a file of rates is recognised here, before anything is parsed."""

from __future__ import annotations

import io
import re
import zipfile
import zlib

from podium.errors import DataError, Fault

HEADER = re.compile(r"<\w+>[,;\t]<\w+>")  # a header as MetaTrader writes it, which is no HTML
MAX_BYTES = 64 * 2**20  # thirty times the ECB's whole history; more is not a daily series


def text_of(data: bytes, where: str) -> str:
    """The CSV text in `data`, which may be a zip file with one CSV in it.

    Raises:
        DataError: empty, HTML, a broken or foreign zip, or not text.
    """
    if data[:2] == b"PK":
        data = _unzip(data, where)
    if not data.strip():
        raise file_fault(where, "empty_file", "nothing is in it; get the file again")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise file_fault(where, "not_text", "this is no UTF-8 text; save it as a CSV file in UTF-8")
    if text.lstrip()[:1] == "<" and not HEADER.match(text.lstrip()):
        first = " ".join(text.split())[:60]
        raise file_fault(where, "html_instead_of_csv", "a web page or XML, not a table of rates; get the CSV", first)
    return text


def file_fault(where: str, check: str, remedy: str, *examples: str, column: str = "") -> DataError:
    """An error about a file as a whole, or about one of its columns."""
    return DataError([Fault(where, column, check, 0, examples[:5], remedy)])


def _unzip(data: bytes, where: str) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [info for info in archive.infolist() if info.filename.lower().endswith(".csv")]
            if len(members) != 1:
                names = [info.filename for info in archive.infolist()]
                raise file_fault(where, "wrong_zip", "one CSV file is expected in it", *names)
            if members[0].file_size > MAX_BYTES:
                raise file_fault(where, "too_large", f"{members[0].file_size} bytes are no daily series")
            return archive.read(members[0])
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise file_fault(where, "truncated_zip", "the zip is cut short or damaged; get it again") from error
