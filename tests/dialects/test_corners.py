"""The rarer mistakes, one a line: what was written, the code, the place, a piece of the hint."""

from __future__ import annotations

from typing import Any

import pytest

from jobstream.components.catalog import Catalog
from jobstream.dialects.airbyte.load import Compiled, load, spec_of
from jobstream.dialects.airbyte.source import named
from jobstream.errors import DocumentError

SIMPLE = """\
version: 6.0.0
check: {type: CheckStream, stream_names: [rows]}
streams:
  - name: rows
    retriever:
      requester: {type: HttpRequester, url: "https://x.test"}
      record_selector: {extractor: {field_path: [items]}}
"""
ASYNC = """\
version: 6.0.0
check: {type: CheckStream, stream_names: [rows]}
streams:
  - name: rows
    retriever:
      type: AsyncRetriever
      record_selector: {extractor: {field_path: [items]}}
      status_extractor: {field_path: [s]}
      status_mapping: {running: [a], completed: [b], failed: [], timeout: []}
      creation_requester: {type: HttpRequester, url: 'https://x.test/c'}
      polling_requester: {type: HttpRequester, url: 'https://x.test/p'}
      download_requester: {type: HttpRequester, url: 'https://x.test/d'}
"""
AT = "/streams/0/retriever"
REQ = f"{AT}/requester"


def made(text: str, config: Any = None) -> Compiled:
    return load("m.yaml", text, Catalog(config=config), config=config, now=lambda: 0.0)


def requester(more: str) -> str:
    return SIMPLE.replace('"https://x.test"}', f'"https://x.test", {more}}}')


def retriever(more: str) -> str:
    return SIMPLE + "".join(f"      {line}\n" for line in more.splitlines())


def stream(more: str) -> str:
    return SIMPLE + "".join(f"    {line}\n" for line in more.splitlines())


def root(more: str) -> str:
    return SIMPLE + more


