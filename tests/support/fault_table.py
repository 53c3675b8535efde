"""THE TABLE: what an API may do wrong, and what comes of it. tests/faults runs each row; docs/faults.md is drawn from it."""

from __future__ import annotations

from fault_case import Case
from practice_manifest import PATH

ONE = {"retriever": {"x-jobstream": {"parallel": 1, "settle": 1.0, "poll": {"interval": 1}}}}
KEYED = "an idempotency key"
LISTED = "a look-up in the API's list"
SETTLED = {"settle": 40.0}
SHORT = {"requesters": {r: {"x-jobstream": {"timeout": 0.5}} for r in ("polling_requester", "download_requester")}}
XML = {
    "requesters": {"polling_requester": {"path": f"keyed/{PATH}/{{{{ creation_response['export']['id'] }}}}"}},
    "retriever": {
        "decoder": {"type": "XmlDecoder"},
        "status_extractor": {"type": "DpathExtractor", "field_path": ["export", "status"]},
        "download_target_extractor": {"type": "DpathExtractor", "field_path": ["export", "urls", "url"]},
    },
}  # fmt: skip


def file(name: str, *options: str) -> tuple[str, ...]:
    return (",".join((name, *options)),)


CREATION: dict[str, Case] = {
    "no answer to the creation": Case(
        does="carries the creation out, and its answer is lost", faults=("lost-create",), says=KEYED, code="create.doubt",
        outcome="The same request with the same key is answered with the job that was made.", seen={"create": 2, "download": 2}),
    "no answer, a list": Case(
        does="carries the creation out, and its answer is lost", faults=("lost-create",), says=LISTED, way="listed", code="create.doubt", manifest=SETTLED,
        outcome="The list is asked, the job is found and taken over.", seen={"create": 1, "list": 1, "download": 2}),
    "no answer, nobody to ask": Case(
        does="carries the creation out, and its answer is lost", faults=("lost-create",), way="bare", jobs=2, code="create.doubt",
        outcome="A new job, and the report tells that a second one may be running.", numbers={"doubtful": 1, "orphans": 1},
        told=("1 creation without an answer", "jobstream jobs orphans")),
    "no answer, park": Case(
        does="carries the creation out, and its answer is lost", faults=("lost-create",), way="bare", says="`doubt: park`",
        manifest={"extra": {"doubt": "park"}}, records="none", good=False, code="create.in_doubt", told=("parked", "jobs resolve"),
        outcome="Nothing more is asked: the job is parked until a person has looked (`jobs resolve`)."),
    "list malformed": Case(
        does="loses a creation's answer, and answers the look-up with JSON that breaks off", faults=("lost-create", "malformed-json,on=list"),
        says=LISTED, way="listed", code="lookup.unreadable", manifest=SETTLED, seen={"create": 1, "list": 2},
        outcome="The list is asked again; it is not taken for an empty one, so there is no second job."),
    "list login page": Case(
        does="loses a creation's answer, and answers the look-up with a login page", faults=("lost-create", "login-page,on=list"),
        says=LISTED, way="listed", code="lookup.unreadable", manifest=SETTLED, seen={"create": 1, "list": 2},
        outcome="The list is asked again; it is not taken for an empty one, so there is no second job."),
    "list 503": Case(
        does="loses a creation's answer, and answers the look-up with 503", faults=("lost-create", "5xx=503,on=list,times=2"),
        says=LISTED, way="listed", code="lookup.retry", manifest=SETTLED, seen={"create": 1, "list": 3},
        outcome="The list is asked again until it answers."),
    "creation not carried out": Case(
        does="closes the connection of a creation, which it does not carry out", faults=("drop,on=create",), says=LISTED, way="listed", manifest=SETTLED,
        outcome="The list does not have it, so it is created once more.", code="create.doubt", seen={"create": 2}),
    "malformed creation": Case(
        does="answers the creation with JSON that breaks off", faults=("malformed-json,on=create",), says=KEYED, code="create.no_id",
        outcome="Without an id it is no answer: the same key again, the same job.", seen={"create": 2}),
    "malformed creation, bare": Case(
        does="answers the creation with JSON that breaks off", faults=("malformed-json,on=create",), way="bare", jobs=2,
        code="create.no_id", numbers={"doubtful": 1}, told=("1 creation without an answer",),
        outcome="In doubt: a new job, and the report tells that a second one may be running."),
    "no id": Case(
        does="answers the creation without an id", faults=("no-id",), says=KEYED, code="create.no_id",
        outcome="In doubt: the same key again, the same job.", seen={"create": 2}),
    "xml to a JSON manifest": Case(
        does="answers in XML what the manifest reads as JSON", faults=("xml",), says=KEYED, records="none", good=False,
        code="create.in_doubt", told=("contacts",),
        outcome="No id can be read: after some tries the job is parked, for it may have been made."),
    "xml": Case(
        does="answers in XML", faults=("xml",), says="`XmlDecoder`", manifest={**XML, "prefix": "keyed"}, jobs=1,
        outcome="Read like JSON: paths lead into the elements."),
    "creation 503": Case(
        does="answers 503 to a creation", faults=("5xx=503,on=create,times=1",), says=KEYED, code="create.doubt",
        outcome="It may have been carried out: the same key again.", seen={"create": 2}),
    "creation 400": Case(
        does="refuses the creation with 400", faults=("5xx=400,on=create,times=always",), records="none", good=False, jobs=0,
        code="create.stop", told=("contacts", "create", "400"), outcome="The slice fails at once. Nothing is asked again.",
        seen={"create": 1}),
    "creation 401": Case(
        does="refuses the creation with 401", faults=("5xx=401,on=create,times=always",), records="none", good=False, jobs=0,
        code="create.halt", told=("401",), outcome="The stream halts and asks for a look at the credentials.", seen={"create": 1}),
    "busy": Case(
        does="answers 409 while another job runs", faults=("busy",), manifest={"parts": ("a", "b")}, jobs=2, code="create.retry",
        api={"job_seconds": 0.1}, outcome="Surely not made: asked again until there is room."),
    "creation 429": Case(
        does="answers 429 with Retry-After to a creation", faults=("429=1,on=create,times=1",), rate=1.0, code="create.throttled",
        outcome="The same request after the time that it asked for.", seen={"create": 2}, report={"early": 0}),
}  # fmt: skip

