"""Scripts of real conversations through the hand-compiled plans: only the answers are given, the events are asked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from jobstream.components.catalog import Catalog
from jobstream.components.lint import lint
from jobstream.engine.exchange import page_names
from jobstream.engine.render import render
from jobstream.jobs.command import Bring, Quit, Relist, Rest, Retract, Send, Wait, decide
from jobstream.jobs.event import Answer, AnyEvent, Counts, Slice, StatusSeen, Stored
from jobstream.jobs.job import Job, apply, fold
from jobstream.meaning.case import Case, exchange_of, plan_job, sent
from jobstream.meaning.conclude import conclude
from jobstream.meaning.ending import quit_job, retracted
from jobstream.meaning.listing import relist
from jobstream.meaning.parts import part_delivered, part_stored
from jobstream.meaning.read import Answered, Lost, Result, Tools, scope_of, through
from jobstream.plan.exchange import Rule, When
from jobstream.plan.source import SourcePlan
from jobstream.plan.wire import decode, encode, fingerprint
from jobstream.template.handlebars import Handlebars
from jobstream.template.jinja import Jinja
from jobstream.template.language import Language
from shapes.every import ALL

CATALOG = Catalog()


def language(plan: SourcePlan) -> Language:
    return Jinja(plan.names) if plan.language == "jinja" else Handlebars(plan.names)


def a(code: int, body: Any = None, stored: bool = False, page: Any = None, **headers: str) -> Result:
    raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answered(Answer(code=code, body=raw, headers={k.lower().replace("_", "-"): v for k, v in headers.items()}),
                    Stored(0, "x", (len(raw),)) if stored else None, page)  # fmt: skip


CONFIG = {"token": "t", "connection": {"token": "t", "x": "1"}, "instance": "https://sf", "config": "c"}


class Talk:
    def __init__(self, source: SourcePlan, piece: Slice | None = None, cut: int = 0, retracts: bool = False) -> None:
        self.source, self.plan, self.events = source, source.streams[0].retrieval, list[AnyEvent]()
        self.tools = Tools(language(source), source.default_rules, lambda s: (s,) * cut, retracts, config=CONFIG)
        self.now = 1000.0
        piece = piece or Slice(window=("2026-01-01", "2026-01-31"))
        self.job = self._take(None, plan_job(self.plan, "s", piece, "k", self.now))

    def _take(self, job: Job | None, e: AnyEvent) -> Job:
        self.events.append(e)
        return apply(job, e, "j")

    def run(self, answers: list[tuple[str, Result]], fetches: list[Result | None] | None = None) -> Job:
        script, more = list(answers), list(fetches or [])
        for _ in range(200):
            c = Case(self.plan, self.job, self.now, self.tools)
            out: tuple[AnyEvent, ...] = ()
            match decide(self.job, self.now):
                case Wait(until=until):
                    self.now = until
                case Rest():
                    break
                case Relist():
                    out = (relist(c),)
                case Retract():
                    out = (retracted(c),)
                case Quit():
                    out = (quit_job(c),)
                case Send() as cmd:
                    if not script:
                        break
                    step, result = script.pop(0)
                    assert step == cmd.step, f"wanted to ask {cmd.step}, the script has {step}"
                    out = self._send(cmd, result)
                case Bring():
                    out = self._bring(more)
            for e in out:
                self.job = self._take(self.job, e)
            self.now += 1.0
        assert not script, f"not asked: {len(script)}, {script[0][0]}"
        assert fold("j", list(enumerate(self.events, 1))) == self.job
        return self.job

    def _send(self, cmd: Send, result: Result) -> tuple[AnyEvent, ...]:
        ex = exchange_of(self.plan, cmd.step, cmd.n)
        if cmd.step == "create":
            self.job = self._take(self.job, sent(self.plan, self.job, self.now))
        if ex is not None:  # every template of it renders
            render(ex.request, scope_of(self.job, self.tools, page=page_names(self.job.page)), self.tools.language)
            if isinstance(result, Answered):
                result = Answered(through(ex.reading, result.answer), result.stored, result.page)
        return conclude(self.plan, self.job, cmd, result, self.now, self.tools)

    def _bring(self, more: list[Result | None]) -> tuple[AnyEvent, ...]:
        i = next(i for i, t in enumerate(self.job.targets) if not t.done)
        c = Case(self.plan, self.job, self.now, self.tools)
        if self.job.targets[i].stored:
            return (part_delivered(c, i, Counts(), "r"),)
        bad = more.pop(0) if more else None
        if bad is not None:
            return conclude(self.plan, self.job, Send("fetch"), bad, self.now, self.tools)
        return (part_stored(c, i, Stored(self.job.targets[i].delivered, "x", (1,)), None),)

    @property
    def kinds(self) -> str:
        return " ".join(type(e).__name__ for e in self.events)


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_shape_round_trips_and_passes_lint(name: str) -> None:
    plan = ALL[name]
    assert decode(encode(plan)) == plan
    assert fingerprint(decode(encode(plan))) == fingerprint(plan)
    findings = lint(plan, CATALOG, language(plan))
    assert [f for f in findings if f.code != "unknown_component" and not f.warning] == []
    assert {f.saw for f in findings if not f.warning} <= {"zip"}, findings


def test_sendgrid_relists_stale_links_and_keeps_receipts() -> None:
    t = Talk(ALL["sendgrid"])
    job = t.run([("create", a(202, {"id": "x"})), ("poll", a(200, {"status": "pending"})), ("poll", a(429, retry_after="9")),
                 ("poll", a(200, {"status": "ready", "urls": ["u1", "u2"]})),
                 ("locate", a(200, {"status": "ready", "urls": ["u3", "u4"]}))], [None, a(403)])  # fmt: skip
    assert job.phase == "done" and [x.delivered for x in job.targets] == [1, 1] and job.targets[1].value == "u4"
    assert t.kinds.count("PartDelivered") == 2


def test_a_status_that_no_list_names_halts_the_stream() -> None:
    job = Talk(ALL["sendgrid"]).run([("create", a(202, {"id": "x"})), ("poll", a(200, {}))])
    assert job.phase == "failed" and job.halt and job.fault and (job.fault.code, job.fault.seen) == ("status.missing", "None")


def test_salesforce_in_doubt_is_looked_up_by_time() -> None:
    mine = {"records": [{"id": "old", "createdDate": 1.0}, {"id": "750", "createdDate": 1e9}]}
    job = Talk(ALL["salesforce"]).run([("create", Lost(sent=True, why="reset")), ("lookup", a(200, mine)),
                                       ("poll", a(200, {"state": "JobComplete"})), ("delete", a(204))])  # fmt: skip
    assert (job.phase == "done" and job.attempt == 1 and job.api_id == 750) or job.api_id == "750"


def test_sp_api_cancelled_is_no_data_and_links_die_after_five_minutes() -> None:
    none = ("before", a(200, {"reports": []}))
    job = Talk(ALL["sp_api"]).run(
        [none, ("create", a(202, {"reportId": "1"})), ("poll", a(200, {"processingStatus": "CANCELLED"}))]
    )
    assert job.phase == "skipped"
    t = Talk(ALL["sp_api"])
    job = t.run([none, ("create", a(202, {"reportId": "1"})), ("poll", a(200, {"processingStatus": "DONE", "reportDocumentId": "d"})),
                 ("locate", a(200, {"url": "u1"})), ("locate", a(200, {"url": "u2"}))], [a(500, retry_after="300")])  # fmt: skip
    assert job.phase == "done" and job.targets[0].value == "u2" and job.attempt == 1
    job = Talk(ALL["sp_api"]).run([("before", a(200, {"reports": [{"dataStartTime": "2026-01-01", "reportId": "9"}]})),
                                   ("poll", a(200, {"processingStatus": "DONE", "reportDocumentId": "d"})), ("locate", a(200, {"url": "u"}))])  # fmt: skip
    assert job.phase == "done" and not job.made and job.api_id == "9"


def test_amazon_ads_adopts_what_425_names() -> None:
    job = Talk(ALL["amazon_ads"], Slice({"profile_id": "p"}, ("2026-01-01", "2026-01-31"))).run([
        ("create", a(425, {"detail": "duplicate of 01234567-89ab-cdef-0123-456789abcdef"})), ("poll", a(401)),
        ("poll", a(200, {"status": "COMPLETED", "url": "u"}))])  # fmt: skip
    assert job.phase == "done" and not job.made and job.api_id == "01234567-89ab-cdef-0123-456789abcdef"


def test_shopify_waits_for_its_slot_gives_up_and_takes_what_a_failed_job_left() -> None:
    busy = a(200, {"data": {"bulkOperationRunQuery": {"userErrors": [{"code": "OPERATION_IN_PROGRESS"}]}}})
    ok = a(200, {"data": {"bulkOperationRunQuery": {"bulkOperation": {"id": "g1"}, "userErrors": []}}})

    def node(**k: Any) -> Result:
        return a(200, {"data": {"node": {"errorCode": None, "url": None, "partialDataUrl": None, **k}}})

    job = Talk(ALL["shopify"]).run([*[("create", busy)] * 9, ("create", ok), ("poll", node(status="COMPLETED"))])
    assert job.phase == "skipped" and job.attempt == 1 and job.api_id == "g1"
    t = Talk(ALL["shopify"])
    t.plan = replace(t.plan, policy=replace(t.plan.policy, busy_for=300.0))
    job = t.run([("create", busy)] * 8)
    assert job.phase == "failed" and job.fault and job.fault.code == "create.busy" and t.now > 1300
    job = Talk(ALL["shopify"]).run([("create", ok), ("poll", node(status="FAILED", partialDataUrl="p"))])
    assert job.phase == "done" and job.partial and job.targets[0].value == "p"
    job = Talk(ALL["shopify"]).run([("create", ok), ("poll", node(status="FAILED"))])
    assert job.phase == "failed"
    job = Talk(ALL["shopify"], cut=2).run(
        [("create", ok), ("poll", node(status="FAILED", errorCode="TIMEOUT")), ("abort", a(200, {}))]
    )
    assert job.phase == "split" and len(job.children) == 2


def test_snowflake_code_is_status_and_first_rows_are_here() -> None:
    done = a(200, {"statementHandle": "h", "resultSetMetaData": {"partitionInfo": [{}, {}, {}]}, "data": [["1"]]}, stored=True)
    job = Talk(ALL["snowflake"]).run([("create", Lost(sent=True, why="cut")), ("create", a(202, {"statementHandle": "h"})),
                                      ("poll", a(202)), ("poll", done)])  # fmt: skip
    assert job.phase == "done" and [t.value for t in job.targets] == [None, 1, 2] and job.attempt == 1
    job = Talk(ALL["snowflake"]).run([("create", done)])
    assert job.phase == "done"
    bad = [("create", a(202, {"statementHandle": "h"})), ("poll", a(422, {"message": "SQL compilation error"}))]
    job = Talk(ALL["snowflake"]).run(bad * 3)
    assert job.phase == "failed" and job.fault and job.fault.say == "SQL compilation error"


def test_fhir_manifest_of_three_lists_grows_while_the_job_runs() -> None:
    man = {"output": [{"url": "o1", "count": 2}], "deleted": [{"url": "d1"}], "error": [{"url": "e1"}]}
    t = Talk(ALL["fhir"])
    job = t.run([("create", a(202, Content_Location="https://f/1")), ("poll", a(202, X_Progress="10%", Retry_After="120")), ("poll", a(503)),
                 ("poll", a(200, man)), ("locate", a(200, man, page="https://f/1/2")), ("locate", a(202)),
                 ("locate", a(200, {"output": [{"url": "o2", "count": 1}]})), ("delete", a(202))])  # fmt: skip
    assert job.phase == "done" and [(x.tag, x.report) for x in job.targets] == [
        ("", False),
        ("deleted", False),
        ("error", True),
        ("", False),
    ]
    seen = next(e for e in t.events if isinstance(e, StatusSeen))
    assert seen.progress == "10%" and 120 <= seen.wake_at - seen.at <= 132


def test_the_rest_of_the_shapes_end() -> None:
    job = Talk(ALL["pygeoapi"]).run(
        [
            ("create", a(201, b"null", Location="http://g/jobs/1")),
            ("poll", a(200, {"status": "successful"})),
            ("delete", a(200)),
        ]
    )
    assert job.phase == "done" and job.api_id == "http://g/jobs/1"

    def days(*s: str) -> Result:
        return a(200, {"details": [{"status": x, "days": ["d"]} for x in s]})

    job = Talk(ALL["twilio"]).run([("create", a(201, {"job_sid": "J"})), ("poll", days()), ("poll", days("Completed", "Running")),
                                   ("poll", days("CompletedEmptyRecords")), ("delete", a(204))])  # fmt: skip
    assert job.phase == "skipped"
    no, yes = (a(200, {"log_request_evaluation": {"possible": x}}) for x in (False, True))
    assert Talk(ALL["yandex"], cut=2).run([("before", no)]).phase == "split"
    job = Talk(ALL["yandex"]).run([("before", yes), ("create", a(200, {"log_request": {"request_id": 7}})),
                                   ("poll", a(200, {"log_request": {"status": "processed", "parts": [{}, {}]}})), ("delete", a(500)), ("delete", a(200))])  # fmt: skip
    assert job.phase == "done" and [x.value for x in job.targets] == [0, 1] and not job.orphans
    job = Talk(ALL["bing"]).run(
        [
            ("create", a(200, {"ReportRequestId": "1"})),
            ("poll", a(200, {"ReportRequestStatus": {"Status": "Success", "ReportDownloadUrl": None}})),
        ]
    )
    assert job.phase == "skipped"
    job = Talk(ALL["github"]).run([("poll", a(202)), ("poll", a(200, [{"total": 1}], stored=True))])
    assert job.phase == "done" and job.targets[0].key == "here"
    bad, new = ("poll", a(200, {"async_status": "Job Failed"})), ("create", a(200, {"report_run_id": 5}))
    job = Talk(ALL["facebook"], Slice(partition={"object_id": "1"}), cut=3).run([new, bad, new, bad])
    assert job.phase == "split" and len(job.children) == 3 and job.attempt == 2


def test_celigo_and_simple() -> None:
    job = Talk(ALL["celigo_last"]).run([("create", a(200, {"job": "7"})), ("poll", a(200, {"state": "OK"}, stored=True))])
    assert job.phase == "done"
    assert (
        Talk(ALL["celigo_last"]).run([("create", a(200, {"job": "7"})), ("poll", a(200, {"state": "NONE"}))]).phase == "skipped"
    )
    assert Talk(ALL["celigo_same"]).run([("create", a(200, {"feed": {"id": 1, "state": "DONE"}}))]).phase == "done"
    job = Talk(ALL["celigo_one"]).run([("poll", a(200, {"state": "RUN"})), ("poll", a(200, {"state": "OK"}, stored=True))])
    assert job.phase == "done" and job.attempt == 1
    piece = Slice({"project_id": 1}, ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"))
    t = Talk(ALL["simple"], piece)
    assert t.run([], [a(500)]).phase == "done" and t.kinds == "Planned Retried PartStored PartDelivered"
    assert Talk(ALL["simple"], piece).run([], [a(403)]).halt


def test_a_create_whose_answer_is_lost_is_in_doubt_whatever_the_dialect_calls_it() -> None:
    t = Talk(ALL["sendgrid"])
    assert t.run([("create", Lost(sent=True, why="reset"))]).phase == "creating"
    silent = Talk(ALL["celigo_last"])  # its table says retry, as every dialect's does
    assert silent.run([("create", Lost(sent=True, why="reset"))]).phase == "creating" and silent.job.unsure
    job = t.run([("lookup", a(0)), ("create", a(202, {"id": "2"}))])
    assert job.attempt == 2 and job.phase == "running" and job.orphans == 1


def test_a_refused_repeat_says_nothing_about_the_first_create() -> None:
    t = Talk(ALL["snowflake"])
    job = t.run([("create", Lost(sent=True, why="reset")), ("create", a(429))])
    assert job.phase == "creating" and job.unsure
    assert t.run([("create", a(400))]).phase == "parked"


def test_a_template_that_raises_stops_the_job_with_its_pointer() -> None:
    t = Talk(ALL["facebook"], Slice(partition={"object_id": "1"}))
    job = t.run([("create", a(200, {"report_run_id": 5})), ("poll", a(200, b'"text"'))])
    assert job.phase == "running", "a missing attribute is empty, not a fault"
    assert t.plan.poll is not None
    ex = replace(t.plan.poll.exchange, rules=((Rule(then="failed", when=When(holds="response.a / 0")),),))
    t.plan = replace(t.plan, poll=replace(t.plan.poll, exchange=ex))
    job = t.run([("poll", a(200, {"a": 1}))])
    assert job.phase == "failed" and job.fault and job.fault.code == "template.failed"
    assert job.fault.at == "/retrieval/poll/exchange/rules/0/0/when/holds"


def test_budgets_end() -> None:
    job = Talk(ALL["sendgrid"]).run([("create", a(429))] * 18)
    assert job.phase == "failed" and job.attempt == 3 and job.fault and job.fault.code == "create.throttled"
    job = Talk(ALL["sendgrid"]).run([("create", a(202, {"id": "1"})), *[("poll", a(503))] * 12])
    assert job.phase == "running" and job.attempt == 1, "a failed poll is not a failed job: the deadline decides"


def test_a_completed_job_that_is_read_late_is_completed() -> None:
    """A slow worker must not turn completed into timed out: the deadline is judged on a fresh answer that says running."""
    for answer, phase in ((a(200, {"status": "ready", "urls": ["u"]}), "done"), (a(200, {"status": "pending"}), "planned")):
        t = Talk(ALL["sendgrid"])
        t.run([("create", a(202, {"id": "x"}))])
        t.now += 1e6
        assert t.run([("poll", answer)]).phase == phase