PAGER = "paginator: {type: DefaultPaginator, pagination_strategy: %s}"
CURSOR = "incremental_sync: {type: DatetimeBasedCursor, cursor_field: a, datetime_format: '%%Y', start_datetime: %s}"
MISTAKES: list[tuple[str, str, str, str]] = [
    # credentials
    (requester("authenticator: {type: ApiKeyAuthenticator, api_token: t}"), "missing_field", f"{REQ}/authenticator/inject_into", "header"),
    (requester("authenticator: {type: ApiKeyAuthenticator, api_token: t, inject_into: {inject_into: heder, field_name: X}}"), "wrong_value", f"{REQ}/authenticator/inject_into/inject_into", "did you mean 'header'?"),
    (requester("authenticator: {type: JwtAuthenticator}"), "not_supported", f"{REQ}/authenticator/type", "signed tokens"),
    (requester("authenticator: {type: BearerAuthenticator}"), "missing_field", f"{REQ}/authenticator/api_token", "needed"),
    (requester("authenticator: {type: SelectiveAuthenticator, authenticator_selection_path: [a], authenticators: {x: 5}}"), "wrong_value", f"{REQ}/authenticator/authenticators/x", "an authenticator"),
    (requester("authenticator: {type: SelectiveAuthenticator, authenticator_selection_path: [a], authenticators: 7}"), "wrong_value", f"{REQ}/authenticator/authenticators", "a mapping"),
    # bodies, fields, urls
    (requester("request_body_json: [1]"), "wrong_value", f"{REQ}/request_body_json", "a mapping"),
    (requester("request_body: {type: RequestBodyJsonObject}"), "missing_field", f"{REQ}/request_body/value", "needed"),
    (requester("request_body: {type: RequestBodyGraphQL, value: {}}"), "missing_field", f"{REQ}/request_body/value/query", "query"),
    (requester("request_body: {type: RequestBodyXml, value: {}}"), "unknown_component", f"{REQ}/request_body/type", "RequestBody"),
    (requester("request_parameters: {f: {type: QueryProperties, property_list: [a]}}"), "not_supported", f"{REQ}/request_parameters/f", "lists of properties"),
    (requester("request_headers: {f: {a: b}}"), "wrong_value", f"{REQ}/request_headers/f", "a text"),
    (requester("http_method: G T"), "wrong_value", f"{REQ}/http_method", "a method"),
    (SIMPLE.replace(', url: "https://x.test"', ""), "missing_field", f"{REQ}/url", "url_base and path"),
    (requester("query_properties: {type: QueryProperties}"), "not_supported", f"{REQ}/query_properties", "lists of properties"),
    (requester("error_handler: {backoff_strategies: [{type: ConstantBackoffStrategy, backoff_time_in_seconds: soon}]}"), "wrong_value", f"{REQ}/error_handler/backoff_strategies/0/backoff_time_in_seconds", "a number"),
    (requester("error_handler: {backoff_strategies: [{type: WaitTimeFromHeader, header: A, regex: 'x'}]}"), "ignored", f"{REQ}/error_handler/backoff_strategies/0/regex", "whole"),
    (requester("error_handler: {backoff_strategies: [{type: CustomBackoffStrategy, class_name: a.B}]}"), "not_supported", f"{REQ}/error_handler/backoff_strategies/0", "class path"),
    (requester("error_handler: {response_filters: [{http_codes: [404]}]}"), "ignored", f"{REQ}/error_handler/response_filters/0", "changes nothing"),
    (requester("error_handler: {response_filters: [{action: RETRY}]}"), "ignored", f"{REQ}/error_handler/response_filters/0", "never matches"),
    (requester("error_handler: {response_filters: [{action: FAIL, http_codes: [400], failure_type: odd}]}"), "wrong_value", f"{REQ}/error_handler/response_filters/0/failure_type", "config_error"),
    (requester("error_handler: {type: CompositeErrorHandler}"), "missing_field", f"{REQ}/error_handler/error_handlers", "needed"),
    # pages
    (retriever("paginator: {type: DefaultPaginator, page_size_option: {inject_into: header, field_name: S}, pagination_strategy: {type: OffsetIncrement}}"), "missing_field", f"{AT}/paginator/pagination_strategy/page_size", "page_size_option"),
    (retriever("paginator: {type: DefaultPaginator, page_token_option: {type: RequestOption, inject_into: header}, pagination_strategy: {type: OffsetIncrement, page_size: 5}}"), "missing_field", f"{AT}/paginator/page_token_option/field_name", "called"),
    (retriever(PAGER % "{type: PageIncrement, page_size: -1}"), "wrong_value", f"{AT}/paginator/pagination_strategy/page_size", "at least 1"),
    (retriever(PAGER % "{type: PageIncrement, inject_on_first_request: perhaps}"), "wrong_value", f"{AT}/paginator/pagination_strategy/inject_on_first_request", "true or false"),
    (requester("request_parameters: {p: 1}").replace("field_path: [items]}}", "field_path: [items]}}\n      paginator: {type: DefaultPaginator, page_token_option: {type: RequestOption, inject_into: request_parameter, field_name: p}, pagination_strategy: {type: OffsetIncrement, page_size: 5}}"), "wrong_value", f"{AT}/paginator/page_token_option", "has it already"),
    (requester("request_body_data: {a: b}").replace("field_path: [items]}}", "field_path: [items]}}\n      paginator: {type: DefaultPaginator, page_token_option: {type: RequestOption, inject_into: body_json, field_name: p}, pagination_strategy: {type: OffsetIncrement, page_size: 5}}"), "wrong_value", f"{AT}/paginator/page_token_option", "another form"),
    # slices
    (stream("incremental_sync: {type: IncrementingCountCursor, cursor_field: a}"), "not_supported", "/streams/0/incremental_sync/type", "not supported"),
    (stream(CURSOR % "{type: MinMaxDatetime}"), "missing_field", "/streams/0/incremental_sync/start_datetime/datetime", "needed"),
    (stream(CURSOR % "{type: Nonsense}"), "unknown_component", "/streams/0/incremental_sync/start_datetime/type", "MinMaxDatetime"),
    (stream((CURSOR % "'2024'").replace("}", ", step: P1D}")), "ignored", "/streams/0/incremental_sync/step", "one second"),
    (stream((CURSOR % "'2024'").replace("}", ", clamping: {target: DAY}}")), "not_supported", "/streams/0/incremental_sync/clamping", "windows"),
    (retriever("partition_router: [{type: ListPartitionRouter, values: [a], cursor_field: x}, {type: ListPartitionRouter, values: [b], cursor_field: y}]"), "not_supported", f"{AT}/partition_router/1", "products"),
    (retriever("partition_router: {type: SubstreamPartitionRouter}"), "missing_field", f"{AT}/partition_router/parent_stream_configs", "needed"),
    (retriever("partition_router: {type: SubstreamPartitionRouter, parent_stream_configs: [{}, {}]}"), "not_supported", f"{AT}/partition_router/parent_stream_configs/1", "one parent"),
    (retriever("partition_router: {type: GroupingPartitionRouter}"), "not_supported", f"{AT}/partition_router/type", "not supported"),
    (retriever("partition_router: 5"), "wrong_value", f"{AT}/partition_router", "a list of components"),
    (retriever("partition_router: [5]"), "wrong_value", f"{AT}/partition_router/0", "a mapping"),
    # records
    (SIMPLE.replace("field_path: [items]", "field_path: ['**']"), "not_supported", f"{AT}/record_selector/extractor/field_path/0", "one level"),
    (SIMPLE.replace("field_path: [items]", "field_path: [a], record_expander: {x: 1}"), "not_supported", f"{AT}/record_selector/extractor/record_expander", "unfolded"),
    (SIMPLE.replace("field_path: [items]}}", "field_path: [items]}, record_filter: {condition: ''}}"), "wrong_value", f"{AT}/record_selector/record_filter/condition", "drops every record"),
    (SIMPLE.replace("field_path: [items]}}", "field_path: [items]}, schema_normalization: Default}"), "ignored", f"{AT}/record_selector/schema_normalization", "no schema"),
    (SIMPLE.replace("field_path: [items]}}", "field_path: [items]}, schema_normalization: Odd}"), "wrong_value", f"{AT}/record_selector/schema_normalization", "Default or None"),
    (SIMPLE.replace("field_path: [items]}}", "field_path: [items]}, schema_normalization: {class_name: x}}"), "not_supported", f"{AT}/record_selector/schema_normalization", "Default or None"),
    (SIMPLE.replace("{field_path: [items]}", "{type: CustomRecordExtractor, class_name: a.B}"), "not_supported", f"{AT}/record_selector/extractor", "class path"),
    (stream("transformations: [{type: AddFields, fields: [{path: [a], value: 1, value_type: int}]}]"), "wrong_value", "/streams/0/transformations/0/fields/0/value_type", "did you mean 'integer'?"),
    (stream("transformations: [{type: DpathFlattenFields, field_path: [a]}]"), "not_supported", "/streams/0/transformations/0/type", "AddFields"),
    (stream("transformations: [{type: RecordFilter, condition: x}]"), "unknown_component", "/streams/0/transformations/0/type", "known"),
    (stream("schema_loader: {type: InlineSchemaLoader, schema: 5}"), "wrong_value", "/streams/0/schema_loader/schema", "a JSON schema"),
    (stream("schema_loader: {}"), "not_supported", "/streams/0/schema_loader", "InlineSchemaLoader"),
    (stream("file_uploader: {type: FileUploader}"), "not_supported", "/streams/0/file_uploader", "files"),
    (retriever("decoder: {type: CompositeRawDecoder}"), "missing_field", f"{AT}/decoder/parser", "needed"),
    (retriever("decoder: {type: GzipDecoder, decoder: {type: JsonItemsDecoder, items_path: a}}"), "not_supported", f"{AT}/decoder/decoder/type", "JsonDecoder"),
    # the root
    (root("type: Source\n"), "unknown_component", "/type", "DeclarativeSource"),
    (SIMPLE.replace("version: 6.0.0\n", ""), "missing_field", "/version", "needed"),
    (SIMPLE.replace("streams:\n", "streams:\n  - {type: StateDelegatingStream}\n"), "not_supported", "/streams/0/type", "incremental"),
    (SIMPLE + SIMPLE[SIMPLE.index("  - name") :], "wrong_value", "/streams/1/name", "another stream"),
    (SIMPLE.replace("[rows]}", "[rows], config_overrides: {a: 1}}"), "not_supported", "/check/config_overrides", "not supported"),
    (root("api_budget: {policies: [{type: FixedWindowCallRatePolicy, period: soon, call_limit: 5, matchers: []}]}\n"), "wrong_value", "/api_budget/policies/0/period", "ISO 8601"),
    (root("api_budget: {policies: [{type: UnlimitedCallRatePolicy, matchers: [{url_path_pattern: '('}]}]}\n"), "wrong_value", "/api_budget/policies/0/matchers/0/url_path_pattern", ""),
    (root("api_budget: {policies: [{type: UnlimitedCallRatePolicy, matchers: [{params: {a: b}}]}]}\n"), "not_supported", "/api_budget/policies/0/matchers/0/params", "method and URL"),
    (root("stream_groups: {a: {streams: []}}\n"), "ignored", "/stream_groups", "api_budget"),
    (root("spec: 5\n"), "wrong_value", "/spec", "a component"),
    # references
    (requester("request_headers: {$ref: '#/definitions/h'}") + "definitions: {h: {a: '#/definitions/h'}}\n", "wrong_value", "/definitions/h", "a text"),
    (SIMPLE.replace('requester: {type: HttpRequester, url: "https://x.test"}', "requester: '#/streams/1'"), "undefined_reference", REQ, "known: 0"),
    (SIMPLE.replace('requester: {type: HttpRequester, url: "https://x.test"}', "requester: '#/version/x'"), "undefined_reference", REQ, ""),
    (stream("$parameters: 5"), "wrong_value", "/streams/0/$parameters", "a mapping"),
    (requester("error_handler: '#/definitions/h'") + "definitions: {h: {type: CompositeErrorHandler, error_handlers: ['#/definitions/h']}}\n", "circular_reference", "/definitions/h", ""),
    (stream("schema_loader: {type: InlineSchemaLoader, schema: {type: object, properties: {a: '#/definitions/s'}}}") + "definitions: {s: {b: '#/definitions/s'}}\n", "circular_reference", "/definitions/s/b", ""),
    # asynchronous
    (ASYNC.replace("creation_requester", "creation"), "missing_field", f"{AT}/creation_requester", "creation"),
    (ASYNC.replace("status_mapping: {running: [a], completed: [b], failed: [], timeout: []}", ""), "missing_field", f"{AT}/status_mapping", "needed"),
    (ASYNC.replace("failed: []", "failed: [[a]]"), "wrong_value", f"{AT}/status_mapping/failed/0", "a text"),
    (ASYNC.replace("/c'}", "/c', x-jobstream: {idempotency_key: K, lookup: {requester: {}, match: {path: [a], value: b}}}}"), "wrong_value", f"{AT}/creation_requester/x-jobstream", "take the key"),
    (ASYNC.replace("/c'}", "/c', request_headers: {k: v}, x-jobstream: {idempotency_key: K}}"), "wrong_value", f"{AT}/creation_requester/x-jobstream/idempotency_key", "has it already"),
    (ASYNC.replace("/c'}", "/c', x-jobstream: {lookup: {requester: {type: Odd}, match: {path: [a], value: b}}}}"), "unknown_component", f"{AT}/creation_requester/x-jobstream/lookup/requester/type", "HttpRequester"),
    (ASYNC.replace("/c'}", "/c', x-jobstream: {lookup: {requester: {type: HttpRequester, url: 'https://x.test'}, match: {path: [a]}}}}"), "missing_field", f"{AT}/creation_requester/x-jobstream/lookup/match/value", "needed"),
    ("[1]", "wrong_value", "", "a manifest is a mapping"),
    (SIMPLE.replace(', stream_names: [rows]', '').replace("CheckStream", "CheckOdd"), "unknown_component", "/check/type", "CheckStream"),
    (requester("http_method: null, request_parameters: {}, authenticator: 5"), "wrong_value", f"{REQ}/authenticator", "a component"),
    (SIMPLE.replace("{extractor: {field_path: [items]}}", "{extractor: {field_path: [items]}, record_filter: {type: CustomRecordFilter, class_name: a.B}}"), "not_supported", f"{AT}/record_selector/record_filter", "class path"),
    (retriever("x-jobstream: 5"), "wrong_value", f"{AT}/x-jobstream", "a mapping"),
    (retriever("x-jobstream: {attempts: 0}"), "wrong_value", f"{AT}/x-jobstream/attempts", ">= 1"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "code", "at", "hint"), MISTAKES, ids=[f"{m[2].rpartition('/')[2]}-{m[1]}-{i}" for i, m in enumerate(MISTAKES)]
)
def test_it_is_told(text: str, code: str, at: str, hint: str) -> None:
    findings = made(text).findings
    assert any((f.code, f.at) == (code, at) and hint in f.hint for f in findings), [str(f) for f in findings]


