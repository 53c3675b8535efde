"""What a manifest says, in the plan's words: one small statement a test."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from jobstream.components.catalog import Catalog
from jobstream.dialects.airbyte.load import load
from jobstream.plan.exchange import RETRY_AFTER, Exchange, Name, Read, Rule, Wait
from jobstream.plan.source import SourcePlan
from jobstream.plan.stream import StreamPlan

REQUEST = "type: HttpRequester, url: 'https://x.test/jobs'"
ASYNC = """\
version: 6.0.0
check: {type: CheckStream, stream_names: [rows]}
%s
streams:
  - name: rows
%s
    retriever:
      type: AsyncRetriever
      record_selector: {extractor: {field_path: [fallback]}}
      status_extractor: {field_path: [job, state]}
      status_mapping: {running: [RUN], completed: [DONE], failed: [ERR], timeout: [LATE], skipped: [NONE]}
      creation_requester: {type: HttpRequester, url: "https://x.test/jobs", http_method: POST%s}
      polling_requester: {type: HttpRequester, url: "https://x.test/jobs/{{ creation_response['id'] }}"}
      download_requester: {type: HttpRequester, url: "https://x.test/jobs/{{ creation_response['id'] }}/rows"}
%s
"""


def plan(text: str, config: Any = None, *, clean: bool = True) -> SourcePlan:
    made = load("m.yaml", text, Catalog(), config=config, now=lambda: 1.77e9)
    said = [str(f) for f in made.findings if f.code not in ("literal_secret", "unsafe")]
    assert not clean or said == []
    return made.plan


def asynchronous(
    *, root: str = "", stream: str = "", create: str = "", more: str = "", config: Any = None, clean: bool = True
) -> StreamPlan:
    indented = "\n".join("      " + line for line in more.splitlines())
    return plan(
        ASYNC % (root, "\n".join("    " + line for line in stream.splitlines()), f", {create}" if create else "", indented),
        config,
        clean=clean,
    ).streams[0]


def created(create: str, **k: Any) -> Exchange:
    made = asynchronous(create=create, **k).retrieval.create
    assert made is not None
    return made


SIMPLE = """\
version: 6.0.0
check: {type: CheckStream, stream_names: [rows]}
streams:
  - name: rows
    retriever:
      requester: {type: HttpRequester%s}
      record_selector: {extractor: {field_path: [items]}}
