"""AsyncRetriever -> Retrieval: creation, polling, targets, download, abort, delete."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from jobstream.dialects.airbyte.context import Context, walk
from jobstream.dialects.airbyte.creation import Creation, creation
from jobstream.dialects.airbyte.extras import Cadence, Expected, OfPolling, OfRetriever, extra
from jobstream.dialects.airbyte.leaf import leaf
from jobstream.dialects.airbyte.paging import Paging, paging
from jobstream.dialects.airbyte.places import Node
from jobstream.dialects.airbyte.records import extracted
from jobstream.dialects.airbyte.requests import exchange
from jobstream.dialects.airbyte.statuses import statuses
from jobstream.dialects.airbyte.tables import CADENCE, EXPIRED, GONE, MINUTES, OVER
from jobstream.dialects.airbyte.urls import url_of
from jobstream.plan.exchange import RETRY_AFTER, Exchange, Paged, Read, Reading, Request, Rule, Value, Wait
from jobstream.plan.notes import Json
from jobstream.plan.retrieval import Each, Expect, Fetch, Listing, One, Policy, Poll, Retrieval

SLOTS = "async"
_REQUESTER = ("HttpRequester",)
_ASKED = re.compile(r"creation_response['\"\]\s]*(?:\.\s*|\[\s*['\"])request\b")
_HANDLE = re.compile(
    r"creation_response((?:\.\w+(?!\w*\s*\()|\.get\(\s*'[^']+'\s*\)|\[\s*'[^']+'\s*\]|\[\s*\"[^\"]+\"\s*\]|\[\s*\d+\s*\])+)"
)
_STEP = re.compile(r"\.get\(\s*'([^']+)'\s*\)|\.(\w+)|\[\s*['\"]?([^'\"\]]+?)['\"]?\s*\]")


class _Common(NamedTuple):
    """Of one retriever: how its small answers are read, and what stands under x-jobstream."""

    reading: Reading
    more: OfRetriever
    at: str


def asynchronous(c: Context, node: Node) -> Retrieval:
    found, at = extra(c, node, OfRetriever)
    common = _Common(_reading(c, node), found or OfRetriever(), at)
    made = creation(c, node, _needed(c, node, "creation_requester"), common.reading)
    poll = _poll(c, node, common)
    lookup = _one(c, node, "download_target_requester", common.reading)
    fetch = _fetch(c, node, common)
    abort = _one(c, node, "abort_requester", common.reading, OVER)
    delete = _one(c, node, "delete_requester", common.reading, GONE)
    out = Retrieval(
        create=made.exchange, lookup=made.lookup, poll=poll, targets=_targets(c, node, common),
        locate=c.made(Paged(exchange=lookup), node.place("download_target_requester")) if lookup else None, fetch=fetch,
        abort=(abort,) if abort else (), delete=(delete,) if delete else (), job_id=_handle(poll.exchange),
        policy=_policy(c, node, made, common))  # fmt: skip
    return c.made(out, node.at, create=node.place("creation_requester"), poll=node.place("polling_requester"),
                  fetch=node.place("download_requester"), targets=node.place("download_target_extractor"),
                  job_id=node.place("polling_requester"), policy=common.at)  # fmt: skip


def _reading(c: Context, node: Node) -> Reading:
    """The stream's decoder reads every small answer; JSON is read without one."""
    decoder = leaf(c, c.node(node, "decoder"), "decoder")
    asks = any(_ASKED.search(text) for text in _texts(c.manifest.plain(node.cell)))
    plain = decoder is None or decoder.name == "json"
    return c.made(Reading(decoder=None if plain else decoder, keep_request=asks), node.place("decoder"))


def _needed(c: Context, node: Node, field: str) -> Node | None:
    found = c.required(node, field, _REQUESTER, "HttpRequester")
    return found[0] if found else None


def _one(c: Context, node: Node, field: str, reading: Reading, behind: tuple[Rule, ...] = ()) -> Exchange | None:
    found = c.typed(node, field, _REQUESTER, "HttpRequester")
    return exchange(c, found[0], behind=behind, reading=reading) if found else None


