"""Query APIs, one-slot APIs, requests that are the job, batches of polls, and the two dialects' own shapes."""

from __future__ import annotations

from typing import Any

from jobstream.plan.exchange import Body, Exchange, Name, Read, Reading, Request, Wait
from jobstream.plan.retrieval import Count, Each, Fetch, Here, Policy, Poll, Retrieval, StatusMap, Together
from jobstream.plan.stream import Records, StreamPlan
from shapes.common import (
    AIRBYTE_TABLE,
    CELIGO_NAMES,
    CELIGO_TABLE,
    DOUBT,
    STALE,
    delete,
    get,
    gz,
    post,
    rule,
    source,
    status,
    use,
)  # fmt: skip

JSON = Records(decoder=use("decoder", "json"))

# Shopify: busy inside 200; errors inside 200; one slot; a failed operation may leave a partial file (`on="failed"`).
# LIMIT: the window that adapts, and re-nesting of children over batches, are not written.
_gql = "https://{{ config.shop }}.myshopify.com/admin/api/2026-01/graphql.json"


def _q(q: str) -> Body:
    return Body(form="json", value={"query": q})


_RUN = "response.data.bulkOperationRunQuery.userErrors"
shopify = source(StreamPlan(
    name="orders", records=Records(decoder=use("decoder", "jsonl")),
    retrieval=Retrieval(
        create=post(_gql, rule("busy", holds=_RUN + " | selectattr('code', 'eq', 'OPERATION_IN_PROGRESS') | list",
                               waits=(Wait(first=10.0, factor=1.5, most=120.0),)), rule("stop", holds="response.errors or " + _RUN), *DOUBT,
                    body=_q('mutation { bulkOperationRunQuery(query: "{{ config.query }}") { bulkOperation { id } userErrors { code } } }')),
        job_id=Read(("data", "bulkOperationRunQuery", "bulkOperation", "id")),
        lookup=post(_gql, rule("adopt", holds="response.data.currentBulkOperation.status in ('CREATED', 'RUNNING', 'COMPLETED')",
                               value=Read(("data", "currentBulkOperation", "id"))), body=_q("{ currentBulkOperation { id status } }")),
        poll=Poll(exchange=post(_gql, rule("split", holds="response.data.node.errorCode == 'TIMEOUT'"),
                                body=_q('{ node(id: "{{ job.id }}") { ... on BulkOperation { status errorCode url partialDataUrl } } }')),
                  stall=3600.0, status=status("data.node.status", running="CREATED RUNNING CANCELING", completed="COMPLETED",
                                              failed="FAILED EXPIRED CANCELED")),
        targets=(Each(read=Read(("data", "node", "url"), falsy="drop", secret=True), none="skipped"),
                 Each(read=Read(("data", "node", "partialDataUrl"), falsy="drop", secret=True), on="failed")),
        fetch=Fetch(exchange=get("{{ download_target }}", STALE, auth="")),
        abort=(post(_gql, body=_q('mutation { bulkOperationCancel(id: "{{ job.id }}") { userErrors { code } } }')),),
        policy=Policy(doubt="lookup", slots="shop", attempts=1))), slots={"shop": 1})  # fmt: skip

# Snowflake: the code is the status, in create and poll alike; same key in doubt; first rows are Here, the rest numbered.
# LIMIT: a 10 MB first partition is read whole once.
_sn = "https://{{ config.account }}.snowflakecomputing.com/api/v2/statements"
_told = (
    rule("completed", "200"),
    rule("running", "202"),
    rule("timed_out", "408"),
    rule("failed", "422", say="{{ response.message }}"),
)
snowflake = source(StreamPlan(
    name="query", records=Records(decoder=gz("json")),
    retrieval=Retrieval(
        create=post(_sn + "?async=true&requestId={{ job.key }}", *_told, *DOUBT, body={"statement": "{{ config.sql }}"}),
        job_id=Read(("statementHandle",)), reads_created=True,
        poll=Poll(exchange=get(_sn + "/{{ job.id }}", *_told, most=16 << 20), deadline=86400.0),
        targets=(Here(), Count(n="{{ response.resultSetMetaData.partitionInfo | length }}", first=1)),
        fetch=Fetch(exchange=get(_sn + "/{{ job.id }}?partition={{ download_target }}"), parallel=4),
        abort=(post(_sn + "/{{ job.id }}/cancel"),), policy=Policy(doubt="same_key"))))  # fmt: skip

# pygeoapi: 201, body null, id only in Location; may answer 200 at once.
pygeoapi = source(StreamPlan(
    name="hello", records=JSON,
    retrieval=Retrieval(
        create=post("{{ config.base }}/processes/hello-world/execution", *DOUBT, rule("completed", "200"),
                    headers={"Prefer": "respond-async"}, body={"inputs": {"name": "{{ config.name }}"}}),
        job_id=Read(("Location",), at="header"),
        poll=Poll(exchange=get("{{ job.id }}?f=json"), progress=Read(("progress",)),
                  status=status("status", running="accepted running", completed="successful", failed="failed dismissed")),
        fetch=Fetch(exchange=get("{{ job.id }}/results?f=json")), delete=(delete("{{ job.id }}"),))))  # fmt: skip

# GitHub statistics: no create: the request is the job. 202 running, 200 done, 204 nothing; rows are Here.
github = source(StreamPlan(
    name="contributors", records=JSON,
    retrieval=Retrieval(
        poll=Poll(exchange=get("https://api.github.com/repos/{{ config.repo }}/stats/contributors", rule("completed", "200"),
                               rule("running", "202"), rule("skipped", "204")), waits=(Wait(first=2.0, factor=2.0, most=60.0),)),
        targets=(Here(),), fetch=Fetch(), policy=Policy(attempts=1))))  # fmt: skip

