"""Report and export APIs. Each note says what bent."""

from __future__ import annotations

from jobstream.plan.component import Component
from jobstream.plan.exchange import RETRY_AFTER, Body, Exchange, Name, Paged, Read, Request, Wait
from jobstream.plan.retrieval import Count, Each, Expect, Fetch, Policy, Poll, Retrieval, StatusMap
from jobstream.plan.stream import Records, StreamPlan
from shapes.common import (
    AIRBYTE_TABLE,
    CSV_GZ,
    DOUBT,
    JSONL_GZ,
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

# SendGrid: the seed. A missing path reads 'None', as Airbyte spells it; no links on completed is success, told.
_sg = "https://api.sendgrid.com/v3/marketing/contacts/exports"
sendgrid = source(StreamPlan(
    name="contacts", key=(("CONTACT_ID",),), records=CSV_GZ,
    retrieval=Retrieval(
        create=post(_sg, *DOUBT),
        poll=Poll(exchange=get(_sg + "/{{ creation_response['id'] }}"), waits=(Wait(first=5.0, jitter=0.0),),
                  status=StatusMap(value=Read(("status",), falsy="drop"), spelling="python", map={
                      "ready": "completed", "failed": "failed", "pending": "running", "timeout": "timed_out"})),
        targets=(Each(read=Read(("urls",), secret=True), none="done"),),
        fetch=Fetch(exchange=get("{{ download_target }}", STALE, auth="")))),
    hosts=("api.sendgrid.com",), default_rules=AIRBYTE_TABLE)  # fmt: skip

# Salesforce Bulk v2: pages by response header, each page part of a part; the locator is the page token and survives a crash.
# LIMIT: five parallel result URIs are not used.
_sf = "{{ config['instance'] }}/services/data/v62.0/jobs/query"
salesforce = source(StreamPlan(
    name="Account", records=Records(decoder=use("decoder", "csv")),
    cursor=use("cursor", "datetime", field="SystemModstamp", start="2026-01-01T00:00:00Z"),
    retrieval=Retrieval(
        create=post(_sf, rule("halt", "400", holds="response[0].errorCode == 'INVALIDENTITY'", say="no bulk query: use the REST stream"),
                    *DOUBT, body={"operation": "query", "contentType": "CSV",
                                  "query": "SELECT Id FROM Account WHERE SystemModstamp >= {{ stream_interval.start_time }}"}),
        job_id=Read(("id",)),
        lookup=get(_sf, rule("adopt", "200", holds="response.records | selectattr('createdDate', 'ge', job.sent_at) | list",
                             value="{{ (response.records | selectattr('createdDate', 'ge', job.sent_at) | first).id }}", into="id")),
        poll=Poll(exchange=get(_sf + "/{{ job.id }}"), deadline=7 * 86400.0, progress=Read(("numberRecordsProcessed",)), stall=7200.0,
                  status=status("state", running="UploadComplete InProgress", completed="JobComplete", failed="Failed Aborted")),
        fetch=Fetch(exchange=get(_sf + "/{{ job.id }}/results", query={"locator": Name("page.token")}),
                    pages=use("paginator", "header", name="Sforce-Locator", last="null")),
        abort=(post(_sf + "/{{ job.id }}", method="PATCH", body={"state": "Aborted"}),), delete=(delete(_sf + "/{{ job.id }}"),),
        policy=Policy(doubt="lookup", slots="bulk", settle=120.0))), slots={"bulk": 25})  # fmt: skip

# SP-API: the second lookup is `locate`; links live 5 minutes: then located again, no new report. CANCELLED = no data.
_sp = "https://sellingpartnerapi-eu.amazon.com/reports/2021-06-30"
sp_api = source(StreamPlan(
    name="orders", records=Records(decoder=gz("csv", delimiter="\t", encoding="iso-8859-1")),
    retrieval=Retrieval(
        before=(get(_sp + "/reports?reportTypes=GET_ORDERS&processingStatuses=DONE", rule(
            "adopt", "200", holds="response.reports[0].dataStartTime == stream_interval.start_time",
            value=Read(("reports", "0", "reportId")), into="reportId")),),
        create=post(_sp + "/reports", rule("throttled", "429", waits=(
            Wait(read=Read(("x-amzn-RateLimit-Limit",), at="header"), unit="rate"), Wait(first=60.0))), *DOUBT,
            body={"reportType": "GET_ORDERS", "dataStartTime": "{{ stream_interval.start_time }}", "marketplaceIds": "{{ config.markets }}"}),
        job_id=Read(("reportId",)),
        poll=Poll(exchange=get(_sp + "/reports/{{ job.id }}"),
                  status=status("processingStatus", running="IN_QUEUE IN_PROGRESS", completed="DONE", failed="FATAL", skipped="CANCELLED")),
        locate=Paged(exchange=get(_sp + "/documents/{{ polling_response.reportDocumentId }}")),
        targets=(Each(read=Read(("url",), secret=True), lives=270.0),),
        fetch=Fetch(exchange=get("{{ download_target }}", STALE, auth="")),
        abort=(delete(_sp + "/reports/{{ job.id }}"),), policy=Policy(slots="reports"))),
    slots={"reports": 2}, hosts=("sellingpartnerapi-eu.amazon.com",))  # fmt: skip

# Amazon Ads: 425 names the existing job: adopt; `into` so that creation_response.reportId works unchanged. Random 401 on a poll.
_aa = "https://advertising-api-eu.amazon.com/reporting/reports"
_scope = {"Amazon-Advertising-API-Scope": "{{ stream_partition.profile_id }}"}
amazon_ads = source(StreamPlan(
    name="sp_daily", partitions=use("partitions", "parent", stream="profiles", key=["profileId"], field="profile_id"),
    records=Records(decoder=gz("json")),
    retrieval=Retrieval(
        create=post(_aa, rule("adopt", "425", value="{{ response.detail | regex_search('([0-9a-f-]{36})') }}", into="reportId"),
                    *DOUBT, headers=_scope, body={"startDate": "{{ stream_interval.start_time }}", "configuration": {"adProduct": "SP"}}),
        job_id=Read(("reportId",)),
        poll=Poll(exchange=get(_aa + "/{{ creation_response.reportId }}", rule("sign", "401"), headers=_scope), deadline=4 * 3600.0,
                  status=status("status", running="PENDING PROCESSING", completed="COMPLETED", failed="FAILED")),
        targets=(Each(read=Read(("url",), secret=True)),),
        fetch=Fetch(exchange=get("{{ download_target }}", STALE, auth="")), policy=Policy(slots="ads"))),
    slots={"ads": 10}, auth={"main": use("auth", "oauth", token_url="https://api.amazon.com/auth/o2/token",
                                         client_id="{{ config.id }}", client_secret="{{ config.secret }}")})  # fmt: skip

# Twilio: the status is in many rows: a predicate. LIMIT: the list of days needs a filtered path; here every day is listed.
_tw = "https://bulkexports.twilio.com/v1/Exports/Messages"
_all = "response.details and not (response.details | rejectattr('status', 'in', [{}]) | list)"
twilio = source(StreamPlan(
    name="messages", records=JSONL_GZ,
    retrieval=Retrieval(
        create=post(_tw + "/Jobs", *DOUBT, body=Body(form="form", value={"StartDay": "{{ stream_interval.start_time }}"})),
        job_id=Read(("job_sid",)),
        poll=Poll(exchange=get(_tw + "/Jobs/{{ job.id }}",
                               rule("failed", holds="response.details | selectattr('status', 'in', ['Failed', 'ErrorDuringRun']) | list"),
                               rule("skipped", holds=_all.format("'CompletedEmptyRecords'")),
                               rule("completed", holds=_all.format("'Completed', 'CompletedEmptyRecords'")), rule("running", "200")),
                  waits=(Wait(first=60.0, most=600.0),), deadline=86400.0),
        targets=(Each(read=Read(("details", "*", "days", "*"))),), fetch=Fetch(exchange=get(_tw + "/Days/{{ download_target }}")),
        delete=(delete(_tw + "/Jobs/{{ job.id }}"),))), hosts=("bulkexports.twilio.com",))  # fmt: skip

# Yandex Metrica: evaluate is `before` (too much: split); parts 0..n-1; clean is `delete`.
_ya = "https://api-metrica.yandex.net/management/v1/counter/{{ config.counter }}"
_yq = "?date1={{ stream_interval.start_time }}&date2={{ stream_interval.end_time }}&source=visits"
yandex = source(StreamPlan(
    name="visits", records=Records(decoder=use("decoder", "csv", delimiter="\t")),
    retrieval=Retrieval(
        before=(get(_ya + "/logrequests/evaluate" + _yq, rule("split", holds="not response.log_request_evaluation.possible")),),
        create=post(_ya + "/logrequests" + _yq, *DOUBT), job_id=Read(("log_request", "request_id")),
        poll=Poll(exchange=get(_ya + "/logrequest/{{ job.id }}"), waits=(Wait(first=30.0, factor=1.5, most=300.0),),
                  status=status("log_request.status", running="created", completed="processed", failed="processing_failed canceled")),
        targets=(Count(n="{{ response.log_request.parts | length }}"),),
        fetch=Fetch(exchange=get(_ya + "/logrequest/{{ job.id }}/part/{{ download_target }}/download")),
        delete=(post(_ya + "/logrequest/{{ job.id }}/clean"),), abort=(post(_ya + "/logrequest/{{ job.id }}/cancel"),))))  # fmt: skip

# Bing: POST poll, nested status, zip with one csv, no link when no rows.
_bi = "https://reporting.api.bingads.microsoft.com/Reporting/v13/GenerateReport"
bing = source(StreamPlan(
    name="campaigns", records=Records(decoder=Component("decoder", "zip", {"members": "*.csv"})),
    retrieval=Retrieval(
        create=post(_bi + "/Submit", *DOUBT, body={"ReportRequest": {"ExcludeReportFooter": True}}), job_id=Read(("ReportRequestId",)),
        poll=Poll(exchange=post(_bi + "/Poll", body={"ReportRequestId": "{{ job.id }}"}),
                  status=status("ReportRequestStatus.Status", running="Pending", completed="Success", failed="Error")),
        targets=(Each(read=Read(("ReportRequestStatus", "ReportDownloadUrl"), falsy="drop", secret=True), none="skipped"),),
        fetch=Fetch(exchange=get("{{ download_target }}", auth="")))))  # fmt: skip

# FHIR bulk: the id is a header; the code is the status; manifest of three lists; counts checked; the manifest grows by link.next
# while the job runs: a page of `locate` may answer 202.
fhir = source(StreamPlan(
    name="Patient", records=JSONL_GZ,
    retrieval=Retrieval(
        create=get("{{ config.base }}/$export?_since={{ stream_interval.start_time }}",
                   rule("busy", "429", waits=(RETRY_AFTER, Wait(first=60.0))), *DOUBT,
                   headers={"Prefer": "respond-async", "Accept": "application/fhir+json"}),
        job_id=Read(("Content-Location",), at="header"),
        poll=Poll(exchange=get("{{ job.id }}", rule("completed", "200"), rule("running", "202"), rule("failed", "404", "500"),
                               rule("retry", "502-504", "lost")), first=5.0, progress=Read(("X-Progress",), at="header"),
                  waits=(RETRY_AFTER, Wait(first=30.0, most=600.0))),
        locate=Paged(exchange=Exchange(request=Request(url="{{ next_page_token.next_page_token if next_page_token else job.id }}", auth="main"),
                                       rules=((rule("running", "202"),),), waits=(RETRY_AFTER, Wait(first=30.0))),
                     pages=use("paginator", "cursor", token="{{ (response.link | default([]) | selectattr('relation', 'eq', 'next') | first).url }}")),
        targets=(Each(read=Read(("output",)), key=Read(("url",)), none="skipped"),
                 Each(read=Read(("deleted",)), key=Read(("url",)), tag="deleted", none="done"),
                 Each(read=Read(("error",)), key=Read(("url",)), tag="error", role="report", none="done")),
        fetch=Fetch(exchange=get("{{ download_target.url }}", STALE, headers={"Accept": "application/fhir+ndjson"}),
                    expect=Expect(records=Name("target.value.count"), media=("application/fhir+ndjson", "application/ndjson"))),
        abort=(delete("{{ job.id }}"),), delete=(delete("{{ job.id }}"),))))  # fmt: skip