def test_the_config_must_choose_one_of_the_authenticators() -> None:
    text = requester(
        "authenticator: {type: SelectiveAuthenticator, authenticator_selection_path: [a, b], authenticators: {x: {type: NoAuth}}}"
    )
    assert made(text, {"a": {"b": "x"}}).findings == () and made(text).findings == ()
    assert [f.hint for f in made(text, {"a": {"b": "y"}}).findings] == ["the config chooses known: x"]


def test_a_template_that_needs_more_than_the_config_is_told_where_a_value_is_needed_now() -> None:
    text = requester("error_handler: {max_retries: \"{{ record['n'] }}\"}")
    assert [(f.code, "only config" in f.hint) for f in made(text, {}).findings] == [("wrong_value", True)]
    assert (
        made(requester("error_handler: {max_retries: \"{{ config['n'] }}\"}"), {"n": "many"}).findings[0].code == "wrong_value"
    )


def test_what_may_be_left_out_or_written_otherwise() -> None:
    for text in (
        requester("request_headers: '', request_parameters: null, authenticator: null"),
        SIMPLE.replace("[rows]}", "[]}"),
        SIMPLE.replace(
            "check: {type: CheckStream, stream_names: [rows]}", "check: {type: CheckDynamicStream, stream_count: 1}"
        ),
        requester("$parameters: {a/b: 1}, request_headers: {x: '#/definitions/a/b'}") + "definitions: {a/b: y}\n",
        retriever("paginator: {}"),
        requester("request_body_data: '{{ config.x }}', http_method: post"),
        SIMPLE.replace("https://x.test", "https://[x.test"),
        requester("authenticator: {type: BearerAuthenticator, api_token: '{{ config.k }}'}").replace(
            "https://x.test", "https://{{ 1 / 0 }}/x"
        ),
        stream("schema_loader: [{type: InlineSchemaLoader}, {type: InlineSchemaLoader, schema: {type: object}}]"),
    ):
        assert made(text).findings == (), text


