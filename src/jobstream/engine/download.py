"""One body into the spool, gone on with where it was cut off."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from jobstream.engine.answers import answer_of, coding_of, inflated, once, peek
from jobstream.engine.asking import Failed, Opened, Opener
from jobstream.engine.ranges import asking, digest_differs, goes_on, is_whole, mark_of, spelled_digest, total_of
from jobstream.jobs.event import Answer
from jobstream.jobs.job import Job
from jobstream.meaning.looks import HEAD
from jobstream.meaning.read import Lost, Tools, value_of
from jobstream.plan.retrieval import Expect
from jobstream.ports import NoAnswer, Ports, Writing


class Kept(NamedTuple):
    """In the spool, whole. head: its first bytes, or None where they came with an earlier try."""

    length: int
    digest: str
    coding: str
    media: str
    head: bytes | None


class Download:
    """What is there already is asked for no more: `Range`, with `If-Range` so that only the rest of the same bytes comes."""

    def __init__(self, opener: Opener, tools: Tools, ports: Ports, expect: Expect) -> None:
        self._opener, self._tools, self._ports, self._expect = opener, tools, ports, expect

    async def store(self, job: Job, i: int, name: str) -> Kept:
        """Raises Failed; what has come by then stays for the next time."""
        writing = await self._ports.spool.begin(name)
        try:
            answer, head = await self._filled(job, i, writing)
            told = self._promised(job, i, answer, writing)
        except BaseException:
            await writing.leave()
            raise
        length, digest = await writing.keep()
        if told and await self._ports.work(self._differs, name, told):
            await self._ports.spool.drop(name)
            raise Failed(Lost(sent=True, why=f"the digest is not {told}"))
        return Kept(length, digest, coding_of(answer.headers), answer.headers.get("content-type", ""), head)

    async def _filled(self, job: Job, i: int, writing: Writing) -> tuple[Answer, bytes | None]:
        opened = await self._opener.open(job, i, headers=asking(writing.offset, writing.mark))
        before, resumed = writing.offset, False
        try:
            resumed = await self._may_go_on(job, opened, writing)
            head = await self._copied(job, i, opened, writing, resumed)
        except NoAnswer as e:
            raise Failed(Lost(sent=True, why=str(e), got=writing.offset - before if resumed else 0)) from e
        finally:
            await opened.got.close()
        total = total_of(opened.got.headers, writing.mark)
        if total is not None and writing.offset != total:
            why = f"{writing.offset} of {total} bytes"
            grown = writing.offset - before if resumed else 0
            if writing.offset > total:
                await writing.restart({})
            raise Failed(Lost(sent=True, why=why, got=max(grown, 0)))
        return answer_of(opened.got), None if resumed else head

    async def _may_go_on(self, job: Job, opened: Opened, writing: Writing) -> bool:
        """Whether the answer is the rest of what is there, be it nothing. Neither rest nor whole: nothing there can be trusted."""
        got = opened.got
        if "Range" not in opened.signed.wire.headers or got.code not in (206, 416):
            return False
        fits = goes_on if got.code == 206 else is_whole
        if fits(got.headers, writing.offset, writing.mark):
            return True
        await writing.restart({})
        changed = Lost(sent=True, why="the bytes have changed")
        self._opener.trace(job, opened, changed)
        raise Failed(changed)

    async def _copied(self, job: Job, i: int, opened: Opened, writing: Writing, resumed: bool) -> bytes:
        got = opened.got
        most = self._opener.exchange.reading.most
        body, rest, head = b"", got, b""
        small: AsyncIterator[bytes] | None = None
        if not resumed and (got.code >= 400 or self._opener.looks_inside):
            body, more = await peek(got, most)
            rest, small = (more, None) if more is not None else (got, once(body))
        there = self._opener.judged(job, i, opened, inflated(body, most, coding_of(got.headers)), code=200 if resumed else None)
        if not resumed:
            await writing.restart(mark_of(got.headers) if there else {})
        if there and got.code != 416:
            async for chunk in small or rest.chunks():
                head += chunk[: HEAD - len(head)]
                await writing.write(chunk)
        return head

    def _promised(self, job: Job, i: int, answer: Answer, writing: Writing) -> str:
        """Checks the length; gives the digest that is still to be checked. Raises Failed."""
        names = self._opener.names(job, i)
        length = None if self._expect.length is None else value_of(self._expect.length, answer, names, self._tools)
        if length not in (None, "") and int(length) != writing.offset:
            raise Failed(Lost(sent=True, why=f"{writing.offset} of {length} bytes"))
        digest = None if self._expect.digest is None else value_of(self._expect.digest, answer, names, self._tools)
        return spelled_digest(str(digest)) if digest else writing.mark.get("digest", "")

    def _differs(self, name: str, told: str) -> bool:
        with self._ports.spool.open(name) as source:
            return digest_differs(source, told)
