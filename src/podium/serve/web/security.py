"""Who may call: hashed API keys, host names, and the headers that every answer carries.

A key file has one line a key: a label, `sha256:` with the digest of the key, and `until=2026-12-31` if it ends. To
rotate, add the new key's line, move the clients over, and remove the old line; the file is read again when it changes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache, partial
from pathlib import Path

from podium.errors import SettingError
from podium.serve.web.http import FORBIDDEN, UNAUTHENTICATED, Headers, RefusedError
from podium.settings import ServeSettings

VARIABLE = "PODIUM_API_KEYS"

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_UNTIL = re.compile(r"until=(\d{4}-\d{2}-\d{2})")
_OWN_SITE = frozenset({"same-origin", "none"})  # another port of this machine is another site
_NAVIGATION = "document"  # a link that somebody followed, in a tab of its own
_LOCAL = frozenset({"localhost", "127.0.0.1", "[::1]"})

# A header each: Chromium takes the first scheme of a line alone, and asks nobody for a key that is second.
_CHALLENGES = (
    ("www-authenticate", 'Basic realm="podium", charset="UTF-8"'),
    ("www-authenticate", 'Bearer realm="podium"'),
)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key, by its digest.

    Attributes:
        label: who uses it.
        digest: SHA-256 of the key.
        until: last day on which it is valid; None when it does not end.
    """

    label: str
    digest: bytes
    until: date | None = None


def new_key(label: str, until: date | None = None) -> tuple[str, str]:
    """A fresh key of 256 random bits, to be shown once, and the line for the key file.

    A digest without salt or stretching is enough for such a key: there is nothing to guess it from.

    Raises:
        SettingError: the label is not a plain name.
    """
    if not _LABEL.fullmatch(label):
        raise SettingError(f"label {label!r}: letters, digits, dots, dashes and underscores, at most 63")
    key = f"podium_{secrets.token_urlsafe(32)}"
    end = f" until={until.isoformat()}" if until else ""
    return key, f"{label} sha256:{hashlib.sha256(key.encode()).hexdigest()}{end}"


def parse_keys(lines: Iterable[str], where: str) -> tuple[ApiKey, ...]:
    """Read keys, one a line; empty lines and lines that start with `#` are passed over.

    Raises:
        SettingError: a line is no key; the message names its number and never its content.
    """
    keys: list[ApiKey] = []
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if words and not words[0].startswith("#"):
            keys.append(_parse_key(words, f"{where}, line {number}"))
    return tuple(keys)


def ended_keys(path: Path | None) -> Iterator[tuple[str, str, Callable[[], object]]]:
    """Keys of a file that nobody can use any more: what is found, what helps, and the act that helps."""
    lines = path.read_text(encoding="utf-8").splitlines() if path is not None and path.exists() else []
    for line in lines:
        for key in parse_keys([line], str(path)):
            if path and key.until and key.until < datetime.now(UTC).date():
                found = f"{path}: the key of {key.label} ended on {key.until}"
                yield found, "remove its line", partial(_drop_line, path, line)


def _drop_line(path: Path, line: str) -> None:
    kept = [one for one in path.read_text(encoding="utf-8").splitlines(keepends=True) if one.rstrip("\r\n") != line]
    path.write_text("".join(kept), encoding="utf-8")  # in place: who may read it stays as it was


def _parse_key(words: list[str], where: str) -> ApiKey:
    found = _DIGEST.fullmatch(words[1]) if len(words) in {2, 3} else None
    ends = _UNTIL.fullmatch(words[2]) if len(words) == 3 else None
    if found is None or not _LABEL.fullmatch(words[0]) or (len(words) == 3 and ends is None):
        raise SettingError(f"{where}: not a key; write LABEL sha256:DIGEST [until=YYYY-MM-DD]")
    try:
        until = date.fromisoformat(ends[1]) if ends else None
    except ValueError:
        raise SettingError(f"{where}: there is no such day; write until=YYYY-MM-DD") from None
    return ApiKey(words[0], bytes.fromhex(found[1]), until)


