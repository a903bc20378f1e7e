import bz2
import gzip
import io
import lzma
import re
import zipfile

import pytest

from podium.data.sources.content import text_of, unpack
from podium.errors import DataError


def _zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(re.sub("_(?=[a-z]+$)", ".", name), content)
    return buffer.getvalue()


def _read(data: bytes) -> str:
    return text_of(unpack(data, "a.csv"), "a.csv")


def _check_of(data: bytes) -> str:
    with pytest.raises(DataError) as caught:
        _read(data)
    (fault,) = caught.value.faults
    assert fault.where == "a.csv"
    assert fault.remedy
    return fault.check


TEXT = "Datum;Währung;Close\n2024-01-02;€;1.1\n"


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        TEXT.encode("utf-16-le"),
        b"\xfe\xff" + TEXT.encode("utf-16-be"),
        gzip.compress(TEXT.encode(), mtime=0),
        bz2.compress(TEXT.encode()),
        lzma.compress(TEXT.encode()),
        _zipped(rates_csv=TEXT.encode(), readme_txt=b"x"),
        _zipped(rates_txt=TEXT.encode("utf-16"), logo_png=b"x"),
        _zipped(rates_csv=TEXT.encode(), **{"__MACOSX/rates_csv": b"x"}),
    ],
)
def test_text_is_read_whatever_it_is_wrapped_in(data):
    """UTF-8 and UTF-16 with and without their marks, packed or not: the same text."""
    assert _read(data) == TEXT


def test_an_umlaut_of_old_windows_does_no_harm():
    """No UTF-8: letters beyond ASCII stand in no date and in no number, so the rest is read."""
    assert _read("Währung,Close\nx,1.1\n".encode("cp1252")).endswith("rung,Close\nx,1.1\n")


@pytest.mark.parametrize(
    ("data", "check"),
    [
        (b"", "empty_file"),
        (b" \n\n", "empty_file"),
        (b"<!DOCTYPE html><html><body>Just a moment...</body></html>", "html_instead_of_csv"),
        (b"\n  <html>\n", "html_instead_of_csv"),
        (b"<?xml version='1.0'?><Error/>", "html_instead_of_csv"),
        (b"Date,Close\n2024-01-02,\x00\xff\xfe\n", "not_text"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "not_text"),
        (_zipped(a_csv=b"", b_txt=b"x"), "empty_file"),
        (_zipped(a_csv=b"x", b_csv=b"y"), "wrong_zip"),
        (_zipped(a_png=b"x"), "wrong_zip"),
        (b"PK", "truncated_zip"),
        (_zipped(**{"xl/workbook_xml": b"x"}), "workbook"),
        (gzip.compress(b"Date,Close\n" * 100, mtime=0)[:-9], "truncated_zip"),
        (b"\x1f\x8b" + b"0" * 99, "truncated_zip"),
        (b"BZh" + b"0" * 99, "truncated_zip"),
        (gzip.compress(b"0" * (64 * 2**20 + 1), mtime=0), "too_large"),
    ],
)
def test_what_is_no_csv_is_recognised(data, check):
    """Each thing that arrives instead of a CSV file has its own name."""
    assert _check_of(data) == check


def test_a_zip_cut_anywhere_is_recognised():
    """Whatever part of a zip arrives, it is never read as rates."""
    whole = _zipped(rates_csv=b"Date,Close\n" + b"2024-01-02,1.1\n" * 500)
    for size in range(2, len(whole), 7):
        assert _check_of(whole[:size]) == "truncated_zip"


def test_a_zip_with_a_changed_byte_is_recognised():
    """The checksum inside the zip is verified."""
    whole = bytearray(_zipped(rates_csv=b"Date,Close\n" + bytes(range(32, 127)) * 20))
    whole[60] ^= 0xFF
    assert _check_of(bytes(whole)) == "truncated_zip"


def test_a_zip_bomb_is_refused():
    """A member that says it unpacks to more than any daily series is not unpacked."""
    assert _check_of(_zipped(a_csv=b"0" * (64 * 2**20 + 1))) == "too_large"


def test_a_header_in_angle_brackets_is_no_html():
    """MetaTrader's header is text."""
    assert _read(b"<DATE>\t<CLOSE>\n2024.01.02\t1.1\n").startswith("<DATE>")
