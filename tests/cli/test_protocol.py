"""The verbs of the Airbyte protocol, as a platform calls them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from command import ORIGIN, call_piped
from practice_fixtures import StartPractice


@pytest.fixture
def source(tmp_path: Path, manifest: Path, practice: StartPractice) -> dict[str, Any]:
    api = practice(files=2, rows=10)
    files = {"config": {"api_key": api.config.key}, "bad": {"api_key": "SG.nobody"}, "empty": {},
             "catalog": {"streams": [{"stream": {"name": "contacts", "json_schema": {}}, "sync_mode": "full_refresh"}]}}  # fmt: skip
    for name, value in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(value))
    return {"api": api, "common": ["--manifest-path", manifest, "--project", tmp_path, "--map-origin", f"{ORIGIN}={api.url}"]}


def verb(tmp_path: Path, source: dict[str, Any], name: str, config: str = "config", *more: object) -> tuple[int, list[Any]]:
    got = call_piped(tmp_path, name, *source["common"], "--config", tmp_path / f"{config}.json", *more)
    return got.code, got.lines()


def test_spec_is_that_of_the_manifest(tmp_path: Path, source: dict[str, Any]) -> None:
    got = call_piped(tmp_path, "spec", *source["common"][:2])

    (message,) = got.lines()
    assert got.code == 0 and message["spec"]["connectionSpecification"]["required"] == ["api_key"]


@pytest.mark.parametrize(
    ("config", "status", "says"), [("config", "SUCCEEDED", ""), ("bad", "FAILED", "401"), ("empty", "FAILED", "api_key")]
)
def test_check_says_yes_or_why_not(tmp_path: Path, source: dict[str, Any], config: str, status: str, says: str) -> None:
    code, messages = verb(tmp_path, source, "check", config)

    said = messages[-1]["connectionStatus"]
    assert (
        code == 0 and said["status"] == status and says in said.get("message", "") and "SG.nobody" not in json.dumps(messages)
    )


def test_discover_offers_streams_with_their_keys(tmp_path: Path, source: dict[str, Any]) -> None:
    code, (message,) = verb(tmp_path, source, "discover")

    (stream,) = message["catalog"]["streams"]
    assert code == 0 and stream["source_defined_primary_key"] == [["CONTACT_ID"]]


def test_read_gives_records_states_and_statuses_in_order(tmp_path: Path, source: dict[str, Any]) -> None:
    code, messages = verb(tmp_path, source, "read", "config", "--catalog", tmp_path / "catalog.json")

    kinds = [
        m["trace"]["stream_status"]["status"] if m["type"] == "TRACE" else m["type"] for m in messages if m["type"] != "LOG"
    ]
    assert code == 0 and kinds.count("RECORD") == 20 and kinds[0] == "STARTED" and kinds[-1] == "COMPLETE"
    assert kinds.index("STARTED") < kinds.index("RUNNING") < kinds.index("RECORD") < kinds.index("STATE")


def test_a_read_without_its_state_asks_anew_and_with_it_repeats_nothing(tmp_path: Path, source: dict[str, Any]) -> None:
    catalog = ["--catalog", tmp_path / "catalog.json"]
    _, first = verb(tmp_path, source, "read", "config", *catalog)
    states = [m for m in first if m["type"] == "STATE"]
    (tmp_path / "state.json").write_text(json.dumps(states[-1:]))

    _, second = verb(tmp_path, source, "read", "config", *catalog, "--state", tmp_path / "state.json")
    _, third = verb(tmp_path, source, "read", "config", *catalog)

    assert [sum(m["type"] == "RECORD" for m in run) for run in (first, second, third)] == [20, 20, 20]
    assert source["api"].report().n_jobs == 3


def test_a_stream_that_failed_is_incomplete_and_ends_with_1(tmp_path: Path, source: dict[str, Any]) -> None:
    source["api"].set_faults("failed=always")

    code, messages = verb(tmp_path, source, "read", "config", "--catalog", tmp_path / "catalog.json")

    statuses = [
        m["trace"]["stream_status"]["status"] for m in messages if m["type"] == "TRACE" and "stream_status" in m["trace"]
    ]
    assert code == 1 and statuses[-1] == "INCOMPLETE" and messages[-1]["trace"]["error"]["failure_type"] == "config_error"


def test_a_manifest_with_mistakes_fails_every_verb(tmp_path: Path, source: dict[str, Any], manifest: Path) -> None:
    manifest.write_text(manifest.read_text().replace("type: CsvDecoder", "type: CvsDecoder"))

    for name, more in (("check", []), ("discover", []), ("read", ["--catalog", tmp_path / "catalog.json"])):
        code, messages = verb(tmp_path, source, name, "config", *more)
        assert code == 1 and "CsvDecoder" in json.dumps(messages)


def test_a_stream_with_windows_is_read_up_to_its_state_and_from_there(
    tmp_path: Path, manifest: Path, source: dict[str, Any]
) -> None:
    cursor = ("    incremental_sync: {type: DatetimeBasedCursor, cursor_field: UPDATED_AT, datetime_format: '%Y-%m-%dT%H:%M:%SZ', "
              "start_datetime: '2025-01-01T00:00:00Z', end_datetime: '2025-01-03T00:00:00Z', step: P1D, cursor_granularity: PT1S}\n")  # fmt: skip
    manifest.write_text(manifest.read_text().replace("    primary_key: CONTACT_ID\n", f"    primary_key: CONTACT_ID\n{cursor}"))
    code, messages = verb(tmp_path, source, "read", "config", "--catalog", tmp_path / "catalog.json")

    states = [m["state"] for m in messages if m["type"] == "STATE"]
    assert code == 0 and sum(m["type"] == "RECORD" for m in messages) == 40
    assert states[-1]["stream"]["stream_state"]["UPDATED_AT"].startswith("2025-01-")

    (tmp_path / "state.json").write_text(json.dumps(states[-1:]))
    code, messages = verb(
        tmp_path, source, "read", "config", "--catalog", tmp_path / "catalog.json", "--state", tmp_path / "state.json"
    )
    planned = [m["log"]["message"] for m in messages if m["type"] == "LOG" and "planned:" in m["log"]["message"]]
    assert code == 0 and all("2025-01-01T00:00:00Z.." not in text for text in planned)


def test_a_state_that_is_no_instant_is_told(tmp_path: Path, manifest: Path, source: dict[str, Any]) -> None:
    cursor = "    incremental_sync: {type: DatetimeBasedCursor, cursor_field: UPDATED_AT, datetime_format: '%Y-%m-%d', start_datetime: '2025-01-01'}\n"
    manifest.write_text(manifest.read_text().replace("    primary_key: CONTACT_ID\n", f"    primary_key: CONTACT_ID\n{cursor}"))
    state = {"type": "STREAM", "stream": {"stream_descriptor": {"name": "contacts"}, "stream_state": {"UPDATED_AT": "soon"}}}
    (tmp_path / "state.json").write_text(json.dumps([state]))

    code, messages = verb(
        tmp_path, source, "read", "config", "--catalog", tmp_path / "catalog.json", "--state", tmp_path / "state.json"
    )

    (error,) = [m["trace"]["error"] for m in messages if m["type"] == "TRACE" and m["trace"]["type"] == "ERROR"]
    assert code == 1 and "'soon' is no instant" in error["message"] and error["failure_type"] == "config_error"