LIST = "a `download_target_requester`"
LOCATE = {"retriever": {"download_target_requester": {
    "type": "HttpRequester", "url_base": "{{ config['base'] }}", "path": f"keyed/{PATH}/{{{{ creation_response['id'] }}}}",
    "authenticator": {"type": "BearerAuthenticator", "api_token": "{{ config['api_key'] }}"}}}}  # fmt: skip

POLLING: dict[str, Case] = {
    "list of targets malformed": Case(
        does="answers the request for the targets with JSON that breaks off", faults=("malformed-json,on=poll,after=1",), says=LIST,
        manifest=LOCATE, code="locate.unreadable", seen={"create": 1, "poll": 3, "download": 2},
        outcome="Asked again; it is not taken for an empty list."),
    "poll login page": Case(
        does="answers a poll with 200 and an HTML login page", faults=("login-page,on=poll",), code="poll.unreadable",
        outcome="A failed poll: polled again.", seen={"create": 1, "poll": 2}),
    "poll cut": Case(
        does="breaks the connection in the middle of a poll's answer", faults=("reset=20,on=poll",), code="poll.retry",
        outcome="A failed poll: polled again.", seen={"create": 1, "poll": 2}),
    "poll 429": Case(
        does="answers 429 with Retry-After to a poll", faults=("429=1,on=poll,times=1",), rate=1.0, code="poll.throttled",
        outcome="Asked again after the time that it asked for.", seen={"poll": 2}, report={"early": 0}),
    "429 everywhere": Case(
        does="answers 429 with Retry-After once at every step", faults=("429=1,times=1,per=route",), rate=1.0, api={"files": 1}, code="fetch.throttled",
        outcome="Each step waits as long as it was asked to.", seen={"create": 2, "poll": 2}, report={"early": 0}),
    "rate limit": Case(
        does="takes 4 requests a second, and answers 429 beyond", faults=("rate-limit=4",), rate=1.0, manifest={"parts": ("a", "b", "c")},
        jobs=3, outcome="What was refused is asked again a second later.", code="poll.throttled"),
    "retry-after": Case(
        does="says Retry-After in the answer of a poll that is pending", faults=("retry-after=1",), api={"job_seconds": 0.5}, rate=1.0,
        outcome="The next poll comes no sooner.", report={"early": 0}),
    "poll 5xx": Case(
        does="answers polls with 503", faults=("5xx=503,on=poll,times=3",), code="poll.retry",
        outcome="A failed poll is not a failed job: polled again, with growing waits.", seen={"create": 1, "poll": 4}),
    "poll malformed": Case(
        does="answers a poll with JSON that breaks off", faults=("malformed-json,on=poll",), code="poll.unreadable",
        outcome="A failed poll is not a failed job: polled again.", seen={"create": 1, "poll": 2}),
    "poll dropped": Case(
        does="closes the connection of a poll", faults=("drop,on=poll",), code="poll.retry", outcome="Polled again.",
        seen={"create": 1, "poll": 2}),
    "poll hangs": Case(
        does="never answers a poll", faults=("hang,on=poll",), manifest=SHORT, says="`timeout`", code="poll.retry",
        outcome="Given up after the timeout, and polled again.", seen={"create": 1, "poll": 2}),
    "job takes its time": Case(
        does="takes its time", faults=("duration=0.1",), outcome="Polled at the cadence that the manifest says.", seen={"create": 1}),
    "latency": Case(does="answers slowly", faults=("latency=0.05",), outcome="Slowly."),
    "poll redirected": Case(
        does="redirects a poll to another host", faults=("redirect,on=poll",), outcome="Followed; no credentials go along.",
        report={"misplaced": []}),
    "redirect loop": Case(
        does="redirects polls in a circle, for ever", faults=("redirect-loop,on=poll",), records="none", good=False, attempts=1,
        manifest={"minutes": 1}, code="poll.retry", told=("redirects in a circle",), outcome="Polled until the deadline; then the job has timed out."),
    "unknown status": Case(
        does="tells a status that the mapping does not have", faults=("unknown-status=archiving",), records="none", good=False,
        code="status.unknown", told=("archiving", "contacts"), manifest={"abort": True}, report={"cancels": 1},
        outcome="The stream halts, says which status it was, and aborts the remote job."),
    "vanished": Case(
        does="forgets the job: polls get 404", faults=("vanished=0",), records="none", good=False, code="poll.stop",
        told=("404", "contacts"), outcome="The slice fails at once, with what was answered."),
    "vanished, retried": Case(
        does="forgets the job: polls get 404", faults=("vanished=0,times=1",), says="404 as RETRY in a response filter of the poll",
        manifest={"requesters": {"polling_requester": {"error_handler": {"type": "DefaultErrorHandler", "max_retries": 1, "response_filters": [
            {"type": "HttpResponseFilter", "http_codes": [404], "action": "RETRY"}]}}}, "minutes": 1},
        jobs=2, code="poll.retry", outcome="Polled until the deadline; then a new job is made."),
    "failed once": Case(
        does="fails the job", faults=("failed-once",), jobs=2, code="job.failed", outcome="A new remote job for the same slice.",
        seen={"create": 2}, numbers={"attempts": 1}),
    "failed": Case(
        does="fails every job", faults=("failed",), jobs=3, records="none", good=False, code="job.failed", told=("failed", "contacts"),
        outcome="Three remote jobs, then the slice has failed.", seen={"create": 3}),
    "timed out": Case(
        does="ends the job with a status that is mapped to timeout", faults=("timed-out,times=1",), jobs=2, code="job.timed_out",
        manifest={"abort": True}, outcome="Aborted where the manifest says how; then a new remote job.", report={"cancels": 1}),
    "never done": Case(
        does="never finishes", faults=("never-done",), records="none", good=False, attempts=1, manifest={"minutes": 0.2, "abort": True},
        code="job.deadline", report={"cancels": 1}, told=("timed out",),
        outcome="At the deadline (`polling_job_timeout`) the remote job is aborted and the slice has timed out."),
    "never done, no abort": Case(
        does="never finishes", faults=("never-done",), says="no `abort_requester`", records="none", good=False, attempts=1,
        manifest={"minutes": 0.2}, code="job.deadline", told=("jobstream jobs orphans",), numbers={"orphans": 1},
        outcome="Timed out; the remote job, which may run on, is listed by `jobs orphans`."),
    "no urls": Case(
        does="says ready, with an empty list of URLs", faults=("no-urls",), records="none", code="", seen={"download": 0},
        outcome="A success without records, as Airbyte has it; the report tells that there was nothing to download.",
        told=("nothing to download",)),
}  # fmt: skip