%s
"""


def simple(requester: str, more: str = "", *, stream: str = "", config: Any = None, clean: bool = True) -> StreamPlan:
    indented = (
        "\n".join("      " + line for line in more.splitlines())
        + "\n"
        + "\n".join("    " + line for line in stream.splitlines())
    )
    return plan(SIMPLE % (f", {requester}", indented), config, clean=clean).streams[0]


def request(requester: str, more: str = "", **k: Any) -> dict[str, Any]:
    ex = simple(requester, more, **k).retrieval.fetch.exchange
    assert ex is not None
    return {f: getattr(ex.request, f) for f in ex.request.__struct_fields__}


def brief(rules: tuple[Rule, ...]) -> list[tuple[Any, ...]]:
    return [
        (r.then, *r.when.codes, *([r.when.holds] if r.when.holds else []), *([r.when.contains] if r.when.contains else []))
        for r in rules
    ]


# --- asynchronous


def test_the_defaults_of_an_asynchronous_stream() -> None:
    r = asynchronous().retrieval
    assert r.poll is not None and r.poll.status is not None and r.create is not None
    assert (r.poll.first, r.poll.waits, r.poll.deadline) == (0.0, (RETRY_AFTER, Wait(first=5.0, jitter=0.0)), 3600)
    assert r.poll.status.map == {"RUN": "running", "DONE": "completed", "ERR": "failed", "LATE": "timed_out", "NONE": "skipped"}
    assert (
        r.poll.status.value == Read(("job", "state"), falsy="drop")
        and r.poll.status.spelling == "python"
        and r.poll.status.unknown == "halt"
    )
    assert (r.policy.attempts, r.policy.doubt, r.policy.slots) == (3, "again", "async")
    assert r.job_id == Read(("id",), falsy="drop")
    assert brief(r.create.rules[0]) == [("doubt", "5xx", "lost")]


def test_the_slots_of_a_source() -> None:
    def slots(said: str, config: Any = None) -> int:
        return plan(ASYNC % (said, "", "", ""), config).slots["async"]

    assert [slots(""), slots("max_concurrent_async_job_count: 0"), slots("max_concurrent_async_job_count: '7'")] == [1, 1, 7]
    text = "max_concurrent_async_job_count: \"{{ config.get('n', 4) }}\""
    assert [slots(text), slots(text, {}), slots(text, {"n": 9})] == [1, 4, 9]


@pytest.mark.seed("B31", "B33")
def test_the_download_extractor_selects_and_without_it_the_record_selector() -> None:
    assert asynchronous().records.select.path == ("fallback",)
    assert asynchronous(more="download_extractor: {field_path: [data, '*']}").records.select.path == ("data", "*")
    assert asynchronous(more="download_extractor: {field_path: []}").records.select.path == ()


def test_the_file_extractor_is_csv_with_its_null_words() -> None:
    made = asynchronous(more="download_extractor: {type: ResponseToFileExtractor}").records.decoder
    assert made.name == "csv" and "N/A" in made.options["nulls"]
    made = asynchronous(more="download_extractor: {type: ResponseToFileExtractor, preserve_na_values: true}").records.decoder
    assert made.options["nulls"] == [""]


@pytest.mark.seed("B11", "B12", "B30")
def test_one_format_reads_both_small_answers_and_another_the_download() -> None:
    s = asynchronous(
        more="decoder: {type: XmlDecoder}\ndownload_decoder: {type: JsonlDecoder}\ndelete_requester: {type: HttpRequester, url: 'https://x.test/d', http_method: DELETE}"
    )
    r = s.retrieval
    assert r.create is not None and r.poll is not None
    small = [r.create, r.poll.exchange, *r.delete]
    assert [e.reading.decoder.name for e in small if e.reading.decoder] == ["xml"] * 3
    assert s.records.decoder.name == "jsonl" and r.fetch.exchange is not None and r.fetch.exchange.reading.decoder is None
    assert asynchronous(more="decoder: {type: JsonDecoder}").retrieval.poll.exchange.reading.decoder is None  # type: ignore[union-attr]


@pytest.mark.seed("B25", "B28")
def test_a_link_that_was_found_is_renewed_and_kept_secret_an_id_is_not() -> None:
    def fetch(url: str) -> tuple[Any, Any]:
        text = ASYNC.replace("https://x.test/jobs/{{ creation_response['id'] }}/rows", url) % (
            "",
            "",
            "",
            "      download_target_extractor: {field_path: [urls]}",
        )
        r = plan(text).streams[0].retrieval
        assert r.fetch.exchange is not None
        return r.targets[0], brief(r.fetch.exchange.rules[0])

    target, rules = fetch("{{ download_target }}")
    assert target.read == Read(("urls",), falsy="drop", secret=True) and target.none == "done"
    assert rules == [("relist", "401", "403", "404", "410"), ("relist", "400", "xpired")]
    target, rules = fetch("https://x.test/files/{{ download_target }}")
    assert not target.read.secret and rules == []


def test_the_targets_may_be_asked_for() -> None:
    r = asynchronous(more="download_target_extractor: {field_path: [url]}\n"
                     "download_target_requester: {type: HttpRequester, url: \"https://x.test/d/{{ polling_response['doc'] }}\"}").retrieval  # fmt: skip
    assert r.locate is not None and r.locate.exchange.request.url.startswith("https://x.test/d/")
    made = load(
        "m.yaml",
        ASYNC % ("", "", "", "      download_target_requester: {type: HttpRequester, url: 'https://x.test/d'}"),
        Catalog(),
        now=lambda: 0,
    )
    assert [(f.code, f.at.rpartition("/")[2]) for f in made.findings] == [("missing_field", "download_target_extractor")]


@pytest.mark.seed("B23")
def test_abort_delete_deadline_and_cool_down() -> None:
    r = asynchronous(config={"m": 2}, more="abort_requester: {type: HttpRequester, url: 'https://x.test/a', http_method: PATCH}\n"
                     "polling_job_timeout: \"{{ config['m'] }}\"\nfailed_retry_wait_time_in_seconds: '30'").retrieval  # fmt: skip
    assert [e.request.method for e in r.abort] == ["PATCH"] and r.poll is not None and r.poll.deadline == 120
    assert r.policy.attempt_waits == (Wait(first=30.0, jitter=0.0),) and "timed_out" in r.policy.abort_on


@pytest.mark.seed("B10", "B16", "B29")
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "REPORT"])
def test_any_method_goes_out(method: str) -> None:
    text = ASYNC.replace("http_method: POST", f"http_method: {method}") % ("", "", "", "")
    made = plan(text).streams[0].retrieval.create
    assert made is not None and made.request.method == method


@pytest.mark.seed("B15")
@pytest.mark.parametrize(
    "said",
    [
        "{{creation_response['id']}}",
        "{{ creation_response.id }}",
        "{{ creation_response.get('id') }}",
        '{{creation_response["id"]}}',
    ],
)
def test_the_handle_is_what_the_poll_takes_from_the_creation(said: str) -> None:
    text = ASYNC.replace(
        "{{ creation_response['id'] }}\"}\n      download", said.replace('"', '\\"') + '"}\n      download'
    ) % ("", "", "", "")
    assert plan(text).streams[0].retrieval.job_id == Read(("id",), falsy="drop")


def test_the_handle_may_be_deep_or_a_header() -> None:
    def handle(said: str) -> Any:
        return plan(ASYNC.replace("{{ creation_response['id'] }}", said) % ("", "", "", "")).streams[0].retrieval.job_id

    assert handle("{{ creation_response['result'][0]['exportId'] }}") == Read(("result", "0", "exportId"), falsy="drop")
    assert handle("{{ creation_response['headers']['Location'] }}") == Read(at="header", path=("Location",))
    assert handle("{{ stream_slice['id'] }}") is None


def test_the_request_is_kept_only_where_a_template_names_it() -> None:
    more = "abort_requester: {type: HttpRequester, url: 'https://x.test/a', request_headers: {P: \"%s\"}}"
    for said, kept in (("{{ creation_response.request.headers['P'] }}", True), ("{{ creation_response['request']['url'] }}", True),
                       ("{{ stream_slice.extra_fields['creation_response'].request.headers['P'] }}", True),
                       ("{{ creation_response['requests'] }}", False)):  # fmt: skip
        made = asynchronous(more=more % said).retrieval.create
        assert made is not None and made.reading.keep_request is kept, said


def test_options_of_cursor_and_router_are_ignored_and_told() -> None:
    stream = """\
