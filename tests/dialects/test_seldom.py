"""Corners of the language that hardly any manifest has."""

from __future__ import annotations

from typing import Any

import pytest

from jobstream.components.catalog import Catalog
from jobstream.dialects.airbyte.load import Compiled, load

HEAD = "version: 6.0.0\ncheck: {type: CheckStream, stream_names: [rows]}\nstreams:\n"
ROWS = """\
  - name: rows
    retriever:
      requester: {type: HttpRequester, url: "https://x.test"%s}
      record_selector: {extractor: {field_path: [items]}}
"""


def made(text: str, config: Any = None) -> Compiled:
    return load("m.yaml", text, Catalog(config=config), config=config, now=lambda: 0.0)


def codes(compiled: Compiled) -> list[str]:
    return [f.code for f in compiled.findings]


def test_a_rotating_refresh_token_that_is_named_is_not_looked_for() -> None:
    oauth = ("{type: OAuthAuthenticator, token_refresh_endpoint: 'https://x.test/t', client_id: \"{{ config['i'] }}\", "
             "client_secret: \"{{ config['s'] }}\", refresh_token: \"{{ config['r'] }}\", refresh_token_updater: {}}")  # fmt: skip

    (auth,) = made(HEAD + ROWS % f", authenticator: {oauth}").plan.auth.values()

    assert auth.options["refresh_token"] == "{{ config['r'] }}"


@pytest.mark.parametrize(("said", "reads"), [("'true'", True), ("'False'", False)])
def test_a_flag_may_be_a_word(said: str, reads: bool) -> None:
    text = (
        HEAD
        + ROWS % ""
        + f"      decoder: {{type: CsvDecoder}}\n    transformations: [{{type: FlattenFields, flatten_lists: {said}}}]\n"
    )

    (flatten,) = (t for t in made(text).plan.streams[0].records.transforms if t.name == "flatten")

    assert flatten.options.get("lists", True) is reads


def test_a_template_that_cannot_be_rendered_names_no_host() -> None:
    url = "{{ config['a']['b']['c'] }}"
    text = (HEAD + ROWS % ", authenticator: {type: BearerAuthenticator, api_token: \"{{ config['k'] }}\"}").replace(
        '"https://x.test"', f'"{url}"'
    )

    plan = made(text, {"k": "1"}).plan

    assert "x.test" not in plan.hosts


def test_parents_of_parents_end_somewhere() -> None:
    """Forty streams, each the parent of the one before: the chain is followed a good way and then left."""

    def parent(n: int) -> str:
        inner = (
            ""
            if n == 0
            else f", partition_router: {{type: SubstreamPartitionRouter, parent_stream_configs: [{parent(n - 1)}]}}"
        )
        stream = f"{{name: p{n}, retriever: {{requester: {{type: HttpRequester, url: 'https://x.test'}}, record_selector: {{extractor: {{field_path: []}}}}{inner}}}}}"
        return f"{{stream: {stream}, parent_key: id, partition_field: id}}"

    text = (
        HEAD
        + ROWS % ""
        + f"      partition_router: {{type: SubstreamPartitionRouter, parent_stream_configs: [{parent(40)}]}}\n"
    )

    assert len(made(text).plan.streams) <= 34


def test_a_document_whose_references_grow_without_end_is_told() -> None:
    rows = "".join(f"  a{n}: {{x: '#/definitions/a{n + 1}', y: '#/definitions/a{n + 1}'}}\n" for n in range(24))
    text = "definitions:\n" + rows + "  a24: 1\n" + HEAD + ROWS % ", request_body_json: '#/definitions/a0'"

    assert "too_large" in codes(made(text)) or "circular_reference" in codes(made(text))
