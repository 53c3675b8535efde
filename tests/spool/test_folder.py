"""The spool over real files."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from hashlib import blake2b
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobstream.errors import Defect, KeepingError
from jobstream.ports import SpoolLost
from jobstream.spool import writing as module
from jobstream.spool.folder import FolderSpool, Usage
from jobstream.spool.writing import BLOCK

NAME = "0123abc/1/0/0"
MARK = {"etag": '"v1"', "total": "3000000"}


def digest(raw: bytes) -> str:
    return blake2b(raw, digest_size=16).hexdigest()


def tree(root: Path) -> list[str]:
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())


async def several(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[FolderSpool]:
    made = FolderSpool(tmp_path / "spool", 1000, quiet=0.2)
    yield made
    await made.close()


async def test_what_is_kept_is_read_again(spool: FolderSpool, tmp_path: Path) -> None:
    assert await spool.write(NAME, several(b"ab", b"", b"c")) == (3, digest(b"abc"))

    with spool.open(NAME) as body:
        assert body.seekable() and body.read() == b"abc" and body.seek(1) == 1 and body.read() == b"bc"
    assert tree(tmp_path) == ["spool/0123abc/1~0~0.3.body"]


async def test_only_the_owner_may_read(spool: FolderSpool, tmp_path: Path) -> None:
    await spool.write(NAME, several(b"abc"))
    left = await spool.begin("0123abc/1/0/1")
    await left.restart(MARK)
    await left.write(b"x")
    await left.leave()

    modes = {stat.S_IMODE(p.stat().st_mode) for p in tmp_path.rglob("*") if p.is_file()}
    assert modes == {0o600} and stat.S_IMODE((tmp_path / "spool" / "0123abc").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a",
        "/a/b",
        "../a/b",
        "a/../b",
        "a//b",
        "a/b/",
        "a/./b",
        "a\\b/c",
        "a/b\0",
        "ä/b",
        "a/b.c",
        "~/a",
        ".a/b",
        "a./b",
        "a..b/c",
    ],
)
async def test_names_that_are_not_ours_are_refused(spool: FolderSpool, name: str) -> None:
    for ask in (spool.begin(name), spool.write(name, several(b"x")), spool.drop(name)):
        with pytest.raises(Defect):
            await ask
    with pytest.raises(Defect):
        spool.open(name)


async def test_what_is_not_there_is_lost(spool: FolderSpool, tmp_path: Path) -> None:
    with pytest.raises(SpoolLost):
        spool.open(NAME)
    await spool.write(NAME, several(b"abc"))
    (tmp_path / "spool" / "0123abc" / "1~0~0.3.body").write_bytes(b"ab")
    with pytest.raises(SpoolLost):
        spool.open(NAME)
    (tmp_path / "spool" / "0123abc" / "1~0~0.3.body").unlink()
    with pytest.raises(SpoolLost):
        spool.open(NAME)


async def test_unfinished_is_not_visible(spool: FolderSpool) -> None:
    writing = await spool.begin(NAME)
    await writing.write(b"x" * (BLOCK + 1))

    with pytest.raises(SpoolLost):
        spool.open(NAME)

    await writing.keep()
    spool.open(NAME).close()


async def test_a_source_that_breaks_leaves_nothing(spool: FolderSpool, tmp_path: Path) -> None:
    async def breaks() -> AsyncIterator[bytes]:
        yield b"x" * (2 * BLOCK)
        raise ValueError

    with pytest.raises(ValueError):
        await spool.write(NAME, breaks())

    assert tree(tmp_path) == [] and (await spool.usage()) == Usage(0, 0, 0)


async def test_kept_again_is_the_younger(spool: FolderSpool, tmp_path: Path) -> None:
    for raw in (b"abc", b"de", b"fg"):
        await spool.write(NAME, several(raw))

    with spool.open(NAME) as body:
        assert body.read() == b"fg"
    assert tree(tmp_path) == ["spool/0123abc/1~0~0.2.body"]


async def test_of_two_under_one_name_the_younger_counts(spool: FolderSpool, tmp_path: Path) -> None:
    """A process died between rename and removal, in whichever order."""
    await spool.write(NAME, several(b"abcd"))
    young = tmp_path / "spool" / "0123abc" / "1~0~0.2.body"
    young.write_bytes(b"xy")
    os.utime(young, (2e9, 2e9))

    again = FolderSpool(tmp_path / "spool", 1000)

    with again.open(NAME) as body:
        assert body.read() == b"xy"
    assert len(tree(tmp_path)) == 1
    await again.close()


async def test_dropped_is_gone_and_twice_is_once(spool: FolderSpool, tmp_path: Path) -> None:
    await spool.write(NAME, several(b"abc"))
    await spool.drop(NAME)
    await spool.drop(NAME)

    with pytest.raises(SpoolLost):
        spool.open(NAME)
    assert list((tmp_path / "spool").iterdir()) == []


async def test_dropped_while_being_read_is_read_to_its_end(spool: FolderSpool) -> None:
    await spool.write(NAME, several(b"abc"))
    with spool.open(NAME) as body:
        await spool.drop(NAME)
        assert body.read() == b"abc"


# -- unfinished bodies


async def test_a_left_body_goes_on(spool: FolderSpool, tmp_path: Path) -> None:
    first = await spool.begin(NAME)
    assert (first.offset, first.mark) == (0, {})
    await first.restart(MARK)
    await first.write(b"a" * 1_500_000)
    await first.leave()
    await first.leave()

    second = await spool.begin(NAME)

    assert (second.offset, second.mark) == (1_500_000, MARK)
    await second.write(b"b" * 1_500_000)
    whole = b"a" * 1_500_000 + b"b" * 1_500_000
    assert await second.keep() == (3_000_000, digest(whole))
    with spool.open(NAME) as body:
        assert body.read() == whole
    assert tree(tmp_path) == ["spool/0123abc/1~0~0.3000000.body"]


async def test_another_version_starts_anew(spool: FolderSpool) -> None:
    first = await spool.begin(NAME)
    await first.restart(MARK)
    await first.write(b"a" * (2 * BLOCK))
    await first.leave()
    second = await spool.begin(NAME)
    await second.write(b"b")
    await second.restart({"etag": '"v2"'})
    assert second.offset == 0
    await second.write(b"new")
    await second.leave()

    third = await spool.begin(NAME)

    assert (third.offset, third.mark) == (3, {"etag": '"v2"'})
    assert await third.keep() == (3, digest(b"new"))


async def test_bytes_of_an_unknown_version_are_not_taken_up(spool: FolderSpool, tmp_path: Path) -> None:
    first = await spool.begin(NAME)
    await first.restart(MARK)
    await first.write(b"a" * (2 * BLOCK))
    await first.restart({})
    await first.write(b"b" * (2 * BLOCK))
    await first.leave()

    second = await spool.begin(NAME)

    assert (second.offset, second.mark) == (0, {})
    assert [(tmp_path / p).stat().st_size for p in tree(tmp_path)] == [0]
    await second.leave()


async def test_a_reboot_makes_unfinished_bytes_doubtful(
    spool: FolderSpool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = await spool.begin(NAME)
    await first.restart(MARK)
    await first.write(b"a")
    await first.leave()
    (tmp_path / "boot").write_text("another\n")
    monkeypatch.setattr(module, "_BOOT", tmp_path / "boot")

    second = await spool.begin(NAME)

    assert (second.offset, second.mark) == (0, {})
    await second.write(b"bc")
    assert await second.keep() == (2, digest(b"bc"))


@pytest.mark.parametrize("mark", [b"", b"{", b"[1]", b'{"a": 1}'])
async def test_a_mark_that_cannot_be_read_is_none(spool: FolderSpool, tmp_path: Path, mark: bytes) -> None:
    first = await spool.begin(NAME)
    await first.restart(MARK)
    await first.write(b"a")
    await first.leave()
    (tmp_path / "spool" / "0123abc" / "1~0~0.mark").write_bytes(mark)

    second = await spool.begin(NAME)

    assert (second.offset, second.mark) == (0, {})
    await second.leave()


async def test_a_file_that_shrank_tells_what_it_really_has(spool: FolderSpool, tmp_path: Path) -> None:
    first = await spool.begin(NAME)
    await first.restart(MARK)
    await first.write(b"abcdef")
    await first.leave()
    with (tmp_path / "spool" / "0123abc" / "1~0~0.part").open("r+b") as f:
        f.truncate(4)

    second = await spool.begin(NAME)

    assert second.offset == 4
    await second.write(b"ef")
    assert await second.keep() == (6, digest(b"abcdef"))


async def test_a_second_writer_takes_over(spool: FolderSpool) -> None:
    first = await spool.begin(NAME)
    await first.restart(MARK)
    await first.write(b"abc")

    second = await spool.begin(NAME)

    assert second.offset == 3
    await first.write(b"x" * (3 * BLOCK))
    with pytest.raises(KeepingError, match="taken over"):
        await first.keep()
    assert await second.keep() == (3, digest(b"abc"))


async def test_a_cancelled_writer_is_left_and_found(spool: FolderSpool) -> None:
    begun = asyncio.Event()

    async def run() -> None:
        writing = await spool.begin(NAME)
        try:
            await writing.restart(MARK)
            while True:
                await writing.write(b"x" * 70_000)
                begun.set()
        finally:
            await writing.leave()

    task = asyncio.create_task(run())
    await begun.wait()
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    again = await spool.begin(NAME)
    assert again.offset and again.offset % 70_000 == 0
    length, got = await again.keep()
    assert got == digest(b"x" * length)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.integers(0, BLOCK * 3), st.sampled_from(["leave", "close", "restart"])), max_size=10))
def test_the_digest_is_of_the_whole_however_it_came(tmp_path_factory: pytest.TempPathFactory, steps: list[int | str]) -> None:
    root = tmp_path_factory.mktemp("s")

    async def run() -> None:
        spool, want = FolderSpool(root, 1000), b""
        writing = await spool.begin(NAME)
        await writing.restart(MARK)
        for i, step in enumerate(steps):
            if isinstance(step, int):
                await writing.write(bytes([i]) * step)
                want += bytes([i]) * step
            elif step == "restart":
                await writing.restart({"etag": str(i)})
                want = b""
            else:
                await writing.leave()
                if step == "close":
                    await spool.close()
                    spool = FolderSpool(root, 1000)
                writing = await spool.begin(NAME)
                assert writing.offset == len(want)
                if not want:
                    await writing.restart(MARK)
        assert await writing.keep() == (len(want), digest(want))
        with spool.open(NAME) as body:
            assert body.read() == want
        await spool.close()

    asyncio.run(run())


CHILD = """
import asyncio, sys
from pathlib import Path
from jobstream.spool.folder import FolderSpool

