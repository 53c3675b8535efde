"""Compression is taken off by content, every check sum is checked, nothing that is cut reads as whole."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from typing import Any

import brotli
import pytest
from backports import zstd
from hypothesis import assume, given
from hypothesis import strategies as st

from jobstream.records.counts import DataFault
from jobstream.records.inflate import FREE, matches, unpacked
from tries import Dribble


def plain(raw: bytes, **options: Any) -> list[bytes]:
    return [s.read() for s in unpacked(io.BytesIO(raw), **options)]


def fault(raw: bytes, **options: Any) -> DataFault:
    with pytest.raises(DataFault) as caught:
        plain(raw, **options)
    return caught.value


def archive(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as z:
        for name, body in files.items():
            z.writestr(name, body)
    return out.getvalue()


packers = st.sampled_from((gzip.compress, zstd.compress, lambda b: archive({"a": b})))


@given(st.binary(max_size=300), st.lists(packers, max_size=3))
def test_any_nesting_of_up_to_three_layers_comes_off(body: bytes, layers: list[Any]) -> None:
    assume(not body.startswith((b"\x1f\x8b", b"PK", b"\x28\xb5")))
    raw = body
    for pack in layers:
        raw = pack(raw)
    assert plain(raw) == [body]


def test_a_fourth_layer_is_refused() -> None:
    raw = b"x"
    for _ in range(4):
        raw = gzip.compress(raw)
    assert fault(raw).code == "data.layers"


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=3), st.data())
def test_a_gzip_that_is_cut_anywhere_but_between_members_is_an_error(bodies: list[bytes], data: st.DataObject) -> None:
    members = [gzip.compress(b) for b in bodies]
    whole = b"".join(members)
    ends = [sum(map(len, members[:n])) for n in range(len(members) + 1)]
    n = data.draw(st.integers(3, len(whole)))

    if n in ends:
        assert plain(whole[:n]) == [b"".join(bodies[: ends.index(n)])]
    else:
        assert fault(whole[:n]).code == "data.gzip"


@pytest.mark.parametrize("at", range(1, 9))
@pytest.mark.parametrize("member", [1, 2])
def test_check_sum_and_length_of_every_member_are_checked(at: int, member: int) -> None:
    members = [bytearray(gzip.compress(b"a" * 5000)), bytearray(gzip.compress(b"b" * 5000))]
    members[member - 1][-at] ^= 1
    assert f"in member {member}" in fault(bytes(members[0] + members[1])).seen


@pytest.mark.parametrize("tail", [b"\0", b"\0" * 600_000])
def test_zero_bytes_after_a_member_are_padding(tail: bytes) -> None:
    assert plain(gzip.compress(b"a") + tail) == [b"a"]
    assert plain(gzip.compress(b"a") + tail + gzip.compress(b"b") + tail) == [b"ab"]


@pytest.mark.parametrize("tail", [b"x", b"\n", b"\x1f", b"\0\0id,name", b"<html>"])
def test_anything_else_after_a_member_is_an_error_that_shows_it(tail: bytes) -> None:
    seen = fault(gzip.compress(b"abc") + tail)
    assert seen.code == "data.gzip"
    assert "after member 1 and 3 bytes" in seen.seen
    assert repr(tail.lstrip(b"\0"))[2:-1] in seen.seen


@pytest.mark.parametrize("n", range(4, 12))
def test_members_are_told_apart_wherever_the_source_breaks_them(n: int) -> None:
    for pack in (gzip.compress, zstd.compress):
        source = Dribble(pack(b"abc") + pack(b"def"), n)
        assert [s.read() for s in unpacked(source)] == [b"abcdef"]


def test_the_fault_of_a_cut_member_says_where() -> None:
    raw = gzip.compress(b"a" * 1000) + gzip.compress(b"b" * 1000)[:-4]
    assert fault(raw).seen == "cut in member 2 after 2000 bytes of content"


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=3), st.data())
def test_every_zstd_frame_is_read_and_a_cut_one_is_an_error(bodies: list[bytes], data: st.DataObject) -> None:
    assume(not b"".join(bodies).startswith((b"PK", b"\x1f\x8b", b"\x28\xb5", b"\x50\x2a")))  # packed twice is another test
    frames = [zstd.compress(b, options={zstd.CompressionParameter.checksum_flag: 1}) for b in bodies]
    whole = b"".join(frames)
    ends = [sum(map(len, frames[:n])) for n in range(len(frames) + 1)]
    n = data.draw(st.integers(4, len(whole)))

    if n in ends:
        assert plain(whole[:n]) == [b"".join(bodies[: ends.index(n)])]
    else:
        assert fault(whole[:n]).code == "data.zstd"


def test_skippable_zstd_frames_are_passed_over_and_garbage_is_not() -> None:
    frame, skip = zstd.compress(b"abc"), b"\x50\x2a\x4d\x18\x03\x00\x00\x00xyz"
    assert plain(frame + skip + frame) == [b"abcabc"]
    assert fault(frame + b"garbage").code == "data.zstd"


def test_every_file_of_a_zip_is_a_stream_in_its_order() -> None:
    raw = archive({"b.csv": b"1", "folder/": b"", "folder/a.csv.gz": gzip.compress(b"2"), "__MACOSX/b.csv": b"3", "empty": b""})
    streams = [(s.read(), matches(s, "*.csv"), matches(s, "folder/*")) for s in unpacked(io.BytesIO(raw))]
    assert streams == [(b"1", True, False), (b"2", True, True), (b"", False, False)]
    assert plain(archive({})) == []


def test_a_stream_out_of_no_archive_fits_any_pattern() -> None:
    assert matches(io.BytesIO(b""), "*.csv")
    assert all(matches(s, "*.csv") for s in unpacked(io.BytesIO(gzip.compress(b"a"))))


def test_a_zip_inside_gzip_and_a_zip_inside_a_zip() -> None:
    inner = archive({"a": b"1", "b": b"2"}, zipfile.ZIP_STORED)
    assert plain(gzip.compress(inner)) == [b"1", b"2"]
    assert plain(archive({"x.zip": inner, "c": b"3"})) == [b"1", b"2", b"3"]


@pytest.mark.parametrize("cut", [1, 10, 60, 200])
def test_a_cut_zip_is_an_error(cut: int) -> None:
    assert fault(archive({"a": bytes(range(256)) * 3})[:-cut]).code == "data.zip"


def test_a_zip_with_a_wrong_sum_an_unknown_method_or_a_password_is_an_error() -> None:
    raw = bytearray(archive({"a": b"hello world"}, zipfile.ZIP_STORED))
    raw[raw.index(b"hello")] ^= 1
    assert "CRC" in fault(bytes(raw)).seen

    raw = bytearray(archive({"a": b"hello"}))
    central = raw.index(b"PK\x01\x02")
    raw[central + 10] = raw[8] = 97
    assert fault(bytes(raw)).code == "data.zip"

    raw = bytearray(archive({"a": b"hello"}))
    raw[central + 8] |= 1
    raw[6] |= 1
    assert "password" in fault(bytes(raw)).seen


def test_a_file_cut_inside_a_zip_with_a_good_directory_is_an_error() -> None:
    raw = bytearray(archive({"a": b"hello" * 99, "b": b"x"}, zipfile.ZIP_DEFLATED))
    raw[35:40] = b"\xff" * 5
    assert fault(bytes(raw)).code == "data.zip"


@given(st.binary(max_size=400))
def test_plain_bytes_pass_as_the_source_itself(body: bytes) -> None:
    assume(not body.startswith((b"\x1f\x8b", b"PK", b"\x28\xb5")))
    source = io.BytesIO(body)
    assert list(unpacked(source)) == [source]
    assert source.tell() == 0


def test_brotli_and_deflate_only_where_they_are_declared() -> None:
    body = b"hello " * 100_000
    wrapped = zlib.compress(body)
    bare = wrapped[2:-4]
    assert plain(brotli.compress(body), coding="br") == [body]
    assert plain(wrapped, coding="deflate") == plain(bare, coding="deflate") == [body]
    assert plain(brotli.compress(gzip.compress(body)), coding="gzip, BR") == [body]
    assert plain(wrapped, coding="gzip, identity") == [wrapped]
    assert plain(b"", coding="br") == [b""]


@pytest.mark.parametrize("coding", ["br", "deflate"])
def test_declared_compression_that_is_cut_wrong_or_followed_is_an_error(coding: str) -> None:
    raw = brotli.compress(b"hello " * 99) if coding == "br" else zlib.compress(b"hello " * 99)
    for bad in (raw[:-1], raw + b"x", b"\xff" + raw):
        assert fault(bad, coding=coding).code == f"data.{coding}"


def test_bombs_are_refused_by_size_and_by_ratio_across_layers() -> None:
    bomb = gzip.compress(b"\0" * (3 << 20))
    assert fault(bomb, most=1 << 20).code == "data.bomb"
    assert fault(archive({"a": b"x" * 900, "b": b"x" * 900}), most=1000).code == "data.bomb"
    twice = gzip.compress(zstd.compress(b"\0" * (FREE + (8 << 20))))
    seen = fault(twice)
    assert seen.code == "data.bomb"
    assert "2000 times" in seen.seen


def test_a_bomb_is_refused_before_it_is_held() -> None:
    raw = zstd.compress(b"\0" * (64 << 20))
    (stream,) = unpacked(io.BytesIO(raw), most=1 << 20)
    n = 0
    with pytest.raises(DataFault):
        while got := stream.read(1 << 16):
            n += len(got)
    assert n <= 1 << 20