# Facebook: two fields tell the status; 50 polls in one request; a job failed twice is split.
# LIMIT: splitting by fields needs slice values that name fields.
_fb = "https://graph.facebook.com/v24.0"
_BAD = "response.async_status in ('Job Failed', 'Job Skipped')"
_fbs = (rule("split", holds=_BAD + " and job.attempt >= 2"),
        rule("completed", holds="response.async_status == 'Job Completed' and response.async_percent_completion == 100"),
        rule("failed", holds=_BAD), rule("running", "200"))  # fmt: skip
facebook = source(StreamPlan(
    name="insights", records=Records(decoder=use("decoder", "json"), select=Read(("data",))),
    retrieval=Retrieval(
        create=post(_fb + "/{{ stream_partition.object_id }}/insights", *DOUBT, body={"level": "ad"}), job_id=Read(("report_run_id",)),
        poll=Poll(exchange=get(_fb + "/{{ job.id }}", *_fbs), progress=Read(("async_percent_completion",)), stall=1800.0,
                  together=Together(exchange=post(_fb, body=Body(form="form", value={
                      "batch": "[{% for j in jobs %}{\"method\":\"GET\",\"relative_url\":\"{{ j.id }}\"}{{ '' if loop.last else ',' }}{% endfor %}]"})),
                      rows=Read(), body=Read(("body",)), code=Read(("code",)), most=50)),
        fetch=Fetch(exchange=get(_fb + "/{{ job.id }}/insights", query={"after": Name("page.token")}),
                    pages=use("paginator", "cursor", token="{{ response.paging.cursors.after }}", stop="{{ not response.paging.next }}")))))  # fmt: skip


def _ce(url: str, resource: Read | None = None, **k: Any) -> Exchange:
    return Exchange(request=Request(url=url, auth="main", **k), reading=Reading(resource=resource))


_CELIGO = {"names": CELIGO_NAMES, "language": "handlebars", "default_rules": CELIGO_TABLE,
           "auth": {"main": use("auth", "bearer", token="{{connection.token}}")}, "secrets": ("connection.token",)}  # fmt: skip
_MINUTE = (Wait(first=60.0, jitter=0.0),)

# Celigo, sameAsStatus: the creation answer is read as a poll answer, with the status export's resource path.
_FEED = Read(("feed",))
celigo_same = source(StreamPlan(
    name="feed", records=Records(decoder=use("decoder", "json"), select=Read(("items",))),
    retrieval=Retrieval(
        create=_ce("https://x/feeds", _FEED, method="POST", body=Body(form="json", value={"a": "{{connection.x}}"})), reads_created=True,
        job_id=Read(),  # an object: the handle; {{record.id}} in later steps
        poll=Poll(exchange=_ce("https://x/feeds/{{record.id}}", _FEED), first=60.0, waits=_MINUTE, deadline=86400.0,
                  status=StatusMap(value=Read(("state",)), unknown="failed", map={
                      "QUEUED": "running", "DONE": "completed", "EMPTY": "skipped", "ERR": "failed"})),
        fetch=Fetch(exchange=_ce("https://x/feeds/{{record.id}}/rows")))), **_CELIGO)  # fmt: skip

# Celigo, sameAsStatus with one endpoint and no handle: the poll begins the job; there is no create.
celigo_one = source(StreamPlan(
    name="one", records=JSON,
    retrieval=Retrieval(
        poll=Poll(exchange=_ce("https://x/report?since={{lastExportDateTime}}"), waits=_MINUTE,
                  status=StatusMap(value=Read(("state",)), map={"RUN": "running", "OK": "completed"}, unknown="failed")),
        targets=(Here(),), fetch=Fetch(), policy=Policy(attempts=1))), **_CELIGO)  # fmt: skip

# Celigo, no result export: the last status answer is the result; doneWithoutData ends with no records.
celigo_last = source(StreamPlan(
    name="report", records=Records(decoder=use("decoder", "json"), select=Read(("report", "rows"))),
    retrieval=Retrieval(
        create=_ce("https://x/reports", method="POST"), job_id=Read(("job",)),
        poll=Poll(exchange=_ce("https://x/reports/{{record}}"), waits=_MINUTE,
                  status=StatusMap(value=Read(("state",)), map={"RUN": "running", "OK": "completed", "NONE": "skipped"}, unknown="failed")),
        targets=(Here(),), fetch=Fetch())), **_CELIGO)  # fmt: skip

# Airbyte SimpleRetriever: no create, no poll. Substream, cursor pages; slice, page and size options are compiled into the query.
simple = source(StreamPlan(
    name="issues", key=(("id",),), partitions=use("partitions", "parent", stream="projects", key=["id"], field="project_id"),
    cursor=use("cursor", "datetime", field="updated_at", start="2026-01-01T00:00:00Z", step=2592000, lookback=86400),
    records=Records(decoder=use("decoder", "json"), select=Read(("items",), falsy="drop"), transforms=(
        use("transform", "filter", keep="{{ record.state == 'open' }}"), use("transform", "add_fields", fields=[{"path": ["source"], "value": "x"}]))),
    retrieval=Retrieval(fetch=Fetch(
        exchange=get("https://api.x.com/projects/{{ stream_partition.project_id }}/issues", rule("skipped", "404"), query={
            "since": "{{ stream_interval.start_time }}", "until": "{{ stream_interval.end_time }}",
            "cursor": Name("page.token"), "per_page": "100"}),
        pages=use("paginator", "cursor", token="{{ response.next }}")))), default_rules=AIRBYTE_TABLE)  # fmt: skip