def line(i):
    return b"%07d" % i * 142 + b"-end-\\n"

async def main():
    spool = FolderSpool(Path(sys.argv[1]), 1000)
    writing = await spool.begin("0123abc/1/0/0")
    if not writing.offset:
        await writing.restart({"etag": "v1"})
    i, within = divmod(writing.offset, 1000)
    await writing.write(line(i)[within:])
    for n in range(1, 1 << 30):
        await writing.write(line(i + n))
        if n == 5000:
            print("enough", flush=True)

asyncio.run(main())
"""


def test_killed_while_writing_and_taken_up_again(tmp_path: Path) -> None:
    """Three processes, each killed in the middle; the fourth has the right bytes and the right digest."""
    offsets = list[int]()
    for _ in range(3):
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        assert child.stdout.readline()
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        offsets.append((tmp_path / "0123abc" / "1~0~0.part").stat().st_size)

    async def finish() -> tuple[int, str, bytes, int]:
        spool = FolderSpool(tmp_path, 1000)
        writing = await spool.begin(NAME)
        offset = writing.offset
        assert writing.mark == {"etag": "v1"}
        whole = b"".join(b"%07d" % i * 142 + b"-end-\n" for i in range(offset // 1000 + 5))
        await writing.write(whole[offset:])
        length, got = await writing.keep()
        with spool.open(NAME) as body:
            kept = body.read()
        await spool.close()
        assert kept == whole
        return length, got, whole, offset

    length, got, whole, offset = asyncio.run(finish())
    assert offset >= 6 * BLOCK, offsets
    assert (length, got) == (len(whole), digest(whole))


async def test_a_full_disk_is_told(spool: FolderSpool, tmp_path: Path) -> None:
    writing = await spool.begin(NAME)
    writing.open()
    os.close(writing._fd)
    writing._fd = os.open("/dev/full", os.O_WRONLY)

    with pytest.raises(KeepingError, match=r"no space left on device .*free some space"):
        for _ in range(4):
            await writing.write(b"x" * BLOCK)

    await writing.leave()


# -- room


async def waits(task: asyncio.Task[None], seconds: float = 0.1) -> bool:
    await asyncio.sleep(seconds)
    return not task.done()


async def test_room_while_there_is_some(spool: FolderSpool) -> None:
    await spool.write(NAME, several(b"x" * 999))

    await asyncio.wait_for(spool.room(), 0.1)


async def test_a_full_spool_waits_for_a_drop(spool: FolderSpool) -> None:
    await spool.write(NAME, several(b"x" * 1000))
    reading = spool.open(NAME)
    room = asyncio.create_task(spool.room())
    assert await waits(room, 0.5)

    await spool.drop(NAME)
    await asyncio.wait_for(room, 0.1)

    reading.close()


async def test_what_was_delivered_does_not_count(spool: FolderSpool) -> None:
    """Over a pipe bytes stay until the state comes back, in another run."""
    await spool.write(NAME, several(b"x" * 5000))
    room = asyncio.create_task(spool.room())
    assert await waits(room)

    await asyncio.to_thread(spool.open(NAME).close)

    await asyncio.wait_for(room, 0.1)


async def test_a_part_larger_than_everything_is_let_in_and_holds_the_next(spool: FolderSpool) -> None:
    await spool.room()
    big = await spool.begin(NAME)
    await big.write(b"x" * 100_000)
    room = asyncio.create_task(spool.room())
    assert await waits(room)
    await big.keep()
    reading = spool.open(NAME)
    assert await waits(room, 0.5)

    reading.close()

    await asyncio.wait_for(room, 0.1)


async def test_where_nobody_is_at_work_nobody_waits_for_ever(spool: FolderSpool) -> None:
    """Nothing is delivered before all is stored: waiting for a drop would never end. One at a time is let in."""
    await spool.write(NAME, several(b"x" * 5000))
    first, second = asyncio.create_task(spool.room()), asyncio.create_task(spool.room())
    await asyncio.wait_for(first, 1.0)
    assert not second.done()
    await asyncio.wait_for(second, 1.0)


async def test_bytes_that_were_left_do_not_bar_their_own_return(spool: FolderSpool) -> None:
    left = await spool.begin(NAME)
    await left.restart(MARK)
    await left.write(b"x" * 5000)
    await left.leave()

    await asyncio.wait_for(spool.room(), 0.1)


# -- what is left over


async def test_a_sweep_takes_what_nobody_owns(spool: FolderSpool, tmp_path: Path) -> None:
    for name in ("dead/1/0/0", "dead/1/answer-3", "live/2/0/0"):
        await spool.write(name, several(b"abc"))
    left = await spool.begin("dead/1/0/1")
    await left.restart(MARK)
    await left.write(b"xy")
    await left.leave()
    now = await spool.begin("dead/9/0/0")
    assert await spool.usage() == Usage(3, 9, 2)
    asked = list[str]()

    def live(name: str) -> bool:
        asked.append(name)
        return name.startswith("live/")

    again = FolderSpool(tmp_path / "spool", 1000)
    swept = await spool.sweep(live)

    assert (swept.bodies, swept.kept) == (2, 6) and {"dead/1/answer-3", "dead/1/0/1", "live/2/0/0"} <= set(asked)
    assert await now.keep() == (0, digest(b""))
    assert tree(tmp_path) == ["spool/dead/9~0~0.0.body", "spool/live/2~0~0.3.body"]
    with pytest.raises(SpoolLost):
        again.open("dead/1/0/0")
    await again.close()


async def test_files_of_others_are_left_alone(spool: FolderSpool, tmp_path: Path) -> None:
    (tmp_path / "spool" / "x").mkdir()
    (tmp_path / "spool" / "x" / "notes.txt").write_text("mine")

    await spool.sweep(lambda name: False)

    assert tree(tmp_path) == ["spool/x/notes.txt"]