incremental_sync:
  type: DatetimeBasedCursor
  cursor_field: at
  datetime_format: "%Y-%m-%d"
  start_datetime: "2024-01-01"
  start_time_option: {inject_into: request_parameter, field_name: since}"""
    text = ASYNC % ("", "\n".join("    " + x for x in stream.splitlines()), "",
                    "      partition_router: {type: ListPartitionRouter, values: [a], cursor_field: p, request_option: {inject_into: header, field_name: H}}")  # fmt: skip
    made = load("m.yaml", text, Catalog(), now=lambda: 0)
    assert [(f.code, f.grave, f.at.rpartition("/")[2]) for f in made.findings] == [
        ("ignored", False, "start_time_option"), ("ignored", False, "request_option"),
    ]  # fmt: skip
    request = made.plan.streams[0].retrieval.create
    assert request is not None and request.request.query == {}


# --- requests


@pytest.mark.seed("B9")
@pytest.mark.parametrize(("said", "url"), [
    ("url: 'https://x.test/a'", "https://x.test/a"),
    ("url_base: 'https://x.test', path: /a/b", "https://x.test/a/b"),
    ("url_base: 'https://x.test/v1', path: a", "https://x.test/v1/a"),
    ("url_base: 'https://x.test/v1/', path: //a", "https://x.test/v1/a"),
    ("url_base: 'https://x.test/v1'", "https://x.test/v1"),
    ("url: 'https://x.test/v1', path: a", "https://x.test/v1/a"),
    ("url_base: 'https://x.test', path: 'https://y.test/z'", "https://y.test/z"),
    ("url_base: 'https://x.test', url: 'https://z.test', path: a", "https://x.test/a"),
    ("url_base: \"{{ config['base'] }}\", path: a", "{{ config['base'] }}/a"),
])  # fmt: skip
def test_url_and_path_are_joined(said: str, url: str) -> None:
    assert request(said)["url"] == url


def test_a_path_that_may_be_absolute_is_asked_at_run_time() -> None:
    from jobstream.template.jinja import Jinja
    from jobstream.template.language import Scope

    url = request("url_base: 'https://x.test/v1/', path: \"{{ stream_partition['p'] }}/z\"")["url"]
    names = {"stream_partition": "slice.flat"}

    def rendered(p: str) -> str:
        return Jinja(names, lambda: 0.0).text(url, Scope({"slice": lambda: {"flat": {"p": p}}}))

    assert rendered("a/b") == "https://x.test/v1/a/b/z" and rendered("/a") == "https://x.test/v1/a/z"
    assert rendered("https://y.test") == "https://y.test/z"


@pytest.mark.parametrize(("said", "body"), [
    ("request_body_json: {a: '{{ config.x }}', b: null, c: [1, {d: true}]}", ("json", {"a": "{{ config.x }}", "c": [1, {"d": True}]})),
    ("request_body_json: '{\"a\": true}'", ("json", {"a": True})),
    ("request_body_json: \"{'a': 1}\"", ("json", {"a": 1})),
    ("request_body_json: \"{{ config['whole'] }}\"", ("json", "{{ config['whole'] }}")),
    ("request_body_data: {a: x}", ("form", {"a": "x"})),
    ("request_body_data: raw text", ("text", "raw text")),
    ("request_body: {type: RequestBodyJsonObject, value: {a: 1}}", ("json", {"a": 1})),
    ("request_body: {type: RequestBodyUrlEncodedForm, value: {a: x}}", ("form", {"a": "x"})),
    ("request_body: {type: RequestBodyPlainText, value: x}", ("text", "x")),
    ("request_body: {type: RequestBodyGraphQL, value: {query: 'query { x }', variables: null}}", ("json", {"query": "query { x }"})),
    ("request_options_provider: {request_body_json: {a: 1}}", ("json", {"a": 1})),
])  # fmt: skip
@pytest.mark.seed("B14")
def test_every_spelling_of_a_body(said: str, body: tuple[str, Any]) -> None:
    made = request(f"url: 'https://x.test', http_method: POST, {said}")["body"]
    assert (made.form, made.value) == body


@pytest.mark.seed("B14")
def test_parameters_and_headers_are_texts_as_python_spells_them() -> None:
    r = request(
        "url: 'https://x.test', request_parameters: {a: 5, b: true, c: '{{ config.x }}', d: ['1', 'x']}, request_headers: {'{{ parameters.h }}': v}, $parameters: {h: X-Y}"
    )
    assert r["query"] == {"a": "5", "b": "True", "c": "{{ config.x }}", "d": "['1', 'x']"} and r["headers"] == {"X-Y": "v"}


# --- $parameters


def test_parameters_are_inherited_and_lose_against_an_own_value_that_is_not_empty() -> None:
    text = (ASYNC % ("", "    $parameters: {http_method: PUT, polling_job_timeout: 7}", "", "")).replace(
        ", http_method: POST", ""
    )
    r = plan(text).streams[0].retrieval
    assert r.create is not None and r.poll is not None
    assert (r.create.request.method, r.poll.exchange.request.method, r.poll.deadline) == ("PUT", "PUT", 420)
    text = (ASYNC % ("", "    $parameters: {http_method: PUT}", "", "")).replace("http_method: POST", "http_method: ''")
    assert plan(text).streams[0].retrieval.create.request.method == "PUT"  # type: ignore[union-attr]


def test_a_parameter_of_a_fields_own_name_is_withheld_inside_it() -> None:
    text = ASYNC % ("", "    $parameters: {creation_requester: {url: 'https://y.test'}}", "", "")
    assert plan(text).streams[0].retrieval.create.request.url == "https://x.test/jobs"  # type: ignore[union-attr]


@pytest.mark.parametrize(("text", "bound"), [
    ("{{ parameters['a'] }}/{{ config.x }}", "https://x.test/A/{{ config.x }}"),
    ("{{parameters.a}}", "https://x.test/A"),
    ("{{ parameters.get('a') }}{{ parameters.none }}", "https://x.test/A"),
    ("{{ parameters.a | lower }}", "{% set parameters = {'a': 'A', 'deep': {'b': 1}} %}https://x.test/{{ parameters.a | lower }}"),
    ("{{ parameters.deep.b }}", "https://x.test/1"),
])  # fmt: skip
def test_parameters_are_put_into_the_text(text: str, bound: str) -> None:
    assert request(f'url: "https://x.test/{text}", $parameters: {{a: A, deep: {{b: 1}}}}')["url"] == bound


# --- credentials


@pytest.mark.seed("B13", "B27")
@pytest.mark.parametrize(("said", "name", "options"), [
    ("{type: BearerAuthenticator, api_token: t}", "bearer", {"token": "t"}),
    ("{type: BasicHttpAuthenticator, username: u, password: p}", "basic", {"user": "u", "password": "p"}),
    ("{type: ApiKeyAuthenticator, api_token: t, header: X-Key}", "api_key", {"token": "t", "name": "X-Key"}),
    ("{type: ApiKeyAuthenticator, api_token: t, inject_into: {type: RequestOption, inject_into: request_parameter, field_name: k}}",
     "api_key", {"token": "t", "name": "k", "into": "query"}),
    ("{type: ApiKeyAuthenticator, api_token: t, inject_into: {inject_into: body_json, field_path: [a, k]}}",
     "api_key", {"token": "t", "name": "", "into": "body_json", "path": ["a", "k"]}),
    ("{type: OAuthAuthenticator, token_refresh_endpoint: 'https://x.test/t', client_id: c, client_secret: s, refresh_token: r, scopes: [a, b], "
     "refresh_request_body: {x: '1'}, access_token_name: at, grant_type: refresh_token}", "oauth",
     {"scopes_name": "scopes", "token_url": "https://x.test/t", "client_id": "c", "client_secret": "s", "refresh_token": "r", "scopes": ["a", "b"],
      "body": {"x": "1"}, "access_token_name": "at", "grant": "refresh_token"}),
    ("{type: OAuthAuthenticator, token_refresh_endpoint: 'https://x.test/t', client_id: c, client_secret: s, "
     "refresh_token_updater: {refresh_token_config_path: [a, r], refresh_token_name: rt}}", "oauth",
     {"scopes_name": "scopes", "token_url": "https://x.test/t", "client_id": "c", "client_secret": "s",
      "refresh_token": "{{ config['a']['r'] }}", "new_refresh_token_name": "rt"}),
    ("{type: SelectiveAuthenticator, authenticator_selection_path: [how], authenticators: {a: {type: BearerAuthenticator, api_token: x}, "
     "b: {type: BasicHttpAuthenticator, username: u}}}", "basic", {"user": "u"}),
])  # fmt: skip
def test_authenticators(said: str, name: str, options: dict[str, Any]) -> None:
    made = plan(SIMPLE % (f", url: 'https://x.test', authenticator: {said}", ""), {"how": "b"})
    assert [(c.name, c.options) for c in made.auth.values()] == [(name, options)]
    assert made.streams[0].retrieval.fetch.exchange.request.auth == "auth1"  # type: ignore[union-attr]


def test_no_credentials_and_equal_ones_share_a_name() -> None:
    assert plan(SIMPLE % (", url: 'https://x.test', authenticator: {type: NoAuth}", "")).auth == {}
    text = ASYNC.replace("HttpRequester,", "HttpRequester, authenticator: {type: BearerAuthenticator, api_token: k},") % (
        "",
        "",
        "",
        "",
    )
    assert list(plan(text).auth) == ["auth1"]


@pytest.mark.parametrize(("url", "config", "hosts", "anywhere"), [
    ("https://x.test:8443/a", None, ("x.test",), False),
    ("https://{{ config['domain'] }}.x.test/a", None, ("https://{{ config['domain'] }}.x.test",), False),
    ("https://{{ config['domain'] }}.x.test/a", {"domain": "eu"}, ("eu.x.test",), False),
    ("{{ config['base'] }}/a", {"base": "https://y.test/v1"}, ("y.test",), False),
    ("{{ config['base'] }}/a", None, ("{{ config['base'] }}",), False),
    ("{{ stream_slice['url'] }}", None, (), True),
    ("https://x.test/{{ stream_slice['id'] }}", None, ("x.test",), False),
])  # fmt: skip
def test_credentials_go_to_the_hosts_that_are_named_for_them(
    url: str, config: Any, hosts: tuple[str, ...], anywhere: bool
) -> None:
    made = plan(SIMPLE % (f', url: "{url}", authenticator: {{type: BearerAuthenticator, api_token: t}}', ""), config)
    assert made.hosts == hosts
    assert made.streams[0].retrieval.fetch.exchange.request.anywhere is anywhere  # type: ignore[union-attr]


def test_secrets_are_found_also_in_branches() -> None:
    text = SIMPLE % (
        ", url: 'https://x.test'",
        """\
