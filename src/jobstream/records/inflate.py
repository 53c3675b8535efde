"""Compression, taken off by content: streamed, every check sum of every member checked, bounded."""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import IO, Any, BinaryIO, Protocol, cast

from jobstream.records.counts import DataFault

MOST = 1 << 40  # bytes that one source may become
RATIO = 2000  # times its own length, once more than FREE bytes came out
FREE = 100 << 20
LAYERS = 3
_CHUNK = 1 << 18
_IN_MEMORY = 16 << 20  # of an archive that lies inside another compression; a longer one goes to a temporary file
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_SKIPPABLE = tuple(bytes((n, 0x2A, 0x4D, 0x18)) for n in range(0x50, 0x60))  # RFC 8878, 3.1.2
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_ENDINGS = (".gz", ".zst")


class Stream(io.BufferedReader):
    """Plain bytes out of a compressed source. Forward only. member: the name in the archive that it came out of."""

    member: str = ""


def unpacked(source: BinaryIO, *, most: int | None = None, ratio: int = RATIO, coding: str = "",
             layers: int = LAYERS) -> Iterator[BinaryIO]:  # fmt: skip
    """The plain streams inside `source`, each to be read before the next is asked for.

    gzip    every member; zero bytes after a member are padding, as gzip itself reads them; anything else there is an error
    zstd    every frame
    zip     a stream for each file, in the archive's order; folders and macOS's shadow files are passed over
    else    the source itself, from where it stands

    most    bytes that may come out, of all streams together; ratio: of what went in, once 100 MiB came out
    coding  the declared Content-Encoding: only `br` and `deflate` are read from it, which no first bytes tell
    layers  compression inside compression

    Raises DataFault while it is read: data.gzip, data.zstd, data.zip, data.br, data.deflate with what was seen; data.bomb
    beyond the limits."""
    meter = _Meter(MOST if most is None else most, ratio)
    for n, name in enumerate(reversed([c.strip().lower() for c in coding.split(",")])):
        if name in _DECLARED:
            source = _stream(_Inflating(source, _DECLARED[name], meter, -1 - n), "")
    yield from _layers(source, meter, layers, 0, "")


class _Meter:
    """What went in at the outside, what came out of each layer."""

    def __init__(self, most: int, ratio: int) -> None:
        self._most, self._ratio = most, ratio
        self.taken = 0
        self._made: dict[int, int] = {}

    def made(self, depth: int, n: int) -> None:
        total = self._made[depth] = self._made.get(depth, 0) + n
        if total > self._most:
            raise DataFault("data.bomb", f"more than {self._most} bytes when inflated")
        if total > FREE and total > self._ratio * max(self.taken, 1):
            raise DataFault("data.bomb", f"{total} bytes out of {self.taken}, more than {self._ratio} times")


