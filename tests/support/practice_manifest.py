"""Manifests over the practice API, as a person would write them, with what a test wants varied."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jobstream.testing.practice import Way

PATH = "v3/marketing/contacts/exports"
CONFIG = {"api_key": "SG.practice"}  # base: the address, where a test needs it there
#: what the creation requester says of itself, by the way in which the API creates
EXTRAS: dict[Way, dict[str, Any]] = {
    "keyed": {"idempotency_key": "Idempotency-Key"},
    "listed": {"lookup": {"requester": {"path": f"listed/{PATH}", "http_method": "GET"}, "field_path": ["result"],
                          "match": {"path": ["client_ref"], "value": "{{ job.key }}"}}},
    "bare": {},
    "losing": {},
}  # fmt: skip


def manifest(url: str, way: Way = "bare", *, parts: tuple[str, ...] = (), extra: dict[str, Any] | None = None,
             decoder: dict[str, Any] | None = None, abort: bool = False, delete: bool = False, minutes: float = 60,
             settle: float = 1.0, retriever: dict[str, Any] | None = None, requesters: dict[str, Any] | None = None,
             mapping: dict[str, list[str]] | None = None, name: str = "contacts", prefix: str = "", slots: int = 3) -> dict[str, Any]:  # fmt: skip
    """parts: values of a ListPartitionRouter, one job each · extra: x-jobstream of the creation requester, in the place of the
    way's own · requesters: laid over creation_requester, polling_requester, download_requester · prefix: of the path · slots: remote
    jobs at a time"""
    base = f"{prefix or way}/{PATH}"
    requester = {"type": "HttpRequester", "url_base": url,
                 "authenticator": {"type": "BearerAuthenticator", "api_token": "{{ config['api_key'] }}"}}  # fmt: skip
    one = base + "/{{ creation_response['id'] }}"
    told = EXTRAS[way] if extra is None else extra
    if "lookup" in told:
        told = {**told, "lookup": {**told["lookup"], "requester": {**requester, **told["lookup"]["requester"]}}}
    part = {"part": "{{ stream_partition['part'] }}"} if parts else {}
    over = requesters or {}
    out: dict[str, Any] = {
        "type": "AsyncRetriever",
        "creation_requester": {**requester, "path": base, "http_method": "POST",
                               "request_body_json": {**part, "client_ref": "{{ job.key }}"} if "lookup" in told else part,
                               **({"x-jobstream": told} if told else {}), **over.get("creation_requester", {})},
        "polling_requester": {**requester, "path": one, **over.get("polling_requester", {})},
        "status_extractor": {"type": "DpathExtractor", "field_path": ["status"]},
        "status_mapping": mapping or {"running": ["pending"], "completed": ["ready"], "failed": ["failed", "cancelled"], "timeout": ["timeout"]},
        "download_target_extractor": {"type": "DpathExtractor", "field_path": ["urls"]},
        "download_requester": {"type": "HttpRequester", "url": "{{ download_target }}", **over.get("download_requester", {})},
        "download_decoder": decoder or {"type": "CsvDecoder"},
        "record_selector": {"type": "RecordSelector", "extractor": {"type": "DpathExtractor", "field_path": []}},
        "polling_job_timeout": minutes,
        "x-jobstream": {"settle": settle, "poll": {"interval": 1}},
        **(retriever or {}),
    }  # fmt: skip
    if parts:
        out["partition_router"] = {"type": "ListPartitionRouter", "values": list(parts), "cursor_field": "part"}
    if abort:
        out["abort_requester"] = {**requester, "path": one + "/cancel", "http_method": "POST"}
    if delete:
        out["delete_requester"] = {**requester, "path": one, "http_method": "DELETE"}
    return {
        "version": "6.0.0", "type": "DeclarativeSource", "max_concurrent_async_job_count": slots,
        "check": {"type": "CheckStream", "stream_names": [name]},
        "streams": [{"type": "DeclarativeStream", "name": name, "primary_key": "CONTACT_ID", "retriever": out}],
        "spec": {"type": "Spec", "connection_specification": {"type": "object", "required": ["api_key"], "properties": {
            "api_key": {"type": "string", "title": "API Key", "airbyte_secret": True}}}},
    }  # fmt: skip


def written(folder: Path, document: dict[str, Any], name: str = "manifest.yaml") -> Path:
    """JSON is YAML."""
    path = folder / name
    path.write_text(json.dumps(document, indent=1))
    return path
