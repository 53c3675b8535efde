"""The messages of the Airbyte protocol: their JSON, their order's last lines, and the exit codes."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from jobstream.dialects.airbyte import protocol as p
from jobstream.errors import DataError, Defect, DocumentError, JobstreamError, KeepingError, RemoteError, UsageError
from jobstream.records.batch import Batch
from jobstream.records.lines import record_lines

GOLDEN: list[tuple[p.Message, str]] = [
    (p.spec({"type": "object"}), '{"type":"SPEC","spec":{"connectionSpecification":{"type":"object"}}}'),
    (p.spec({}, "https://d", {"auth_flow_type": "oauth2.0"}),
     '{"type":"SPEC","spec":{"documentationUrl":"https://d","connectionSpecification":{},"advanced_auth":{"auth_flow_type":"oauth2.0"}}}'),
    (p.connection_status(), '{"type":"CONNECTION_STATUS","connectionStatus":{"status":"SUCCEEDED"}}'),
    (p.connection_status("no key"), '{"type":"CONNECTION_STATUS","connectionStatus":{"status":"FAILED","message":"no key"}}'),
    (p.catalog([p.Offered(name="a", schema={"type": "object"})]),
     '{"type":"CATALOG","catalog":{"streams":[{"name":"a","json_schema":{"type":"object"},"supported_sync_modes":["full_refresh"],'
     '"is_resumable":false,"is_file_based":false}]}}'),
    (p.catalog([p.Offered(name="a", schema={}, cursor=("updated_at",), key=(("id",), ("x", "y")))]),
     '{"type":"CATALOG","catalog":{"streams":[{"name":"a","json_schema":{},"supported_sync_modes":["full_refresh","incremental"],'
     '"source_defined_cursor":true,"default_cursor_field":["updated_at"],"source_defined_primary_key":[["id"],["x","y"]],'
     '"is_resumable":true,"is_file_based":false}]}}'),
    (p.record("a", {"x": None, "y": {"z": None}}, 5), '{"type":"RECORD","record":{"stream":"a","emitted_at":5,"data":{"y":{"z":null}}}}'),
    (p.state("a", {"updated_at": "2024"}, 7),
     '{"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"a"},"stream_state":{"updated_at":"2024"}},'
     '"sourceStats":{"recordCount":7.0}}}'),
    (p.log(logging.INFO, "hello"), '{"type":"LOG","log":{"level":"INFO","message":"hello"}}'),
    (p.log(logging.CRITICAL, "oh", "at line 1"), '{"type":"LOG","log":{"level":"FATAL","message":"oh","stack_trace":"at line 1"}}'),
    (p.stream_status("a", "STARTED", 5),
     '{"type":"TRACE","trace":{"type":"STREAM_STATUS","emitted_at":5.0,"stream_status":{"stream_descriptor":{"name":"a"},"status":"STARTED"}}}'),
    (p.stream_status("a", "RUNNING", 5, limited=True),
     '{"type":"TRACE","trace":{"type":"STREAM_STATUS","emitted_at":5.0,"stream_status":{"stream_descriptor":{"name":"a"},'
     '"status":"RUNNING","reasons":[{"type":"RATE_LIMITED"}]}}}'),
    (p.error("it broke", 5), '{"type":"TRACE","trace":{"type":"ERROR","emitted_at":5.0,"error":{"message":"it broke","failure_type":"system_error"}}}'),
    (p.error("fix it", 5, kind="config_error", internal="E: fix it", stack="s", stream="a"),
     '{"type":"TRACE","trace":{"type":"ERROR","emitted_at":5.0,"error":{"message":"fix it","internal_message":"E: fix it",'
     '"stack_trace":"s","failure_type":"config_error","stream_descriptor":{"name":"a"}}}}'),
    (p.estimate("a", 5, rows=10), '{"type":"TRACE","trace":{"type":"ESTIMATE","emitted_at":5.0,"estimate":{"name":"a","type":"STREAM","row_estimate":10}}}'),
    (p.control({"refresh_token": "new"}, 5),
     '{"type":"CONTROL","control":{"type":"CONNECTOR_CONFIG","emitted_at":5.0,"connectorConfig":{"config":{"refresh_token":"new"}}}}'),
]  # fmt: skip


@pytest.mark.parametrize(("message", "line"), GOLDEN)
def test_a_message_is_this_line(message: p.Message, line: str) -> None:
    assert p.line(message) == line.encode() + b"\n"


def test_the_lines_of_a_batch_are_these_messages() -> None:
    rows: list[dict[str, Any]] = [{"x": None, "y": [None]}, {"x": 1}]
    assert bytes(record_lines(Batch(rows), "a", 5)) == b"".join(p.line(p.record("a", r, 5)) for r in rows)


@pytest.mark.parametrize(
    ("level", "word"), [(5, "DEBUG"), (10, "DEBUG"), (20, "INFO"), (25, "INFO"), (30, "WARN"), (40, "ERROR"), (50, "FATAL")]
)
def test_levels(level: int, word: str) -> None:
    assert p.log_level(level) == word


CONFIG = DocumentError("the config is wrong", faults=("/key: missing", "/start: not a date"))


@pytest.mark.parametrize(("verb", "stage", "fault", "kinds", "code"), [
    ("check", "config", CONFIG, ["CONNECTION_STATUS"], 0),
    ("discover", "config", CONFIG, ["LOG", "TRACE"], 1),
    ("read", "config", CONFIG, ["LOG", "TRACE"], 1),
    ("check", "run", RemoteError("401"), ["CONNECTION_STATUS"], 0),
    ("check", "run", DocumentError("no such stream"), ["TRACE", "CONNECTION_STATUS"], 0),
    ("check", "run", Defect("oops"), ["TRACE"], 1),
    ("check", "manifest", DocumentError("no version"), ["TRACE"], 1),
    ("spec", "manifest", DocumentError("no version"), ["TRACE"], 1),
    ("read", "run", ValueError("unforeseen"), ["LOG", "TRACE"], 1),
])  # fmt: skip
def test_how_a_verb_ends(verb: p.Verb, stage: Any, fault: Exception, kinds: list[str], code: int) -> None:
    ending = p.failed(verb, fault, 5, stage=stage)
    assert ([m["type"] for m in ending.messages], ending.exit_code) == (kinds, code)


def test_every_mistake_is_in_the_message() -> None:
    status = p.failed("check", CONFIG, 5, stage="config").messages[0]["connectionStatus"]
    assert status == {"status": "FAILED", "message": "the config is wrong\n/key: missing\n/start: not a date"}
    fatal, trace = p.failed("read", CONFIG, 5, stage="config", stack="here").messages
    assert fatal["log"]["level"] == "FATAL" and fatal["log"]["stack_trace"] == "here"
    assert trace["trace"]["error"]["failure_type"] == "config_error"


@pytest.mark.parametrize(("fault", "kind"), [
    (DocumentError(""), "config_error"), (UsageError(""), "config_error"), (RemoteError(""), "transient_error"),
    (DataError(""), "system_error"), (KeepingError(""), "system_error"), (JobstreamError(""), "system_error"), (OSError(), "system_error"),
])  # fmt: skip
def test_who_can_mend_it(fault: Exception, kind: str) -> None:
    assert p.failure_type(fault) == kind


def test_a_read_names_the_streams_that_failed() -> None:
    assert p.read_ended({}, 5) == p.Ending((), 0)
    ending = p.read_ended({"b": RemoteError("500"), "a": DataError("short")}, 5)
    error = ending.messages[0]["trace"]["error"]
    assert ending.exit_code == 1 and error["failure_type"] == "config_error"
    assert error["message"].endswith("a, b") and "b: 500" in error["internal_message"]


def chosen(**more: Any) -> dict[str, Any]:
    return {"stream": {"name": "a", "json_schema": {"type": "object"}, "supported_sync_modes": ["full_refresh"]}, **more}


def test_a_configured_catalog_is_read() -> None:
    raw = json.dumps({"streams": [
        chosen(sync_mode="incremental", cursor_field=["t"], primary_key=[["id"]], destination_sync_mode="append_dedup", generation_id=3),
        {"stream": {"name": "b", "namespace": "n"}, "cursor_field": None, "primary_key": None},
    ]}).encode()  # fmt: skip

    got = p.read_catalog(raw)

    assert got.stream("a") == p.Configured(name="a", sync_mode="incremental", cursor_field=("t",), primary_key=(("id",),),
                                           json_schema={"type": "object"}, destination_sync_mode="append_dedup")  # fmt: skip
    assert got.stream("b") == p.Configured(name="b", namespace="n")
    assert got.stream("c") is None
    assert p.read_catalog(b'{"streams":[]}').streams == ()


@pytest.mark.parametrize(("raw", "faults"), [
    (b"", ["/: not JSON: Input data was truncated"]), (b"[]", ["/: not an object"]), (b"{}", ["/streams: missing"]),
    (b'{"streams":{}}', ["/streams: a list is expected"]), (b'{"streams":[1]}', ["/streams/0: not an object"]),
    (b'{"streams":[{"stream":{"name":5},"sync_mode":"full"},{"sync_mode":"incremental"}]}',
     ["/streams/0/stream/name: text is expected", "/streams/0/sync_mode: 'full' is neither full_refresh nor incremental",
      "/streams/1/stream: missing"]),
    (json.dumps({"streams": [chosen(cursor_field=[1], primary_key=["id"])]}).encode(),
     ["/streams/0/cursor_field: not a list of names", "/streams/0/primary_key: not a list of paths"]),
    (json.dumps({"streams": [chosen(), chosen()]}).encode(), ["/streams/1/stream/name: 'a' is chosen twice"]),
])  # fmt: skip
def test_every_mistake_of_a_configured_catalog_is_told_at_once(raw: bytes, faults: list[str]) -> None:
    with pytest.raises(DocumentError) as e:
        p.read_catalog(raw, "catalog.json")
    assert list(e.value.faults) == faults
    assert e.value.where == "catalog.json"