class KeyRing:
    """The keys that are valid now, from a file and from the variable `PODIUM_API_KEYS` (same lines, or commas).

    Args:
        path: the key file; None without one.

    Attributes:
        problem: what is wrong with the file, in one sentence without its path; empty when all is well.

    Raises:
        SettingError: a line of the variable is no key.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        text = os.environ.get(VARIABLE, "")
        self._fixed = parse_keys(text.replace(",", "\n").splitlines(), VARIABLE)
        self._state: tuple[int, ...] | None = None
        self._keys = self._fixed
        self.problem = ""
        self.refresh()

    def __bool__(self) -> bool:
        """Whether a key is needed at all; a file that is named but empty lets nobody in."""
        return self._path is not None or bool(self._fixed)

    def check(self) -> None:
        """See that the file can be used, before anybody is served.

        Raises:
            SettingError: a line is no key, the file is not there or cannot be read, or others may write it.
        """
        if self._path is not None:
            self._read(self._path)

    def refresh(self) -> None:
        """Read the file again if it has changed; never raises, so that who dies is replaced whatever is in it.

        A file that cannot be used leaves the keys as they were, for a slip of an editor is not to lock everybody out. A
        file that was taken away takes its keys along.
        """
        if self._path is None:
            return
        try:
            self.problem = self._read(self._path)
        except SettingError as error:
            if not self._path.exists():
                self._keys, self._state = self._fixed, None
            told = str(error).replace(str(self._path), self._path.name)
            state = "the keys stay as they were" if self._state else "no key of the file counts"
            self.problem = f"{state}: {told}"

    def _read(self, path: Path) -> str:
        """Take the file's keys; what is wrong with it all the same."""
        try:
            found = path.stat()
            state = (found.st_mtime_ns, found.st_size, found.st_ino, found.st_mode)
            if state != self._state:
                if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                    raise SettingError(f"{path}: others may write this file; chmod 600")
                lines = path.read_text(encoding="utf-8").splitlines()
                self._keys = (*self._fixed, *parse_keys(lines, path.name))
                self._state = state
        except FileNotFoundError:
            raise SettingError(f"{path} is not there; it holds the API keys") from None
        except (OSError, UnicodeDecodeError):
            raise SettingError(f"{path} cannot be read; it holds the API keys") from None
        readable = found.st_mode & (stat.S_IRGRP | stat.S_IROTH)
        return f"others may read the key file {path.name}; chmod 600" if readable else ""

    def label(self, key: bytes) -> str | None:
        """Whose key it is; None when it is nobody's. Takes the same time whichever key it is."""
        wanted = hashlib.sha256(key).digest()
        today = datetime.now(UTC).date()
        found = None
        for known in self._keys:
            same = hmac.compare_digest(known.digest, wanted)
            if same and (known.until is None or today <= known.until):
                found = known.label
        return found


def key_of(headers: Headers) -> bytes | None:
    """The key in `X-API-Key`, `Authorization: Bearer`, or as the password of `Authorization: Basic` (for browsers)."""
    key = headers.get("x-api-key")
    if key is not None:
        return key.encode()
    scheme, _, rest = (headers.get("authorization") or "").partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip().encode()
    return _password(rest) if scheme.lower() == "basic" else None


def _password(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return None


class Gate:
    """Lets requests in, or refuses them.

    Args:
        ring: the keys; an empty ring lets everybody in.
        hosts: names that the server goes by; None takes any name.
    """

    def __init__(self, ring: KeyRing, hosts: frozenset[str] | None) -> None:
        self.ring = ring
        self._hosts = hosts

    def check(self, headers: Headers, *, open_to_all: bool = False, page: bool = False) -> None:
        """Refuse a foreign name, a page of another site, or a caller without a key.

        Args:
            headers: of the request.
            open_to_all: whether no key is needed, as for `/ping`.
            page: whether it is for people, so that other sites may link to it.

        Raises:
            RefusedError: 401, 403 or 421.
        """
        hosts = headers.get_all("host")
        # A page whose own name was made to point here (DNS rebinding) is told apart by the name it calls.
        known = self._hosts is None or (
            ("host" in headers) == bool(hosts) and all(_name(h) in self._hosts for h in hosts)
        )
        if not known:
            raise RefusedError(421, "The server does not go by this name; see --allowed-hosts.", FORBIDDEN)
        self._check_site(headers, hosts, page)
        if open_to_all or not self.ring:
            return
        key = key_of(headers)
        if key is None or self.ring.label(key) is None:
            sentence = "An API key is needed: Authorization: Bearer KEY, or X-API-Key: KEY."
            raise RefusedError(401, sentence, UNAUTHENTICATED, _CHALLENGES)

    def _check_site(self, headers: Headers, hosts: list[str], page: bool) -> None:
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        linked = page and headers.get("sec-fetch-dest") == _NAVIGATION
        foreign = site is not None and site not in _OWN_SITE and not linked
        if foreign or (origin is not None and origin.partition("://")[2] not in hosts):
            raise RefusedError(403, "Pages of other sites may not call this server.", FORBIDDEN)


@lru_cache(maxsize=64)
def _name(host: str) -> str:
    return re.sub(r":\d*$", "", host.lower())


def make_gate(options: ServeSettings) -> Gate:
    """The gate of a server.

    Raises:
        SettingError: an address that others reach, without keys and without `insecure`; or approvers without keys.
    """
    host, ring = options.host, KeyRing(options.keys_file)
    if not options.loopback and not ring and not options.insecure:
        raise SettingError(
            f"host {host} can be reached by others: give API keys (--keys-file, {VARIABLE}), or say --insecure"
        )
    if options.approvers and not ring:
        raise SettingError(f"approvers are known by their API keys: give some (--keys-file, {VARIABLE})")
    if not options.loopback and not options.allowed_hosts:
        return Gate(ring, None)
    own = {host, f"[{host}]"} if ":" in host else {host}
    return Gate(ring, frozenset(_LOCAL | own | {name.lower() for name in options.allowed_hosts}))