DOWNLOAD: dict[str, Case] = {
    "reset": Case(
        does="resets the connection in the middle of a file", faults=("reset=700,file=0",), code="fetch.retry",
        outcome="Gone on with at the same byte, by Range and If-Range.", seen={"download": 3}),
    "short body": Case(
        does="sends fewer bytes than Content-Length tells", faults=("short-body=200,file=0",), code="fetch.retry",
        outcome="Refused; the missing bytes are asked for by Range.", seen={"download": 3}),
    "reset, no ranges": Case(
        does="resets the connection, and does not know Range", faults=("reset=700,file=0", "no-ranges"), code="fetch.retry",
        outcome="The file is read again from its first byte.", seen={"download": 3}),
    "reset, another file": Case(
        does="resets the connection, and has another file afterwards", faults=("reset=700,file=0", "changed-file,after=1,file=0"),
        code="fetch.retry", outcome="If-Range sees it: the new file is read from its first byte, nothing is mixed."),
    "reset, a piece of another file": Case(
        does="sends a piece of another file and ignores If-Range", code="fetch.retry",
        faults=("reset=700,file=0", "changed-file,after=1,file=0", "no-if-range"),
        outcome="The ETag differs: the piece is thrown away, the new file is read from its first byte."),
    "reset, wrong range": Case(
        does="answers a Range with bytes from elsewhere", faults=("reset=700,file=0", "wrong-range,times=1"), code="fetch.retry",
        outcome="Content-Range is looked at: thrown away, and read from the first byte."),
    "slow drip": Case(does="sends the file drop by drop", faults=("slow-drip=8000",), outcome="Waited for, as long as bytes come."),
    "silence": Case(
        does="does not answer a download", faults=("hang,on=download",), manifest=SHORT, says="`timeout`", code="fetch.retry",
        outcome="Given up after the timeout, and asked again."),
    "chunked": Case(does="sends chunks instead of a Content-Length", faults=("chunked",), outcome="Read to the last chunk."),
    "chunked, cut": Case(
        does="breaks off between chunks", faults=("chunked", "reset=700,file=0"), code="fetch.retry",
        outcome="The last chunk is missing, so it is no end: gone on with at the same byte."),
    "until close": Case(
        does="tells no length at all and ends with the connection", faults=("until-close",),
        outcome="Taken; the gzip trailer says whether it is whole."),
    "until close, cut": Case(
        does="tells no length and closes too soon", faults=("until-close", "cut-gzip,times=1,file=0"), code="data.gzip", jobs=2,
        outcome="The gzip trailer is missing: refused, nothing of it stays, a new attempt."),
    "content-encoding": Case(
        does="gzips the gzip once more, told by Content-Encoding", faults=("content-encoding",), outcome="Both are taken off."),
    "download 5xx": Case(
        does="answers a download with 503", faults=("5xx=503,on=download,times=2",), code="fetch.retry", outcome="Asked again."),
    "download 429": Case(
        does="answers 429 with Retry-After to a download", faults=("429=1,on=download,times=1",), rate=1.0, api={"files": 1}, code="fetch.throttled",
        outcome="Asked again after the time that it asked for.", report={"early": 0}),
    "download 5xx for ever": Case(
        does="answers every download with 503", faults=("5xx=503,on=download,times=always",), records="none", good=False, attempts=1,
        code="fetch.retry", told=("503", "contacts"), outcome="After the retries the slice has failed.", rate=200.0),
    "link expired": Case(
        does="lets links expire before they are used", faults=("link-expires=0,times=2",), code="fetch.relist",
        outcome="Polled once more for fresh links; nothing is created anew.", seen={"create": 1}),
    "link expired in the middle": Case(
        does="resets a download, and its link has expired since", faults=("reset=700,file=0", "link-uses=1,file=0"), code="fetch.relist",
        outcome="Polled once more for a fresh link, and gone on with at the same byte.", seen={"create": 1}),
    "link used up": Case(
        does="lets a link work only once, and resets it", faults=("reset=900,times=1", "link-uses=1"), code="fetch.relist",
        outcome="Polled once more for fresh links, and gone on with at the same byte.", seen={"create": 1}),
    "redirected": Case(
        does="redirects a download to another host", faults=("redirect,on=download",), outcome="Followed; no credentials go along.",
        report={"misplaced": []}),
    "credentials": Case(
        does="answers 400 to any Authorization at a link", faults=(), outcome="A download gets none.", report={"misplaced": []}),
}  # fmt: skip