spec:
  connection_specification:
    properties:
      a: {type: string, airbyte_secret: true}
      b: {oneOf: [{properties: {c: {airbyte_secret: true}}}, {properties: {d: {type: string}, c: {airbyte_secret: true}}}]}""",
    )
    assert plan(text).secrets == ("a", "b.c")


# --- errors


@pytest.mark.parametrize(("filter", "rules"), [
    ("{http_codes: [404], action: IGNORE}", [("skipped", "404")]),
    ("{http_codes: [200, 404], action: IGNORE}", [("accept", "200"), ("skipped", "404")]),
    ("{http_codes: [500], action: RETRY}", [("retry", "500")]),
    ("{http_codes: [418], action: SUCCESS}", [("accept", "418")]),
    ("{http_codes: [503], action: RATE_LIMITED}", [("throttled", "503")]),
    ("{http_codes: [401], action: REFRESH_TOKEN_THEN_RETRY}", [("sign", "401")]),
    ("{http_codes: [400], action: RESET_PAGINATION}", [("restart", "400")]),
    ("{http_codes: [400], action: FAIL, failure_type: config_error}", [("halt", "400")]),
    ("{http_codes: [403], action: FAIL, failure_type: system_error}", [("stop", "403")]),
    ("{http_codes: [400, 403], action: FAIL}", [("halt", "403"), ("stop", "400")]),
    ("{predicate: \"{{ response.code == 7 }}\", action: FAIL}",
     [("halt", "401", "403", "{{ response.code == 7 }}"), ("stop", "{{ response.code == 7 }}")]),
    ("{predicate: \"'x' in response\", action: RETRY}", [("retry", "{{ 'x' in response }}")]),
    ("{http_codes: [400], error_message_contains: busy, action: RETRY}", [("retry", "400"), ("retry", "400-599", "busy")]),
])  # fmt: skip
def test_response_filters(filter: str, rules: list[tuple[Any, ...]]) -> None:
    ex = simple(f"url: 'https://x.test', error_handler: {{response_filters: [{filter}]}}").retrieval.fetch.exchange
    assert ex is not None and brief(ex.rules[0]) == rules


def test_the_authors_filters_stand_before_doubt_and_say_why() -> None:
    made = created(
        "error_handler: {response_filters: [{http_codes: [429, 503], action: RETRY, error_message: 'busy {{ response.x }}'}]}"
    )
    assert (
        brief(made.rules[0]) == [("retry", "429", "503"), ("doubt", "5xx", "lost")]
        and made.rules[0][0].say == "busy {{ response.x }}"
    )


def test_composite_handlers_are_lists_and_share_their_waits() -> None:
    made = created("error_handler: {type: CompositeErrorHandler, error_handlers: ["
                   "{response_filters: [{http_codes: [429], action: RETRY}], max_retries: 2, backoff_strategies: [{type: ConstantBackoffStrategy, backoff_time_in_seconds: 9}]},"
                   "{type: CompositeErrorHandler, error_handlers: [{response_filters: [{http_codes: [500], action: FAIL}], max_retries: 7}]}]}")  # fmt: skip
    assert [brief(r) for r in made.rules] == [
        [("retry", "429"), ("stop", "500"), ("doubt", "5xx", "lost")], [("stop", "500"), ("doubt", "5xx", "lost")],
    ], "what stands behind, stands behind the filters of all handlers"  # fmt: skip
    assert made.retries == 2
    assert made.waits == (RETRY_AFTER, Wait(first=9.0, jitter=0.0), Wait(first=1.0, factor=2.0, most=60.0))


@pytest.mark.parametrize(("said", "wait"), [
    ("{type: ConstantBackoffStrategy, backoff_time_in_seconds: '{{ config.s }}'}", Wait(first=4.0, jitter=0.0)),
    ("{type: ConstantBackoffStrategy, backoff_time_in_seconds: 10, jitter_range_in_seconds: 2}", Wait(first=10.0, jitter=0.4)),
    ("{type: ExponentialBackoffStrategy, factor: 3}", Wait(first=6.0, factor=2.0, jitter=0.0)),
    ("{type: ExponentialBackoffStrategy}", Wait(first=10.0, factor=2.0, jitter=0.0)),
    ("{type: WaitTimeFromHeader, header: X-Wait, max_waiting_time_in_seconds: 30}", Wait(read=Read(at="header", path=("X-Wait",)), most=30.0, jitter=0.0)),
    ("{type: WaitUntilTimeFromHeader, header: X-Reset, min_wait: 5}", Wait(read=Read(at="header", path=("X-Reset",)), unit="epoch", least=5.0, jitter=0.0)),
])  # fmt: skip
def test_backoff_strategies(said: str, wait: Wait) -> None:
    made = created(f"error_handler: {{backoff_strategies: [{said}]}}", config={"s": 4})
    assert wait in made.waits and (RETRY_AFTER in made.waits) is (wait.read is None)


# --- records


def test_decoders_nest_and_a_composite_is_its_parser() -> None:
    def decoder(said: str) -> Any:
        return asynchronous(more=f"download_decoder: {said}").records.decoder

    made = decoder(
        "{type: GzipDecoder, decoder: {type: ZipfileDecoder, decoder: {type: CsvDecoder, delimiter: '\\t', encoding: latin-1, set_values_to_none: ['', '--']}}}"
    )
    inner = made.options["inner"]["options"]["inner"]
    assert (made.name, made.options["inner"]["name"], inner["name"]) == ("gzip", "zip", "csv")
    assert inner["options"] == {
        "ragged": "pad",
        "duplicates": "last",
        "delimiter": "\t",
        "encoding": "latin-1",
        "nulls": ["", "--"],
    }
    made = decoder(
        "{type: CompositeRawDecoder, parser: {type: GzipParser, inner_parser: {type: JsonLineParser, encoding: utf-8}}}"
    )
    assert made.name == "gzip" and made.options["inner"]["name"] == "jsonl"


def test_transformations_stand_behind_the_filter_unless_it_says_otherwise() -> None:
    stream = "transformations: [{type: KeysToLower}, {type: AddFields, fields: [{path: [a, b], value: '{{ record.x }}', value_type: string}]}, {type: RemoveFields, field_pointers: [[x], [y, z]]}]"
    text = ASYNC.replace(
        "{extractor: {field_path: [fallback]}}", '{extractor: {field_path: []}, record_filter: {condition: "{{ record.x }}"}%s}'
    )
    made = plan(text.replace("%s}", "}", 1) % ("", f"    {stream}", "", "")).streams[0].records.transforms
    assert [t.name for t in made] == ["filter", "keys_to_lower", "add_fields", "remove_fields"]
    assert made[2].options == {"fields": [{"path": ["a", "b"], "value": "{{ record.x }}", "type": "string"}]}
    assert made[3].options == {"paths": [["x"], ["y", "z"]]}
    turned = (
        plan(text.replace("%s}", ", transform_before_filtering: true}", 1) % ("", f"    {stream}", "", ""))
        .streams[0]
        .records.transforms
    )
    assert [t.name for t in turned] == ["keys_to_lower", "add_fields", "remove_fields", "filter"]


def test_a_schema_and_its_types() -> None:
    text = ASYNC.replace(
        "{extractor: {field_path: [fallback]}}", "{extractor: {field_path: []}, schema_normalization: Default}"
    )
    made = plan(
        text
        % (
            "definitions: {s: {type: object, properties: {n: {type: integer}}}}",
            "    schema_loader: {type: InlineSchemaLoader, schema: '#/definitions/s'}",
            "",
            "",
        )
    ).streams[0]
    assert made.schema == {"type": "object", "properties": {"n": {"type": "integer"}}}
    assert [(t.name, t.options["schema"]) for t in made.records.transforms] == [("cast", made.schema)]


@pytest.mark.seed("B32")
@pytest.mark.parametrize(
    ("said", "key"), [("id", (("id",),)), ("[a, b]", (("a",), ("b",))), ("[[a, b], [c]]", (("a", "b"), ("c",))), ("''", ())]
)
def test_primary_keys(said: str, key: tuple[Any, ...]) -> None:
    assert asynchronous(stream=f"primary_key: {said}").key == key


# --- pages, slices


def test_pages_of_a_download() -> None:
    s = asynchronous(
        config={"size": 50},
        more="""\
