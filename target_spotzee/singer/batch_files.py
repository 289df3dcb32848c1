"""Records from the files that a BATCH message names.

The SDK reads a whole file before its first record is loaded, makes the folder of a file that is
not there, and takes ``NaN`` for a number. Here a file is read line by line: what comes before a
fault in it is loaded, and memory does not grow with it.
"""

from __future__ import annotations

import errno
import gzip
import logging
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import unquote, urlsplit

from target_spotzee import codec
from target_spotzee.exceptions import InputError
from target_spotzee.singer.lines import MAX_LINE_BYTES

_GZIP = b"\x1f\x8b"
_STORES = ("fsspec", "s3fs", "gcsfs", "adlfs", "aiobotocore", "botocore", "aiohttp", "azure")
_COMPRESSIONS = {None: None, "": None, "none": None, "gzip": "gzip"}


def records_of(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the records of a BATCH message's files, in order.

    Args:
        message: The message; ``encoding`` and ``manifest`` are there.

    Raises:
        InputError: A file can't be read, or is not what ``encoding`` says. It names the file,
            without what may be a secret in its address.
    """
    stream, encoding, manifest = message["stream"], message["encoding"], message["manifest"]
    of_stream = f"the BATCH of stream {stream!r}"
    if not isinstance(encoding, dict) or not isinstance(encoding.get("format"), str):
        raise InputError(
            f'{of_stream} needs an encoding such as {{"format": "jsonl"}}; mend the tap'
        )
    if encoding["format"] != "jsonl":
        raise InputError(
            f"{of_stream} is in format {encoding['format'][:40]!r}, and only jsonl can be read; set"
            " the tap's batch_config to it",
        )
    compression = encoding.get("compression")
    if not isinstance(compression, str | None) or compression not in _COMPRESSIONS:
        raise InputError(
            f"{of_stream} has a compression that is neither none nor gzip; mend the tap"
        )
    if not isinstance(manifest, list) or not all(isinstance(url, str) for url in manifest):
        raise InputError(f"{of_stream} has a manifest that is no list of files; mend the tap")
    for url in manifest:
        yield from _records_in(url, f"{of_stream}: file {_shown(url)}", _COMPRESSIONS[compression])


def _records_in(url: str, place: str, compression: str | None) -> Iterator[dict[str, Any]]:
    try:
        with _open(url) as packed, _unpacked(packed, compression, place) as file:
            for number, line in enumerate(_lines(file, place), start=1):
                if not line.isspace():
                    yield _record(line, f"{place}, line {number}")
    except InputError:
        raise
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise InputError(f"{place} is cut off or damaged; write it anew") from None
    except Exception as error:  # noqa: BLE001 - each store has errors of its own
        # Their texts may repeat the address, and what is secret in it.
        code = getattr(error, "errno", None)
        reason = os.strerror(code) if isinstance(code, int) else type(error).__name__
        raise InputError(f"{place} can't be read ({reason})") from None


def _unpacked(
    packed: IO[bytes],
    compression: str | None,
    place: str,
) -> AbstractContextManager[IO[bytes]]:
    if compression is None:
        return nullcontext(packed)
    if packed.read(2) != _GZIP:  # an empty one reads as one without records
        raise InputError(f"{place} is no gzip file, as its BATCH says, or is empty; mend the tap")
    packed.seek(0)
    return cast("AbstractContextManager[IO[bytes]]", gzip.open(packed))


def _lines(file: IO[bytes], place: str) -> Iterator[bytes]:
    while line := file.readline(MAX_LINE_BYTES):
        if len(line) == MAX_LINE_BYTES:
            raise InputError(f"{place} has a line of more than {MAX_LINE_BYTES >> 20} MiB")
        yield line


def _record(line: bytes, place: str) -> dict[str, Any]:
    try:
        return codec.decode_any(line)
    except ValueError:
        raise InputError(
            f"{place} is no JSON object; the tap is broken, or the file cut off"
        ) from None


def _open(url: str) -> AbstractContextManager[IO[bytes]]:
    """Open a file to read; the stores' own logs, which tell addresses, are not heard.

    Raises:
        OSError: It can't be opened, or is no file: a pipe might be waited for without end.
    """
    import fsspec  # type: ignore[import-untyped]  # noqa: PLC0415 - few need it

    for name in _STORES:
        logging.getLogger(name).propagate = False
    path = unquote(urlsplit(url).path) if url.startswith("file:") else url
    local = Path(path)
    if local.is_dir():
        raise IsADirectoryError(errno.EISDIR, "")
    if local.exists() and not local.is_file():
        raise OSError(errno.ESPIPE, "")
    opened: AbstractContextManager[IO[bytes]] = fsspec.open(path, "rb")
    return opened


def _shown(url: str) -> str:
    """Return an address without what may be a secret: a user, a password, a signature."""
    bare = url.partition("?")[0]
    scheme, mark, rest = bare.partition("://")
    return repr(scheme + mark + rest.rpartition("@")[2] if mark else bare)