CONTENT: dict[str, Case] = {
    "login page": Case(
        does="answers 200 and an HTML login page once", faults=("login-page",), code="data.not_records",
        outcome="No records: polled for a fresh link and asked again.", seen={"create": 1}),
    "login page for ever": Case(
        does="answers 200 and an HTML login page", faults=("login-page,times=always",), records="none", good=False,
        code="data.not_records", told=("HTML page", "contacts"), outcome="Refused; the message shows how the page begins."),
    "status document": Case(
        does="answers 200 and a status document once", faults=("status-document",), code="data.not_records",
        outcome="No records: polled for a fresh link and asked again.", seen={"create": 1}),
    "status document, JSON": Case(
        does="answers 200 and a status document once", faults=("status-document",), says="`JsonDecoder`", code="data.not_records",
        api={"format": "json"}, manifest={"decoder": {"type": "JsonDecoder"}},
        outcome="Not taken for a record, though it is JSON: polled and asked again.", seen={"create": 1}),
    "error document": Case(
        does="answers 200 and a JSON error once", faults=("error-json",), code="data.not_records",
        outcome="No records: polled for a fresh link and asked again.", seen={"create": 1}),
    "error document, JSON": Case(
        does="answers 200 and a JSON error for ever", faults=("error-json,times=always",), says="`JsonlDecoder`", code="data.not_records",
        api={"format": "jsonl"}, manifest={"decoder": {"type": "JsonlDecoder"}}, records="none", good=False, told=("internal error",),
        outcome="Refused; the message shows the error."),
    "cut gzip": Case(
        does="sends a gzip that was cut, with a fitting Content-Length", faults=("cut-gzip",), records="none", good=False, jobs=3,
        code="data.gzip", told=("contacts",), outcome="Refused, and nothing of it stays; after three attempts the slice has failed."),
    "cut gzip trailer": Case(
        does="sends a gzip that lacks only its trailer", faults=("cut-gzip=8",), records="none", good=False, jobs=3, code="data.gzip",
        outcome="Refused: without the trailer nobody knows that it is whole."),
    "cut gzip once": Case(
        does="sends a gzip that was cut, once", faults=("cut-gzip,times=1",), jobs=2, code="data.gzip",
        outcome="Refused; the next attempt brings it whole, each record once."),
    "corrupt gzip": Case(
        does="sends a gzip with a wrong byte", faults=("corrupt-gzip",), records="none", good=False, jobs=3, code="data.gzip",
        outcome="Refused, and nothing of it stays; after three attempts the slice has failed."),
    "one bad file": Case(
        does="sends one good file and one that was cut", faults=("cut-gzip,file=1",), records="none", good=False, jobs=3,
        code="data.gzip", outcome="What the good one had delivered is taken back when the slice has failed."),
    "two members": Case(does="sends a gzip of two members", faults=("two-members",), outcome="Both are read."),
    "double gzip": Case(does="sends gzip in gzip", faults=("double-gzip",), outcome="Both are taken off."),
    "content type": Case(does="tells a wrong Content-Type", faults=("content-type=text/html",), outcome="The bytes count, not the label."),
    "no content type": Case(does="tells no Content-Type", faults=("no-content-type",), outcome="The bytes count, not the label."),
    "content type expected": Case(
        does="tells a wrong Content-Type", faults=("content-type=text/html",), says="`expect: media`", records="none", good=False,
        manifest={"retriever": {"x-jobstream": {"settle": 1.0, "expect": {"media": ["application/gzip"]}}}}, code="data.media", jobs=3,
        told=("text/html",), outcome="Refused, because the manifest says what it must be."),
    "empty file": Case(does="sends a file without a byte", faults=("empty-file,file=0",), outcome="No records from it; the others come."),
    "empty file, plain": Case(
        does="sends an empty body", faults=("empty-file,file=0",), api={"gzip": False}, outcome="No records from it; the others come."),
    "header only": Case(does="sends a header and no rows", faults=("header-only,file=0",), outcome="No records from it; the others come."),
    "quoted newlines": Case(
        does="has line ends, quotes and commas in quoted fields", faults=("quoted-newlines",), outcome="Exactly the fields that were written."),
    "byte order mark": Case(does="begins with a byte order mark", faults=("bom",), outcome="It is no part of the first column's name."),
    "NUL bytes": Case(does="has NUL bytes in fields", faults=("nul",), outcome="They stay in the fields."),
    "latin-1": Case(
        does="writes ISO 8859-1", faults=("latin-1",), says="`encoding: latin-1`", manifest={"decoder": {"type": "CsvDecoder", "encoding": "latin-1"}},
        outcome="Read as told."),
    "latin-1, untold": Case(
        does="writes ISO 8859-1 where UTF-8 is expected", faults=("latin-1",), records="none", good=False, jobs=3, code="data.encoding",
        outcome="Refused: a charset is never guessed."),
    "semicolons": Case(
        does="writes semicolons between fields", faults=("semicolons",), says="`delimiter: ;`",
        manifest={"decoder": {"type": "CsvDecoder", "delimiter": ";"}}, outcome="Read as told."),
    "semicolons, untold": Case(
        does="writes semicolons where commas are expected", faults=("semicolons",), records="none", good=False, jobs=3, code="data.csv",
        told=("';'", "delimiter"), outcome="Refused: a header of one column that holds another delimiter is not believed."),
    "ragged": Case(
        does="has rows that are too short or too long", faults=("ragged",), records=60, numbers={"fitted": 12},
        told=("12 rows had too few or too many cells",),
        outcome="As Airbyte has it: missing cells are null, extra ones are dropped; the report tells how many rows."),
    "JSON, cut": Case(
        does="sends JSON lines that break off in a line", faults=("until-close", "cut-gzip,times=1,file=0"), api={"format": "jsonl"}, jobs=2,
        manifest={"decoder": {"type": "JsonlDecoder"}}, code="data.gzip", outcome="Refused; the next attempt brings it whole."),
}  # fmt: skip

CHAPTERS: dict[str, dict[str, Case]] = {
    "Creation": CREATION,
    "Polling": POLLING,
    "Download": DOWNLOAD,
    "What is in the file": CONTENT,
}
CASES: dict[str, Case] = {name: case for chapter in CHAPTERS.values() for name, case in chapter.items()}