download_paginator:
  type: DefaultPaginator
  page_size_option: {inject_into: request_parameter, field_name: size}
  page_token_option: {type: RequestOption, inject_into: header, field_name: X-Page}
  pagination_strategy: {type: PageIncrement, page_size: "{{ config['size'] }}", start_from_page: 1, inject_on_first_request: true}""",
    )
    fetch = s.retrieval.fetch
    assert fetch.exchange is not None and fetch.pages is not None
    assert fetch.exchange.request.query == {"size": "{{ config['size'] }}"} and fetch.exchange.request.headers == {
        "X-Page": Name("page.token")
    }
    assert fetch.pages.name == "page" and fetch.pages.options == {
        "page_size": "{{ config['size'] }}",
        "start": 1,
        "first_asked": True,
    }


def test_a_token_may_be_the_path_or_a_field_of_the_body() -> None:
    from jobstream.template.jinja import Jinja
    from jobstream.template.language import Scope

    pager = "paginator: {type: DefaultPaginator, page_token_option: {type: %s}, pagination_strategy: {type: CursorPagination, cursor_value: '{{ response.next }}', stop_condition: 'not response.next'}}"
    url = request("url_base: 'https://x.test/v1', path: rows", pager % "RequestPath")["url"]

    def asked(token: Any) -> str:
        wrapped = None if token is None else {"next_page_token": token}
        return Jinja({"next_page_token": "page.wrapped"}, lambda: 0.0).text(url, Scope({"page": lambda: {"wrapped": wrapped}}))

    assert asked(None) == "https://x.test/v1/rows" and asked("https://y.test/2?a=b") == "https://y.test/2?a=b"
    assert asked("/v2/x") == "https://x.test/v2/x" and asked("rows/2") == "https://x.test/v1/rows/2"
    body = request(
        "url: 'https://x.test', http_method: POST, request_body_json: {a: 1, p: {q: 2}}",
        pager % "RequestOption, inject_into: body_json, field_path: [p, token]",
    )["body"]
    assert body.value == {"a": 1, "p": {"q": 2, "token": {"is": "name", "name": "page.token"}}}


def test_a_cursor_whole() -> None:
    s = simple(
        "url: 'https://x.test', request_parameters: {fixed: x}",
        stream="""\