def test_names_of_sources() -> None:
    names = {
        "shop.yaml": "shop",
        "a/shop/manifest.yaml": "shop",
        "manifest.yaml": "manifest",
        "C:\\x\\shop\\manifest.yaml": "shop",
        "": "source",
        "x": "x",
    }
    assert {n: named(n) for n in names} == names


def test_the_specification_alone() -> None:
    assert spec_of(SIMPLE) == {"connectionSpecification": {"type": "object", "properties": {}}}
    text = (
        SIMPLE
        + "spec: {$ref: '#/definitions/s'}\ndefinitions: {s: {connection_specification: {title: T}, documentation_url: 'https://d.test', advanced_auth: {a: 1}}}\n"
    )
    assert spec_of(text) == {
        "connectionSpecification": {"title": "T"},
        "documentationUrl": "https://d.test",
        "advanced_auth": {"a": 1},
    }
    with pytest.raises(DocumentError):
        spec_of("a: [")


def test_a_manifest_may_be_json() -> None:
    import json

    import yaml

    one = load("m.json", json.dumps(yaml.safe_load(SIMPLE), indent=1), Catalog(), now=lambda: 0.0)
    assert one.findings == () and one.plan.streams == made(SIMPLE).plan.streams
    assert [
        f.line
        for f in load("m.json", '{\n"version": "1",\n"streems": []}', Catalog(), now=lambda: 0.0).findings
        if f.code == "unknown_field"
    ] == [3]


