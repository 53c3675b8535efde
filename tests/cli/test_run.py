"""`jobstream run` and `validate`, against a practice API over real HTTP."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pyarrow.dataset as dataset
import pytest

from command import EXAMPLES, ORIGIN, call, call_piped, rows_of
from practice_fixtures import StartPractice

World = list[Any]


def expected(tmp_path: Path) -> set[str]:
    return {f"{i:08x}" for i in range(60)}


@pytest.mark.seed("B3", "B41", "B43", "B58", "B59", "B60", "B61", "B62")
def test_the_seeds_own_example_runs_from_end_to_end(tmp_path: Path, manifest: Path, practice: StartPractice) -> None:
    api = practice(files=2, rows=30, job_seconds=0.2)
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"api_key": api.config.key}))

    got = call("run", manifest, "--config", config, "--project", tmp_path, "--to", tmp_path / "out", "--format", "parquet",
               "--map-origin", f"{ORIGIN}={api.url}")  # fmt: skip

    table = dataset.dataset(tmp_path / "out" / "contacts", format="parquet").to_table()
    seen = api.report()
    assert got.code == 0, got.err
    assert sorted(r["CONTACT_ID"] for r in table.to_pylist()) == sorted(r["CONTACT_ID"] for r in api.expected_rows())
    assert (seen.n_jobs, seen.downloads, seen.refused) == (1, 2, 0) and not seen.misplaced
    assert "'pending' means running" in got.err and "'ready' means completed" in got.err and "60 records" in got.err


def test_records_go_to_standard_output_and_words_to_the_other(tmp_path: Path, world: World) -> None:
    got = call_piped(tmp_path, "run", *world)

    assert got.code == 0 and len(got.lines()) == 60 and "done in" in got.err and "delivered before" not in got.err
    assert call("jobs", "list", "--live", "--project", tmp_path, "--json").out == ""


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_files_of_each_form_hold_the_same_records(tmp_path: Path, world: World, form: str) -> None:
    assert call("run", *world, "--to", tmp_path / form, "--format", form, "--quiet").code == 0

    kind = {"jsonl": "json"}.get(form, form)
    open_files: Any = dataset.dataset
    files = open_files(str(tmp_path / form / "contacts"), format=kind)
    rows = files.to_table().num_rows
    assert rows == 60


def test_a_second_run_replaces_what_the_first_has_delivered_unless_asked_to_append(tmp_path: Path, world: World) -> None:
    out = tmp_path / "out"
    for _ in range(2):
        assert call("run", *world, "--to", out, "--quiet").code == 0
    assert len(rows_of(out / "contacts")) == 60

    assert call("run", *world, "--to", out, "--write", "append", "--quiet").code == 0
    assert len(rows_of(out / "contacts")) == 120


def test_jobs_are_created_now_and_collected_later(tmp_path: Path, world: World) -> None:
    out = tmp_path / "out"

    first = call("run", *world, "--no-wait", "--to", out)
    live = call("jobs", "list", "--live", "--json", "--project", tmp_path).lines()
    later = call("jobs", "collect", "--to", out, *world[3:])

    assert first.code == 0 and [j["phase"] for j in live] == ["running"]
    assert later.code == 0 and len(rows_of(out / "contacts")) == 60
    assert call("jobs", "collect", "--project", tmp_path).err.endswith("there is no live job\n")


def test_a_wrong_key_is_told_with_step_and_answer(tmp_path: Path, world: World) -> None:
    got = call("run", *world, "--set", "api_key=SG.wrong-secret", "--to", tmp_path / "out")

    assert got.code == 1 and "create.halt" in got.err and "401" in got.err and "SG.wrong-secret" not in got.err


def test_quiet_is_quiet_and_json_is_json(tmp_path: Path, world: World) -> None:
    assert call("run", *world, "--to", tmp_path / "a", "--quiet") == (0, "", "")

    got = call("run", *world, "--to", tmp_path / "b", "--json")

    lines = [json.loads(line) for line in got.err.splitlines()]
    assert lines[0]["event"] == "Planned" and lines[-1]["good"] is True
    assert lines[-1]["streams"]["contacts"]["kept"] == 60


def test_config_comes_from_file_environment_and_option_in_this_order(
    tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBSTREAM_CONFIG_API_KEY", "SG.wrong")
    assert call("run", *world, "--to", tmp_path / "a", "--quiet").code == 0

    without = [world[0], *world[3:]]
    assert call("run", *without, "--to", tmp_path / "b", "--quiet").code == 1
    monkeypatch.setenv("JOBSTREAM_CONFIG_API_KEY", "SG.practice")
    assert call("run", *without, "--to", tmp_path / "c", "--quiet").code == 0


@pytest.mark.parametrize(("argv", "says"), [
    (["run", "nowhere.yaml"], "there is no such file"),
    (["run", EXAMPLES / "sendgrid" / "manifest.yaml"], '"api_key" is a required property'),
    (["run", EXAMPLES / "sendgrid" / "manifest.yaml", "--set", "api_key=x", "--stream", "contact"], "there is no stream 'contact'"),
    (["run", EXAMPLES / "sendgrid" / "manifest.yaml", "--set", "api_key"], "--set takes NAME=VALUE"),
    (["run", EXAMPLES / "sendgrid" / "manifest.yaml", "--set", "api_key=x", "--format", "parquet"], "parquet goes to a folder"),
    (["run", EXAMPLES / "sendgrid" / "manifest.yaml", "--set", "api_key=x", "--map-origin", "nonsense"], "nonsense"),
    (["run", EXAMPLES / "sendgrid" / "manifest.yaml", "--project", "/nowhere"], "there is no such folder"),
    (["jobs", "show", "nojob"], "no jobs have 'nojob' in their id"),
])  # fmt: skip
def test_a_wrong_call_is_told_before_anything_is_sent(
    argv: list[object], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    got = call(*argv)

    assert got.code == 2 and says in got.err and "Traceback" not in got.err


def test_every_mistake_of_a_document_is_told_at_once(tmp_path: Path, manifest: Path) -> None:
    text = (
        manifest.read_text().replace("polling_requester:", "pooling_requester:").replace("type: CsvDecoder", "type: CvsDecoder")
    )
    manifest.write_text(text)

    got = call("validate", manifest, "--project", tmp_path)

    assert got.code == 2 and "polling_requester" in got.err and "'CsvDecoder'" in got.err and "contacts.yaml:" in got.err


def test_a_second_process_on_one_source_is_refused(tmp_path: Path, world: World) -> None:
    from jobstream.project import Project

    with Project(tmp_path).hold("contacts"):
        got = call("run", *world, "--to", tmp_path / "out")

    assert got.code == 3 and f"process {os.getpid()} is running this source" in got.err


def test_settings_are_read_and_a_wrong_one_is_told(tmp_path: Path, world: World) -> None:
    home = tmp_path / ".jobstream"
    home.mkdir(exist_ok=True)
    (home / "settings.toml").write_text("attemts = 2\n")

    got = call("run", *world, "--to", tmp_path / "out")

    assert got.code == 2 and "attemts" in got.err and "settings.toml" in got.err and "attempts" in got.err


def test_the_ledger_holds_no_secret_and_no_signature(tmp_path: Path, world: World) -> None:
    assert call("run", *world, "--to", tmp_path / "out", "--quiet").code == 0

    raw = b"".join(f.read_bytes() for f in (tmp_path / ".jobstream").rglob("*") if f.is_file())

    assert b"SG.practice" not in raw and b"X-Amz-Signature" not in raw


@pytest.mark.seed("B53", "B54", "B56")
def test_every_exchange_can_be_had_without_secrets(tmp_path: Path, world: World) -> None:
    file = tmp_path / "trace.jsonl"

    assert call("run", *world, "--to", tmp_path / "out", "--trace", file, "--quiet").code == 0

    rows = [json.loads(line) for line in file.read_text().splitlines()]
    steps = [r["step"] for r in rows]
    create = rows[0]
    assert steps[0] == "create" and steps.count("poll") >= 2 and steps.count("fetch") == 3
    assert create["method"] == "POST" and create["url"].startswith(ORIGIN) and create["code"] == 202
    assert create["via"].startswith("http://127.0.0.1") and create["headers"]["Authorization"] == "****"
    assert '"pending"' in rows[1]["answer_body"] and "SG.practice" not in file.read_text()


def test_a_trace_that_cannot_be_written_is_told_before_anything_is_sent(tmp_path: Path, world: World) -> None:
    got = call("run", *world, "--to", tmp_path / "out", "--trace", tmp_path / "no" / "trace.jsonl")

    assert got.code == 2 and "trace.jsonl" in got.err and call("jobs", "list", "--project", tmp_path, "--json").out == ""


@pytest.mark.parametrize("line", ["jobs = 0", "jobs = -3", "rate = -1", "connections = 0", "downloads = 0", "attempts = 0", "in_flight = 0",
                                  "spool_bytes = 0", "stop_seconds = -1"])  # fmt: skip
def test_a_setting_with_which_nothing_could_ever_run_is_refused(tmp_path: Path, world: World, line: str) -> None:
    (tmp_path / ".jobstream").mkdir()
    (tmp_path / ".jobstream" / "settings.toml").write_text(line + "\n")

    got = call("run", *world, "--to", tmp_path / "out")

    assert got.code == 2 and line.partition(" ")[0] in got.err and "settings.toml" in got.err


def test_a_secret_that_the_api_repeats_in_its_answer_is_neither_shown_nor_kept(
    tmp_path: Path, manifest: Path, practice: StartPractice
) -> None:
    api = practice(files=1, rows=1)
    handler = ("        error_handler: {type: DefaultErrorHandler, response_filters: [{type: HttpResponseFilter, action: FAIL, "
               "http_codes: [401], error_message: \"it is not {{ config['api_key'] }}\"}]}\n")  # fmt: skip
    manifest.write_text(manifest.read_text().replace("        http_method: POST\n", f"        http_method: POST\n{handler}"))

    got = call("run", manifest, "--set", "api_key=SG.wrong-secret", "--project", tmp_path, "--to", tmp_path / "out",
               "--map-origin", f"{ORIGIN}={api.url}")  # fmt: skip

    raw = b"".join(f.read_bytes() for f in (tmp_path / ".jobstream").rglob("*") if f.is_file())
    assert got.code == 1 and "it is not ****" in got.err and "SG.wrong-secret" not in got.err
    assert b"SG.wrong-secret" not in raw


def test_jobs_that_are_not_waited_for_are_not_written_before_somebody_waits(tmp_path: Path, world: World) -> None:
    """A pipe: each record comes once, however often the run was called before."""
    said = [call_piped(tmp_path, "run", *world, *more, "--quiet") for more in (["--no-wait"], ["--no-wait"], [])]

    assert [(got.code, len(got.lines())) for got in said] == [(0, 0), (0, 0), (0, 60)]
    assert len(call("jobs", "list", "--project", tmp_path, "--json").lines()) == 1


def test_a_run_that_found_nothing_to_download_takes_nothing_away(tmp_path: Path, world: World, manifest: Path) -> None:
    """A slip of the pen in the path of the links reads like an API without data, as Airbyte has it."""
    assert call("run", *world, "--to", tmp_path / "out", "--quiet").code == 0
    manifest.write_text(manifest.read_text().replace("- urls", "- urlz"))

    got = call("run", *world, "--to", tmp_path / "out")

    assert got.code == 0 and "nothing" in got.err
    assert len(rows_of(tmp_path / "out" / "contacts")) == 60


def test_a_stream_that_needs_the_records_of_another_is_refused_before_anything_is_sent(
    tmp_path: Path, world: World, manifest: Path
) -> None:
    router = """
      partition_router:
        type: SubstreamPartitionRouter
        parent_stream_configs:
          - parent_key: id
            partition_field: id
            stream: {name: lists, retriever: {requester: {type: HttpRequester, url: "https://api.sendgrid.com/lists"}, record_selector: {extractor: {field_path: []}}}}
"""
    manifest.write_text(manifest.read_text().replace("\n      creation_requester:", router + "      creation_requester:", 1))

    got = call("run", *world, "--to", tmp_path / "out")

    assert got.code == 2 and "records of stream 'lists'" in got.err
    assert call("jobs", "list", "--project", tmp_path, "--json").out == ""