incremental_sync:
  type: DatetimeBasedCursor
  cursor_field: "{{ parameters['c'] }}"
  $parameters: {c: updated}
  datetime_format: "%s"
  cursor_datetime_formats: ["%Y-%m-%d"]
  start_datetime: {datetime: "{{ config['start'] }}", datetime_format: "%Y-%m-%d", min_datetime: "2020-01-01"}
  end_datetime: "{{ now_utc().strftime('%s') }}"
  step: P1M
  cursor_granularity: PT1S
  lookback_window: P1D
  partition_field_start: since
  partition_field_end: until
  start_time_option: {inject_into: request_parameter, field_name: from}
  end_time_option: {inject_into: header, field_name: To}""",
    )
    assert s.cursor is not None and s.cursor.options == {
        "field": "updated", "start": {"at": "{{ config['start'] }}", "format": "%Y-%m-%d", "least": "2020-01-01"}, "format": "%s",
        "end": "{{ now_utc().strftime('%s') }}", "step": "P1M", "granularity": "PT1S", "lookback": "P1D", "formats": ["%Y-%m-%d"],
        "names": ["since", "until"],
    }  # fmt: skip
    assert s.retrieval.fetch.exchange is not None
    asked = s.retrieval.fetch.exchange.request
    assert asked.query == {"fixed": "x", "from": "{{ stream_interval['since'] }}"} and asked.headers == {
        "To": "{{ stream_interval['until'] }}"
    }


def test_partitions_by_list_and_by_parent() -> None:
    s = simple(
        "url: 'https://x.test'",
        "partition_router: {type: ListPartitionRouter, values: \"['a', 'b']\", cursor_field: kind, request_option: {inject_into: request_parameter, field_name: k}}",
    )
    assert s.partitions is not None and s.partitions.options == {"field": "kind", "values": ["a", "b"]}
    assert s.retrieval.fetch.exchange.request.query == {"k": "{{ stream_partition['kind'] }}"}  # type: ignore[union-attr]
    text = SIMPLE % (
        ", url: 'https://x.test'",
        """\
      partition_router:
        type: SubstreamPartitionRouter
        parent_stream_configs:
          - parent_key: a/id
            partition_field: project
            extra_fields: [[name], [deep, x]]
            stream: {name: parents, retriever: {requester: {type: HttpRequester, url: 'https://x.test/p'}, record_selector: {extractor: {field_path: []}}}}""",
    )
    made = plan(text)
    assert [(s.name, s.hidden) for s in made.streams] == [("rows", False), ("parents", True)]
    router = made.streams[0].partitions
    assert router is not None and router.options == {
        "stream": "parents",
        "key": ["a", "id"],
        "field": "project",
        "extra": [["name"], ["deep", "x"]],
    }


def test_budgets_fit_requests_by_method_and_url() -> None:
    root = """\