def test_few_things_at_the_rim() -> None:
    months = root("api_budget: {policies: [{type: FixedWindowCallRatePolicy, period: P1M, call_limit: 5, matchers: []}]}\n")
    assert made(months).plan.budgets["budget1"].per == 86400.0 * 30
    none = root("api_budget: {policies: [{type: FixedWindowCallRatePolicy, call_limit: 5, matchers: []}]}\n")
    assert [f.code for f in made(none).findings] == ["missing_field"]
    one = made(requester("error_handler: {max_retries: true}, use_cache: true"))
    assert [f.code for f in one.faults] == ["wrong_value"] and [f.code for f in one.warnings] == ["ignored"]
    when = stream('transformations: [{type: AddFields, fields: [{path: [a], value: 1}], condition: "record.x"}]')
    assert made(when).plan.streams[0].records.transforms[0].options["when"] == "{{ record.x }}"
    asked = made(requester("path: \"{{ config['p'] }}\""), {"p": "a"}).plan.streams[0].retrieval.fetch.exchange
    assert asked is not None and asked.request.url == "https://x.test/{{ config['p'] }}"
    assert made(root("spec: {connection_specification: {properties: [1]}}\n")).plan.secrets == ()
    assert made(root("spec: {connection_specification: 5}\n"), {"a": 1}).config == {"a": 1}
    assert made(root("spec: {connection_specification: {properties: {a: 5}}}\n"), {}).findings == ()


def test_a_secret_in_the_text_is_told_but_no_reason_not_to_run() -> None:
    one = made(requester("authenticator: {type: BasicHttpAuthenticator, username: '{{ config.key }}', password: x}"))
    assert one.faults == () and [(f.code, f.at) for f in one.warnings] == [("literal_secret", f"{REQ}/authenticator/password")]