class _Decompressor(Protocol):
    """One member. The interface of bz2, isal and zstd."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Format:
    """fresh: a decompressor for one member, given its first bytes. again: how a further member may begin, () for none. padded: zero
    bytes may follow a member."""

    def __init__(
        self, code: str, fresh: Callable[[bytes], _Decompressor], *, again: tuple[bytes, ...] = (), padded: bool = False
    ) -> None:
        self.code, self.fresh, self.again, self.padded = code, fresh, again, padded


class _Inflating(io.RawIOBase):
    """Members one after another."""

    def __init__(self, source: BinaryIO, form: _Format, meter: _Meter, depth: int) -> None:
        super().__init__()
        self._source, self._form, self._meter, self._depth = source, form, meter, depth
        self._outermost = not isinstance(source, Stream)
        self._rest = b""  # read, not yet fed
        self._ready = memoryview(b"")  # inflated, not yet asked for
        self._member: _Decompressor | None = None
        self._n, self._out = 0, 0

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        """At least four bytes, where there are so many: enough for `peek` to tell a format."""
        n = 0
        while n < min(4, len(into)):
            if not self._ready:
                self._ready = memoryview(self._some(len(into)))
            if not self._ready:
                break
            taken = self._ready[: len(into) - n]
            into[n : n + len(taken)] = taken
            self._ready = self._ready[len(taken) :]
            n += len(taken)
        return n

    def _some(self, most: int) -> bytes:
        while self._member is not None or self._next():
            member = cast(_Decompressor, self._member)
            out = self._fed(member, most)
            if not out and not member.eof:
                self._rest = self._read()
                if not self._rest:
                    raise DataFault(self._form.code, f"cut in member {self._n} after {self._out} bytes of content")
            if member.eof:
                self._rest, self._member = member.unused_data, None
            if out:
                self._out += len(out)
                self._meter.made(self._depth, len(out))
                return out
        return b""

    def _fed(self, member: _Decompressor, most: int) -> bytes:
        given, self._rest = self._rest, b""
        try:
            return member.decompress(given, most)
        except Exception as e:
            raise DataFault(self._form.code, f"{e} in member {self._n} after {self._out} bytes of content") from e

    def _next(self) -> bool:
        """Whether one more member begins."""
        while True:
            if self._form.padded and self._n:
                self._rest = self._rest.lstrip(b"\0")
            if not self._rest:
                self._rest = self._read()
                if not self._rest:
                    return False
            elif len(self._rest) < 4 and (more := self._read()):
                self._rest += more
            else:
                break
        if self._n and not self._rest.startswith(self._form.again):
            raise DataFault(self._form.code, f"{self._rest[:8]!r} after member {self._n} and {self._out} bytes of content")
        self._n += 1
        self._member = self._form.fresh(self._rest)
        return True

    def _read(self) -> bytes:
        data = self._source.read(_CHUNK)
        if self._outermost:
            self._meter.taken += len(data)
        return data


class _Brotli:
    """Brotli in the shape of the others; its limit is soft."""

    unused_data = b""

    def __init__(self) -> None:
        import brotli

        self._inner: Any = brotli.Decompressor()
        self.eof = False

    def decompress(self, data: bytes, max_length: int) -> bytes:
        out: bytes = self._inner.process(data, output_buffer_limit=max_length)
        self.eof = self._inner.is_finished()
        return out


def _gzip(head: bytes) -> _Decompressor:
    from isal import igzip_lib

    return cast(_Decompressor, igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP))


def _deflate(head: bytes) -> _Decompressor:
    """Some servers send it bare, against RFC 9110."""
    from isal import igzip_lib

    wrapped = head[0] & 15 == 8 and int.from_bytes(head[:2], "big") % 31 == 0
    flag = igzip_lib.DECOMP_ZLIB if wrapped else igzip_lib.DECOMP_DEFLATE
    return cast(_Decompressor, igzip_lib.IgzipDecompressor(flag=flag))


def _zstd(head: bytes) -> _Decompressor:
    from backports import zstd

    return cast(_Decompressor, zstd.ZstdDecompressor())


def _brotli(head: bytes) -> _Decompressor:
    return _Brotli()


_BY_CONTENT = {
    _GZIP: _Format("data.gzip", _gzip, again=(_GZIP,), padded=True),
    _ZSTD: _Format("data.zstd", _zstd, again=(_ZSTD, *_SKIPPABLE)),
}
_DECLARED = {"br": _Format("data.br", _brotli), "deflate": _Format("data.deflate", _deflate)}


def _layers(source: BinaryIO, meter: _Meter, left: int, depth: int, member: str) -> Iterator[BinaryIO]:
    head = _head(source)
    form = next((f for magic, f in _BY_CONTENT.items() if head.startswith(magic)), None)
    if form is None and head not in _ZIP:
        yield source
    elif not left:
        raise DataFault("data.layers", f"{head!r} inside as many layers of compression as are taken off")
    elif form is None:
        yield from _archive(source, meter, left - 1, depth)
    else:
        yield from _layers(_stream(_Inflating(source, form, meter, depth), member), meter, left - 1, depth + 1, member)


def _stream(raw: io.RawIOBase, member: str) -> Stream:
    stream = Stream(raw, _CHUNK)
    stream.member = member
    return stream


def _head(source: BinaryIO) -> bytes:
    if isinstance(source, Stream):
        return source.peek(4)[:4]
    head = source.read(4)
    source.seek(-len(head), io.SEEK_CUR)
    return head


def _archive(source: BinaryIO, meter: _Meter, left: int, depth: int) -> Iterator[BinaryIO]:
    try:
        with contextlib.ExitStack() as held:
            inside: Any = source
            if isinstance(source, Stream):
                inside = held.enter_context(tempfile.SpooledTemporaryFile(_IN_MEMORY))
                shutil.copyfileobj(source, inside, _CHUNK)
            archive = held.enter_context(zipfile.ZipFile(inside))
            for info in archive.infolist():
                if info.is_dir() or info.filename.startswith("__MACOSX/"):
                    continue
                if not isinstance(source, Stream):
                    meter.taken += info.compress_size
                with archive.open(info) as file:
                    stream = _stream(_Stored(file, info.filename, meter, depth), info.filename)
                    yield from _layers(stream, meter, left, depth + 1, info.filename)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as e:  # RuntimeError: encrypted
        raise DataFault("data.zip", str(e)) from e


class _Stored(io.RawIOBase):
    """One file of an archive; zipfile checks its sum at the end."""

    def __init__(self, file: IO[bytes], name: str, meter: _Meter, depth: int) -> None:
        super().__init__()
        self._file, self._name, self._meter, self._depth = file, name, meter, depth

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        try:
            data = self._file.read(len(into))
        except (zipfile.BadZipFile, EOFError, zlib.error, OSError) as e:
            raise DataFault("data.zip", f"{self._name}: {str(e) or 'cut'}") from e
        into[: len(data)] = data
        self._meter.made(self._depth, len(data))
        return len(data)


def matches(source: BinaryIO, pattern: str) -> bool:
    """Whether a stream may be read: it came out of no archive, or its name there fits. Endings of inner compression do not count."""
    name = getattr(source, "member", "")
    bare = next((name[: -len(e)] for e in _ENDINGS if name.endswith(e)), name)
    return not name or any(fnmatchcase(x, pattern) for x in (name, bare))