api_budget:
  policies:
    - {type: UnlimitedCallRatePolicy, matchers: [{method: GET, url_path_pattern: "/jobs/x$"}]}
    - {type: FixedWindowCallRatePolicy, period: PT1M, call_limit: 30, matchers: [{method: POST, url_base: "https://x.test"}]}
    - {type: MovingWindowCallRatePolicy, rates: [{limit: 10, interval: PT1S}, {limit: 100, interval: PT1H}], matchers: []}"""
    made = plan(ASYNC % (root, "", "", ""))
    r = made.streams[0].retrieval
    assert r.create is not None and r.poll is not None and r.fetch.exchange is not None
    assert [e.request.budget for e in (r.create, r.poll.exchange, r.fetch.exchange)] == ["budget2", "", "budget3"]
    assert {n: (b.rate, b.per) for n, b in made.budgets.items()} == {"budget2": (30, 60.0), "budget3": (100, 3600.0)}


# --- x-jobstream


@pytest.mark.seed("B66")
def test_the_cadence_may_be_told() -> None:
    for where in ("retriever", "poll"):
        text = ASYNC % (
            "",
            "",
            "",
            "      x-jobstream: {poll: {first_wait: 3, interval: 2, growth: 1.5, cap: 30, jitter: 0.2}}"
            if where == "retriever"
            else "",
        )
        if where == "poll":
            text = text.replace(
                "{{ creation_response['id'] }}\"}\n      download",
                "{{ creation_response['id'] }}\", x-jobstream: {timeout: 9, poll: {first_wait: 3, interval: 2, growth: 1.5, cap: 30, jitter: 0.2}}}\n      download",
            )
        poll = plan(text).streams[0].retrieval.poll
        assert (
            poll is not None
            and poll.first == 3.0
            and poll.waits == (RETRY_AFTER, Wait(first=2.0, factor=1.5, most=30.0, jitter=0.2))
        )
        assert poll.exchange.request.timeout == (9.0 if where == "poll" else 60.0)


def test_a_key_a_lookup_a_person_or_again() -> None:
    keyed = asynchronous(create="x-jobstream: {idempotency_key: Idempotency-Key}").retrieval
    assert (
        keyed.create is not None
        and keyed.create.request.headers == {"Idempotency-Key": Name("job.key")}
        and keyed.policy.doubt == "same_key"
    )
    asked = asynchronous(
        create="x-jobstream: {lookup: {requester: {type: HttpRequester, url: 'https://x.test/jobs'}, field_path: [jobs], match: {path: [ref], value: '{{ job.key }}'}, id_path: [a, id]}}"
    ).retrieval
    assert asked.lookup is not None and asked.policy.doubt == "lookup"
    rule = asked.lookup.rules[0][0]
    assert (rule.then, rule.into) == ("adopt", "id")
    assert asynchronous(create="x-jobstream: {doubt: park}").retrieval.policy.doubt == "park"
    assert asynchronous(more="x-jobstream: {doubt: park}").retrieval.policy.doubt == "park"
    assert asynchronous().retrieval.policy.doubt == "again"


@pytest.mark.seed("B67")
def test_more_of_the_retriever() -> None:
    more = """\
