"""THE TABLE of faults: what each code means in words, and what to do about it."""

from __future__ import annotations

from typing import NamedTuple

from jobstream.jobs.event import Fault

STEPS: dict[str, str] = {
    "create": "creation", "poll": "poll", "lookup": "look-up", "locate": "target request", "fetch": "download",
    "abort": "abort", "delete": "delete", "before": "preparation", "start": "start",
}  # fmt: skip
_REQUESTERS: dict[str, str] = {
    "create": "creation_requester", "poll": "polling_requester", "locate": "download_target_requester",
    "fetch": "download_requester", "abort": "abort_requester", "delete": "delete_requester", "lookup": "lookup",
}  # fmt: skip


class Remedy(NamedTuple):
    """says: about what was seen, `{seen}` · do: what to do next, if anything"""

    says: str
    do: str = ""


_AGAIN = "run again; what is done stays done"
_FILTER = "compare the request with the API's documentation; if such an answer is to be asked again or passed over, say so in the error_handler of the {where}"
#: of an answer or its absence, by verdict; after the name of the step
VERDICTS: dict[str, Remedy] = {
    "stop": Remedy("was answered {seen}", _FILTER),
    "halt": Remedy("was answered {seen}", "check the credentials in the config, and what they are allowed to"),
    "retry": Remedy("{seen}", "the API is out of order or out of reach: later, " + _AGAIN),
    "throttled": Remedy("was answered {seen}", "ask less: `rate` or `jobs` in the settings; then " + _AGAIN),
    "sign": Remedy("was answered {seen}, also with a new token", "check the credentials in the config"),
    "busy": Remedy("was answered {seen}: no room for another job", "when the API's other jobs have ended, " + _AGAIN),
    "doubt": Remedy("{seen}: nobody knows whether the job was made", "give x-jobstream an idempotency_key or a lookup"),
    "failed": Remedy("was answered {seen}, which the rules call a failure", _FILTER),
    "relist": Remedy("was answered {seen}, also with fresh links", "look whether the links live long enough; " + _AGAIN),
    "restart": Remedy("was answered {seen}: to be read again from the first page", _AGAIN),
    "unreadable": Remedy("was answered {seen}", "look at the answer; the decoder says what is expected"),
}  # fmt: skip
FAULTS: dict[str, Remedy] = {
    "create.no_id": Remedy("creation was answered {seen}, without the id of a job",
                           "polling_requester names where the id is in creation_response: compare it with the answer"),
    "create.in_doubt": Remedy("a creation had no answer: nobody knows whether the remote job was made",
                              "look at the API, then `jobstream jobs resolve JOB --found ID` or `--not-made`"),
    "create.not_made": Remedy("the creation was not carried out, a person said"),
    "create.lost": Remedy("the answer to the creation was lost", _AGAIN),
    "job.failed": Remedy("the API says that the job failed: {seen}", "ask the API why; running again makes a new remote job"),
    "job.timed_out": Remedy("the API says that the job took too long: {seen}", "ask for less at a time; " + _AGAIN),
    "job.deadline": Remedy("the job was still {seen} at its deadline", "a longer polling_job_timeout, or less at a time"),
    "job.stalled": Remedy("the job made no progress: {seen}", "a longer `stall`, or ask the API why"),
    "job.cancelled": Remedy("cancelled"),
    "status.unknown": Remedy("poll: the API told status '{seen}', which the status mapping does not have",
                             "add it to status_mapping, then run again"),
    "status.missing": Remedy("poll: there is no status in the answer where it is looked for",
                             "compare the path of the status with the answer (`--trace FILE` keeps all answers)"),
    "targets.missing": Remedy("the API said that it is ready, and gave nothing to download", "look at the answer of the last poll"),
    "targets.changed": Remedy("the list of downloads is not the one that was there before", _AGAIN),
    "targets.stale": Remedy("the download links grew stale, also fresh ones", "look whether links live long enough"),
    "data.not_records": Remedy("download: {seen}", "it is no data: is the link right, does it want credentials (authenticator)?"),
    "data.gzip": Remedy("download: the gzip is not whole or not sound: {seen}", "the API sends it so: tell its owner, or " + _AGAIN),
    "data.zip": Remedy("download: the zip is not whole or not sound: {seen}", "the API sends it so: tell its owner, or " + _AGAIN),
    "data.zstd": Remedy("download: the zstd is not whole or not sound: {seen}", "the API sends it so: tell its owner, or " + _AGAIN),
    "data.bomb": Remedy("download: it unpacks to far more than its size allows: {seen}", "if it is meant, raise the limit"),
    "data.layers": Remedy("download: packed more often than three times: {seen}"),
    "data.encoding": Remedy("download: {seen}", "name the charset: `encoding` of the decoder"),
    "data.csv": Remedy("download: it does not read as CSV: {seen}", "compare delimiter, quotes and header of the decoder with the file"),
    "data.columns": Remedy("download: {seen}", "compare the header with the file"),
    "data.json": Remedy("download: it does not read as JSON: {seen}", "compare decoder and extractor with the file"),
    "data.xml": Remedy("download: it does not read as XML: {seen}", "compare decoder and extractor with the file"),
    "data.text": Remedy("download: {seen}", "compare the decoder with the file"),
    "data.media": Remedy("download: its Content-Type is {seen}", "x-jobstream's expect.media says what it must be"),
    "data.count": Remedy("download: {seen}", "the API promised another number: tell its owner, or " + _AGAIN),
    "data.cursor": Remedy("download: the cursor field cannot be read: {seen}", "compare cursor_field and datetime formats with the records"),
    "data.lost": Remedy("rows that were in an answer are gone from the spool", _AGAIN),
    "spool.lost": Remedy("bytes are gone from the spool", _AGAIN),
    "slice.broken": Remedy("reading was broken off, and begins again"),
    "answer.too_long": Remedy("an answer is too long: {seen}", "is it the data itself? then it is a download"),
    "page.too_long": Remedy("a page is too long: {seen}", "ask for smaller pages"),
    "page.loop": Remedy("the next page is the same page: {seen}", "compare the paginator with the API's answers"),
    "template.failed": Remedy("a template cannot be rendered: {seen}", "correct it; `jobstream validate` shows the names that it sees"),
    "request.unsendable": Remedy("a request cannot be sent: {seen}", "correct what the template makes; an address begins with https://"),
    "host.not_named": Remedy("credentials were to go to {seen}, which the document does not name",
                             "if that is meant, write the host into the requester's url"),
    "auth.refused": Remedy("the credentials were refused: {seen}", "check them in the config"),
}  # fmt: skip


def remedy_of(fault: Fault) -> Remedy:
    """In words. What the person's own document says about an answer goes first."""
    seen = " ".join((fault.seen or fault.say).split())
    if fault.code in FAULTS:
        says, do = FAULTS[fault.code]
        return Remedy(says.replace("{seen}", seen), do)
    step, _, verdict = fault.code.partition(".")
    if step not in STEPS or verdict not in VERDICTS:
        return Remedy(seen or fault.code)
    says, do = VERDICTS[verdict]
    said = f"{STEPS[step]} {says}".replace(" {seen}", f": {seen}" if says.startswith("{seen}") else f" {seen}")
    own = f"{fault.say}: " if fault.say and fault.seen else ""
    return Remedy(own + said, do.replace("{where}", _REQUESTERS.get(step, "requester")))
