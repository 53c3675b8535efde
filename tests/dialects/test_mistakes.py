"""What a person reads when a manifest is wrong: every mistake at once, each at its line, with what would do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobstream.components.catalog import LINES, Catalog
from jobstream.dialects.airbyte.load import Compiled, load

BASE = """\
version: 6.0.0
check: {type: CheckStream, stream_names: [rows]}
definitions:
  auth: {type: BearerAuthenticator, api_token: "{{ config['key'] }}"}
  requester:
    type: HttpRequester
    url_base: https://x.test/v1
    authenticator: {$ref: "#/definitions/auth"}
streams:
  - name: rows
    primary_key: id
    $parameters: {resource: exports}
    retriever:
      type: AsyncRetriever
      record_selector: {extractor: {field_path: []}}
      status_extractor: {type: DpathExtractor, field_path: [state]}
      status_mapping:
        running: [RUN]
        completed: [DONE]
        failed: [ERR]
        timeout: []
      creation_requester:
        $ref: "#/definitions/requester"
        http_method: POST
        path: "{{ parameters['resource'] }}"
      polling_requester:
        $ref: "#/definitions/requester"
        path: "{{ parameters.resource }}/{{ creation_response['id'] }}"
      download_target_extractor: {type: DpathExtractor, field_path: [urls]}
      download_requester: {type: HttpRequester, url: "{{ download_target }}"}
      download_decoder: {type: CsvDecoder}
spec:
  connection_specification: {type: object, properties: {key: {type: string, airbyte_secret: true}}}