def _poll(c: Context, node: Node, common: _Common) -> Poll:
    requester = _needed(c, node, "polling_requester")
    own = extra(c, requester, OfPolling)[0] if requester is not None else None
    cadence = (own.poll if own else None) or common.more.poll
    asked = exchange(c, requester, reading=common.reading, takes=OfPolling) if requester else Exchange(request=Request(url=""))
    minutes = c.number(node, "polling_job_timeout", MINUTES) or MINUTES
    poll = Poll(exchange=asked, status=statuses(c, node), first=cadence.first_wait if cadence else 0.0, waits=_waits(cadence),
                deadline=minutes * 60, stall=common.more.stall, progress=c.bind(node, common.more.progress) or None)  # fmt: skip
    return c.made(poll, node.place("polling_requester"), deadline=node.place("polling_job_timeout"), waits=common.at,
                  progress=common.at, status=node.place("status_mapping"))  # fmt: skip


def _waits(cadence: Cadence | None) -> tuple[Wait, ...]:
    if cadence is None:
        return CADENCE
    most = max(cadence.cap, cadence.interval) if cadence.growth == 1 else cadence.cap
    return (RETRY_AFTER, Wait(first=cadence.interval, factor=cadence.growth, most=most, jitter=cadence.jitter))


def _targets(c: Context, node: Node, common: _Common) -> tuple[Listing, ...]:
    if node.find("download_target_extractor") is None:
        if node.find("download_target_requester") is not None:
            c.require(node, "download_target_extractor")
        return (One(),)
    got = extracted(c, node, "download_target_extractor")
    download = c.node(node, "download_requester")
    links = download is not None and url_of(c, download).is_link
    key = Read(common.more.target_key) if common.more.target_key else None
    each = Each(read=msgspec.structs.replace(got.read, secret=links), key=key, none="done", lives=common.more.lives)
    return (c.made(each, node.place("download_target_extractor"), read=got.at, key=common.at, lives=common.at),)


def _fetch(c: Context, node: Node, common: _Common) -> Fetch:
    pages: Paging = paging(c, node, "download_paginator")
    requester, more = _needed(c, node, "download_requester"), common.more
    asked = exchange(c, requester, expired=EXPIRED, more=pages.more, download=True) if requester else None
    fetch = Fetch(exchange=asked, pages=pages.pages, part_bytes=more.part_bytes, parallel=more.parallel, deliver=more.deliver,
                  expect=_expect(c, node, more.expect or Expected(), common.at))  # fmt: skip
    return c.made(fetch, node.place("download_requester"), pages=node.place("download_paginator"), expect=common.at)


def _expect(c: Context, node: Node, said: Expected, at: str) -> Expect:
    texts = {
        name: c.bind(node, text) or None
        for name, text in (("records", said.records), ("length", said.length), ("digest", said.digest))
    }
    out = Expect(records=texts["records"], length=texts["length"], digest=texts["digest"], media=said.media, looks=said.looks)
    return c.made(out, at, **{name: f"{at}/expect/{name}" for name in texts})


def _policy(c: Context, node: Node, made: Creation, common: _Common) -> Policy:
    cool = c.number(node, "failed_retry_wait_time_in_seconds", 0.0)
    more = common.more
    doubt = more.doubt if more.doubt is not None and made.doubt == "again" else made.doubt
    settle = Policy().settle if more.settle is None else more.settle
    wait = Wait(first=cool, most=max(cool, 3600.0), jitter=0.0)
    policy = Policy(attempts=more.attempts, attempt_waits=(wait,), slots=SLOTS, doubt=doubt, settle=settle)
    return c.made(policy, common.at, attempt_waits=node.place("failed_retry_wait_time_in_seconds"), doubt=made.at)


def _handle(poll: Exchange) -> Value | None:
    """The API's own id of the job: what the status request takes from the creation answer."""
    for text in _texts(msgspec.to_builtins(poll.request)):
        found = _HANDLE.search(text)
        keys = tuple(a or b or x for a, b, x in _STEP.findall(found[1])) if found else ()
        if keys and keys[0] == "headers":
            return Read(at="header", path=keys[1:2]) if len(keys) > 1 else None
        if keys and keys[0] != "request":
            return Read(keys, falsy="drop")
    return None


def _texts(value: Json) -> Iterator[str]:
    return (v for _, v in walk(value) if isinstance(v, str))