download_target_extractor: {field_path: [files]}
x-jobstream:
  attempts: 1
  settle: 20
  parallel: 6
  part_bytes: 1000
  deliver: whole
  lives: 300
  target_key: [name]
  progress: "{{ response['percent'] }}"
  stall: 600
  expect: {records: "{{ polling_response['rows'] }}", digest: "{{ polling_response['md5'] }}", media: [text/csv], looks: csv}"""
    r = asynchronous(more=more).retrieval
    assert (r.policy.attempts, r.policy.settle, r.fetch.parallel, r.fetch.part_bytes, r.fetch.deliver) == (
        1,
        20,
        6,
        1000,
        "whole",
    )
    assert r.fetch.expect.records == "{{ polling_response['rows'] }}" and (r.fetch.expect.media, r.fetch.expect.looks) == (
        ("text/csv",),
        "csv",
    )
    assert r.fetch.expect.digest == "{{ polling_response['md5'] }}" and r.fetch.expect.length is None
    each = msgspec.to_builtins(r.targets[0])
    assert each["lives"] == 300 and list(each["key"]["path"]) == ["name"] and r.poll is not None and r.poll.stall == 600


def test_the_config_has_the_defaults_of_the_specification() -> None:
    text = SIMPLE % (
        ", url: \"{{ config['base'] }}/x\", authenticator: {type: BearerAuthenticator, api_token: t}",
        """\
spec:
  connection_specification:
    properties:
      base: {type: string, default: "https://x.test"}
      deep: {type: object, properties: {n: {default: 5}}}
      none: {type: string}""",
    )
    made = load("m.yaml", text, Catalog(), config={"deep": {}}, now=lambda: 0.0)
    assert made.config == {"base": "https://x.test", "deep": {"n": 5}} and made.plan.hosts == ("x.test",)
    assert load("m.yaml", text, Catalog(), now=lambda: 0.0).config is None


@pytest.mark.seed("B67")
def test_records_may_be_taken_out_of_a_long_document_one_by_one() -> None:
    def records(said: str, path: str = "[data, rows]", more: str = "") -> Any:
        return asynchronous(
            more=f"x-jobstream: {{items: streamed}}\ndownload_decoder: {said}\ndownload_extractor: {{field_path: {path}}}{more}",
            clean=False,
        ).records

    r = records("{type: JsonDecoder}")
    assert r.select == Read(falsy="drop") and r.decoder.options == {"path": ["data", "rows"]}
    r = records("{type: GzipDecoder, decoder: {type: ZipfileDecoder, decoder: {type: XmlDecoder}}}")
    assert r.select.path == () and r.decoder.options["inner"]["options"]["inner"]["options"] == {"path": ["data", "rows"]}
    assert records("{type: JsonDecoder}", "[]").decoder.options == {}
    for said, path, more in (("{type: CsvDecoder}", "[a]", ""), ("{type: JsonDecoder}", "['*']", ""),
                             ("{type: JsonDecoder}", "[a]", "\ndownload_paginator: {type: NoPagination}")):  # fmt: skip
        assert records(said, path, more).select.path
        made = load(
            "m.yaml",
            ASYNC
            % (
                "",
                "",
                "",
                f"      x-jobstream: {{items: streamed}}\n      download_decoder: {said}\n      download_extractor: {{field_path: {path}}}"
                + more.replace("\n", "\n      "),
            ),
            Catalog(),
            now=lambda: 0,
        )
        assert [(f.code, f.at.rpartition("/")[2]) for f in made.findings] == [("wrong_value", "items")]


def test_a_look_up_that_may_come_too_early_is_told_and_runs_all_the_same() -> None:
    create = "x-jobstream: {lookup: {requester: {type: HttpRequester, url: 'https://x.test/jobs'}, match: {path: [ref], value: x}, id_path: [id]}}"
    text = ASYNC % ("", "", f", {create}", "      x-jobstream: {settle: 5}")

    made = load("m.yaml", text, Catalog(), now=lambda: 1.77e9)

    (told,) = [f for f in made.findings if f.code == "unsafe"]
    assert not told.grave and "is looked up after 5 s" in told.saw