"""


def made(text: str = BASE, config: Any = None, lines: dict[str, str] = LINES) -> Compiled:
    return load("m.yaml", text, Catalog(lines), config=config, now=lambda: 1.77e9)


def changed(old: str, new: str, config: Any = None) -> list[str]:
    assert BASE.count(old) >= 1, old
    return [str(f) for f in made(BASE.replace(old, new, 1), config).findings]


def test_the_text_itself_is_right() -> None:
    assert made().findings == () and made(config={"key": "k"}).findings == ()


@pytest.mark.seed("B64")
@pytest.mark.parametrize(("old", "new", "message"), [
    # names, through references and parameters
    ("creation_response['id']", "creation_respons['id']",
     "m.yaml:28 streams/0/retriever/polling_requester/path: unknown_name 'creation_respons' (did you mean 'creation_response'?)"),
    ("{{ config['key'] }}", "{{ confg['key'] }}", "m.yaml:4 definitions/auth/api_token: unknown_name 'confg' (did you mean 'config'?)"),
    ("{{ download_target }}", "{{ download_target", "m.yaml:30 streams/0/retriever/download_requester/url: wrong_value"),
    # references
    ('{$ref: "#/definitions/auth"}', '{$ref: "#/definitions/outh"}',
     "m.yaml:8 definitions/requester/authenticator/$ref: undefined_reference '#/definitions/outh' (did you mean 'auth'?)"),
    ("type: HttpRequester\n    url_base", '$ref: "#/definitions/requester"\n    url_base', "m.yaml:6 definitions/requester/$ref: circular_reference '#/definitions/requester'"),
    # structure
    ("polling_requester:", "pooling_requester:",
     "m.yaml:13 streams/0/retriever/polling_requester: missing_field (did you mean 'pooling_requester'?)"),
    ("  creation_requester:", "  creation_requster:", "m.yaml:22 streams/0/retriever/creation_requster: unknown_field 'creation_requster' (did you mean 'creation_requester'?)"),
    ("type: CsvDecoder", "type: CvsDecoder", "m.yaml:31 streams/0/retriever/download_decoder/type: unknown_component 'CvsDecoder' (did you mean 'CsvDecoder'?)"),
    ("type: CsvDecoder", "type: CsvDecoder, delimeter: ';'", "m.yaml:31 streams/0/retriever/download_decoder/delimeter: unknown_field 'delimeter' (did you mean 'delimiter'?)"),
    ("type: CsvDecoder", "type: CsvDecoder, delimiter: ';;'", "m.yaml:31 streams/0/retriever/download_decoder/delimiter: wrong_value"),
    ("type: CsvDecoder", "type: BearerAuthenticator", "m.yaml:31 streams/0/retriever/download_decoder/type: unknown_component 'BearerAuthenticator' (known: "),
    ("{type: DpathExtractor, field_path: [urls]}", "[urls]", "m.yaml:29 streams/0/retriever/download_target_extractor: wrong_value \"['urls']\" (a component, which is a mapping, is expected)"),
    ("version: 6.0.0", "version: 6.0.0\nstreems: []", "m.yaml:2 streems: unknown_field 'streems' (did you mean 'streams'?)"),
    ("version: 6.0.0", "version: 6.0.0\nversion: 7.0.0", "m.yaml:2 version: duplicate_key (line 1 has it too; this one counts)"),
    ("stream_names: [rows]", "stream_names: [rowz]", "m.yaml:2 check/stream_names/0: wrong_value 'rowz' (did you mean 'rows'?)"),
    # values
    ("failed: [ERR]", "failed: [ERR, DONE]", "m.yaml:20 streams/0/retriever/status_mapping/failed/1: wrong_value 'DONE' (it is in completed too)"),
    ("failed: [ERR]", "failed: [5]", "m.yaml:20 streams/0/retriever/status_mapping/failed/0: wrong_value '5' (status values are text: write \"5\", in quotes)"),
    ("failed: [ERR]", "failed: [yes]", "m.yaml:20 streams/0/retriever/status_mapping/failed/0: wrong_value 'True' (status values are text: write \"True\", in quotes)"),
    ("        timeout: []\n", "", "m.yaml:17 streams/0/retriever/status_mapping/timeout: missing_field (it is needed here)"),
    ("http_method: POST", "http_method: [POST]", "m.yaml:24 streams/0/retriever/creation_requester/http_method: wrong_value"),
    ("http_method: POST", "http_method: POST\n        request_parameters: a=b", "m.yaml:25 streams/0/retriever/creation_requester/request_parameters: wrong_value 'a=b'"),
    ("http_method: POST", "http_method: POST\n        request_body_json: {a: 1}\n        request_body_data: x", "m.yaml:26 streams/0/retriever/creation_requester/request_body_data: wrong_value 'a second body' (a request has one body)"),
    ("http_method: POST", "http_method: POST\n        error_handler: {response_filters: [{http_codes: [4o4], action: FAIL}]}", "m.yaml:25 streams/0/retriever/creation_requester/error_handler/response_filters/0/http_codes/0: wrong_value \"'4o4'\" (an HTTP status code is expected)"),
    ("http_method: POST", "http_method: POST\n        error_handler: {response_filters: [{http_codes: [404], action: IGNOER}]}", "m.yaml:25 streams/0/retriever/creation_requester/error_handler/response_filters/0/action: wrong_value 'IGNOER' (did you mean 'IGNORE'?)"),
    ("http_method: POST", "http_method: POST\n        error_handler: {response_filters: [{http_codes: [404], action: RESET_PAGINATION}]}", "m.yaml:25 streams/0/retriever/creation_requester/error_handler/response_filters/0/action: wrong_verdict 'restart'"),
    ("type: AsyncRetriever", "type: AsyncRetriever\n      polling_job_timeout: soon", "m.yaml:15 streams/0/retriever/polling_job_timeout: wrong_value 'soon' (a number of at least 0 is expected)"),
    # what is not there yet, and what never will
    ("primary_key: id", "schema_loader: {type: JsonFileSchemaLoader, file_path: x.json}", "m.yaml:11 streams/0/schema_loader/type: not_supported 'JsonFileSchemaLoader' (a schema in another file is not read: put it into an InlineSchemaLoader)"),
    ("type: CsvDecoder", "type: CustomDecoder, class_name: source_x.components.Csv", "m.yaml:31 streams/0/retriever/download_decoder: not_supported 'source_x.components.Csv' (a class path is never run: install a package that provides it under the entry points jobstream.components)"),
    ("spec:", "spec:\n  config_normalization_rules: {config_migrations: [{transformations: []}]}", "m.yaml:33 spec/config_normalization_rules: not_supported 'config_normalization_rules'"),
    ("version: 6.0.0", "version: 6.0.0\ndynamic_streams: [{}]", "m.yaml:2 dynamic_streams: not_supported 'dynamic_streams' (streams made from a template are not supported: write them out)"),
    ("type: AsyncRetriever", "type: AsyncRetriever\n      paginator: {type: NoPagination}", "m.yaml:15 streams/0/retriever/paginator: ignored 'paginator' (has no effect on an asynchronous stream: download_paginator has)"),
    # x-jobstream
    ("type: AsyncRetriever", "type: AsyncRetriever\n      x-jobstream: {pol: {}}", "m.yaml:15 streams/0/retriever/x-jobstream/pol: unknown_field 'pol' (did you mean 'poll'?)"),
    ("type: AsyncRetriever", "type: AsyncRetriever\n      x-jobstream: {poll: {intervall: 3}}", "m.yaml:15 streams/0/retriever/x-jobstream/poll/intervall: unknown_field 'intervall' (did you mean 'interval'?)"),
    ("type: AsyncRetriever", "type: AsyncRetriever\n      x-jobstream: {poll: {interval: fast}}", "m.yaml:15 streams/0/retriever/x-jobstream/poll/interval: wrong_value \"'fast'\" (Expected `float`, got `str`)"),
    ("http_method: POST", "http_method: POST\n        x-jobstream: {poll: {}}", "m.yaml:25 streams/0/retriever/creation_requester/x-jobstream/poll: unknown_field 'poll'"),
    ("http_method: POST", "http_method: POST\n        x-jobstream: {idempotency_key: 'a b'}", "m.yaml:25 streams/0/retriever/creation_requester/x-jobstream/idempotency_key: wrong_value"),
    ("type: CsvDecoder", "type: CsvDecoder, x-jobstream: {}", "m.yaml:31 streams/0/retriever/download_decoder/x-jobstream: unknown_field 'x-jobstream' (CsvDecoder takes none)"),
])  # fmt: skip
def test_a_mistake_is_told(old: str, new: str, message: str) -> None:
    said = changed(old, new)
    assert any(m.startswith(message) for m in said), said


def test_all_mistakes_come_at_once_in_the_order_of_the_text() -> None:
    text = (
        BASE.replace("DONE]", "RUN]")
        .replace("type: CsvDecoder", "type: Cvs")
        .replace("['key']", "['key'")
        .replace("field_path: [urls]", "")
    )
    said = made(text).findings
    assert len(said) >= 4 and [f.line for f in said] == sorted(f.line for f in said)


def test_a_definition_that_two_streams_share_is_told_once() -> None:
    second = BASE[BASE.index("  - name: rows") : BASE.index("spec:")].replace("name: rows", "name: other")
    text = BASE.replace("spec:", second + "spec:").replace("{{ config['key'] }}", "{{ nope }}")
    assert [str(f).partition(" (")[0] for f in made(text).findings] == [
        "m.yaml:4 definitions/auth/api_token: unknown_name 'nope'"
    ]


def test_an_unknown_field_is_no_reason_not_to_run() -> None:
    assert made(BASE.replace("type: CsvDecoder", "type: CsvDecoder, encodng: x")).faults == ()


def test_a_custom_class_is_found_where_a_package_provides_it() -> None:
    lines = {**LINES, "decoder.acme.Csv": LINES["decoder.csv"]}
    text = BASE.replace("type: CsvDecoder", "type: CustomDecoder, class_name: acme.Csv, delimiter: ';'")
    one = made(text, lines=lines)
    assert one.findings == () and one.plan.streams[0].records.decoder.name == "acme.Csv"
    wrong = made(text.replace("';'", "';;'"), lines=lines)
    assert [(f.code, f.at) for f in wrong.findings] == [("wrong_value", "/streams/0/retriever/download_decoder/delimiter")]


def test_what_needs_the_config_is_left_open_without_one() -> None:
    text = BASE.replace("type: AsyncRetriever", "type: AsyncRetriever\n      polling_job_timeout: \"{{ config['minutes'] }}\"")
    poll = made(text).plan.streams[0].retrieval.poll
    assert made(text).findings == () and poll is not None and poll.deadline == 3600
    poll = made(text, {"minutes": 5}).plan.streams[0].retrieval.poll
    assert poll is not None and poll.deadline == 300
    assert [f.code for f in made(text, {"minutes": "many"}).findings] == ["wrong_value"]


def test_the_plan_knows_where_each_of_its_parts_was_written() -> None:
    one = made(BASE.replace("http_method: POST", "http_method: POST\n        request_headers: {A: b,\n          X-C: d}"))
    at = {p: (o.pointer, o.line) for p in (
        "/streams/0/retrieval/create/request/headers/X-C", "/streams/0/retrieval/poll/status/map/ERR", "/auth/auth1/options/token",
        "/streams/0/retrieval/create/request/auth", "/streams/0/records/decoder", "/secrets",
    ) if (o := one.places.find(p))}  # fmt: skip
    assert at == {
        "/streams/0/retrieval/create/request/headers/X-C": ("/streams/0/retriever/creation_requester/request_headers/X-C", 26),
        "/streams/0/retrieval/poll/status/map/ERR": ("/streams/0/retriever/status_mapping/failed/0", 20),
        "/auth/auth1/options/token": ("/definitions/auth/api_token", 4),
        "/streams/0/retrieval/create/request/auth": ("/definitions/requester/authenticator", 8),
        "/streams/0/records/decoder": ("/streams/0/retriever/download_decoder", 33),
        "/secrets": ("/spec", 34),
    }


def test_no_library_but_one_module_reads_text() -> None:
    source = Path(__file__).parents[2] / "src" / "jobstream"
    found = {p.relative_to(source).as_posix() for p in source.rglob("*.py") if "import yaml" in p.read_text()}
    assert found == {"documents/text.py"}
