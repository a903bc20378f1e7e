import io
import zipfile

import pytest

from podium.data.sources.content import text_of
from podium.errors import DataError


def _zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", "."), content)
    return buffer.getvalue()


def _check_of(data: bytes) -> str:
    with pytest.raises(DataError) as caught:
        text_of(data, "a.csv")
    (fault,) = caught.value.faults
    assert fault.where == "a.csv"
    assert fault.remedy
    return fault.check


def test_text_and_zipped_text_are_read():
    """A file, a file with a byte order mark and a zip with one CSV give the same text."""
    text = "Date,Close\n2024-01-02,1.1\n"
    assert text_of(text.encode(), "a.csv") == text
    assert text_of(b"\xef\xbb\xbf" + text.encode(), "a.csv") == text
    assert text_of(_zipped(rates_csv=text.encode(), readme_txt=b"x"), "a.csv") == text


@pytest.mark.parametrize(
    ("data", "check"),
    [
        (b"", "empty_file"),
        (b" \n\n", "empty_file"),
        (b"<!DOCTYPE html><html><body>Just a moment...</body></html>", "html_instead_of_csv"),
        (b"\n  <html>\n", "html_instead_of_csv"),
        (b"<?xml version='1.0'?><Error/>", "html_instead_of_csv"),
        (b"Date,Close\n2024-01-02,\xff\xfe\n", "not_text"),
        ("Date,Close\n".encode("utf-16"), "not_text"),
        (_zipped(a_csv=b"", b_txt=b"x"), "empty_file"),
        (_zipped(a_csv=b"x", b_csv=b"y"), "wrong_zip"),
        (_zipped(a_txt=b"x"), "wrong_zip"),
        (b"PK", "truncated_zip"),
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
    assert text_of(b"<DATE>\t<CLOSE>\n2024.01.02\t1.1\n", "a.csv").startswith("<DATE>")
