"""Answers read, rules matched, waits computed: the corners that the walks do not reach."""

from __future__ import annotations

import pytest
from msgspec import structs

from jobstream.jobs.command import Send
from jobstream.jobs.event import Answer, AnyEvent, AttemptEnded, Created, Fault, PartStored, Retried, Slice, Stored, Target
from jobstream.jobs.job import Job, Targets, fold
from jobstream.meaning.advice import advice
from jobstream.meaning.case import Case, plan_job
from jobstream.meaning.conclude import conclude
from jobstream.meaning.ending import passed, resolve
from jobstream.meaning.judge import RuleFault, judge
from jobstream.meaning.listing import listed
from jobstream.meaning.looks import no_records
from jobstream.meaning.parts import may_wait, part_lost, part_stored
from jobstream.meaning.read import Answered, Broken, Lost, Tools, found, kept, pick, scope_of, spell, through, value_of, view
from jobstream.meaning.status import has_rows, is_kept, read_status
from jobstream.meaning.wait import pause
from jobstream.plan.component import Component
from jobstream.plan.exchange import Exchange, Name, Paged, Read, Reading, Request, Rule, Wait, When
from jobstream.plan.retrieval import Count, Each, Fetch, Here, Policy, Poll, Retrieval, StatusMap
from jobstream.plan.source import SourcePlan
from jobstream.plan.stream import Records, StreamPlan
from jobstream.template.language import TemplateFault
from jobstream.testing.small import language_of

EX = Exchange(request=Request(url="x"))
STATUS = StatusMap(value=Read(("status",)), map={"ready": "completed", "wait": "running", "bad": "failed"})
POLL = Poll(exchange=EX, status=STATUS)
PLAN = Retrieval(fetch=Fetch(exchange=EX), create=EX, poll=POLL, job_id=Read(("id",)))
JOB = Job(id="j", stream="s", slice=Slice({"p": 1}, ("a", "b"), {"x": 2}), key="k", phase="running")
TOOLS = Tools(language_of(SourcePlan(name="x", streams=(), language="handlebars")))
BAD = "{{nobody.home}}"


def case(plan: Retrieval = PLAN, job: Job = JOB) -> Case:
    return Case(plan, job, 10.0, TOOLS)


def ended(events: tuple[AnyEvent, ...]) -> AttemptEnded:
    (e,) = events
    assert isinstance(e, AttemptEnded)
    return e


@pytest.mark.parametrize(("header", "unit", "seconds"), [
    ("7", "auto", 7.0), ("2", "minutes", 120.0), ("1030", "epoch", 30.0), ("4", "rate", 0.25), ("0", "rate", 60.0),
    ("Thu, 01 Jan 1970 00:17:00 GMT", "auto", 20.0), ("Thu, 01 Jan 1970 00:17:00 -0000", "auto", 20.0),
    ("Thu, 01 Jan 1970 00:00:01 GMT", "auto", 0.0), ("soon", "auto", 5.0), ("nan", "auto", 5.0), ("inf", "auto", 5.0),
    ("-3", "auto", 0.0), ("999999", "auto", 3600.0),
])  # fmt: skip
def test_waits_that_an_api_tells(header: str, unit: str, seconds: float) -> None:
    waits = (structs.replace(Wait(read=Read(("Retry-After",), at="header"), jitter=0), unit=unit), Wait(first=5.0, jitter=0))
    assert pause(waits, 0, Answered(Answer(429, {"retry-after": header})), 1000.0, "s") == seconds


def test_waits_without_an_answer() -> None:
    told = Wait(read=Read(("Retry-After",), at="header"))
    assert pause((told,), 0, Lost(sent=True, why=""), 0.0, "s") == pause((), 3, None, 0.0, "s") == 0.0
    assert pause((told, Wait(first=1.0, factor=3.0, most=20.0, jitter=0)), 9, Answered(Answer(500)), 0.0, "s") == 20.0
    jittered = pause((Wait(first=10.0, jitter=0.5),), 0, None, 0.0, "s")
    assert 10.0 <= jittered <= 15.0 and jittered == pause((Wait(first=10.0, jitter=0.5),), 0, None, 0.0, "s")


def test_places_in_an_answer() -> None:
    a = Answer(201, {"location": "/jobs/1"}, b'{"a":[{"b":1},{"b":2}],"c":{"x":3,"y":0}}', "https://x/")
    assert found(Read(at="code"), a) == [201] and found(Read(at="url"), a) == ["https://x/"]
    assert found(Read(("Location",), at="header"), a) == ["/jobs/1"] and found(Read(("No",), at="header"), a) == []
    assert pick({"a": [{"b": 1}, {"b": 2}]}, Read(("a", "*", "b"))) == [1, 2]
    assert found(Read(("a", "-1", "b")), a) == [2] and found(Read(("a", "7")), a) == found(Read(("a", "b", "c")), a) == []
    assert found(Read(("c", "*"), falsy="drop"), a) == [3] and found(Read(("c", "x", "deeper")), a) == []
    assert value_of(Read(("a", "*", "b")), a, scope_of(JOB, TOOLS), TOOLS) == [1, 2]
    assert value_of(Name("answer.code"), a, scope_of(JOB, TOOLS), TOOLS) == 201
    assert value_of("{{answer.body.c.x}}", a, scope_of(JOB, TOOLS), TOOLS) == "3"
    assert value_of(Read(("none",)), a, scope_of(JOB, TOOLS), TOOLS) is None
    assert spell(True, "python") == "True" and spell(None, "json") == "null"


def test_bodies_that_are_no_json() -> None:
    for body in (b"{", b"\xff", b"[" * 100_000):
        assert found(Read(("a",)), Answer(200, body=body)) == []
    assert through(Reading(resource=Read(("a",))), Answer(200, body=b'{"a":{"b":1}}')).body == b'{"b":1}'
    assert through(Reading(resource=Read(("z",))), Answer(200, body=b"{}")).body == b""


def test_views_of_answers() -> None:
    assert view(None) is None and view(Answer(200, body=b"[1]"))["view"] == [1]
    asked = Answer(200, {"h": "1"}, b'{"id":7}', request={"url": "u"})
    assert view(asked)["view"] == {"id": 7, "headers": {"h": "1"}, "request": {"url": "u"}}
    spooled = kept(Answer(200, body=b'{"id":7}', spooled="name"))
    assert spooled.body == b"" and view(spooled, lambda name: {"from": name})["body"] == {"from": "name"}
    with pytest.raises(TemplateFault, match="not in the spool"):
        view(spooled)
    scope = scope_of(structs.replace(JOB, created=Answer(200, body=b"1")), TOOLS, more=5)
    assert scope["slice"]["flat"] == {"p": 1, "x": 2, "start_time": "a", "end_time": "b"} and scope["more"] == 5
    assert scope["created"]["body"] == 1 and scope["polled"] is None and scope["job"]["attempt"] == 1


@pytest.mark.parametrize(("when", "answer", "holds"), [
    (When(codes=("2xx",)), Answer(204), True), (When(codes=("500-599",)), Answer(503), True), (When(codes=("404",)), Answer(403), False),
    (When(contains="no"), Answer(200, body=b"oh no"), True), (When(contains="no"), Answer(200, body=b"yes"), False),
    (When(codes=("200",), holds="{{answer.body.ok}}"), Answer(200, body=b'{"ok":true}'), True),
    (When(codes=("200",), holds="{{answer.body.ok}}"), Answer(200, body=b'{"ok":false}'), False),
])  # fmt: skip
def test_rules(when: When, answer: Answer, holds: bool) -> None:
    ex = structs.replace(EX, rules=((Rule(then="busy", when=when),),))
    assert (judge(ex, Answered(answer), scope_of(JOB, TOOLS), TOOLS).verdict == "busy") is holds


def test_the_first_list_that_does_not_refuse_is_obeyed() -> None:
    stop, retry = Rule(then="stop", when=When(codes=("500",))), Rule(then="retry", when=When(codes=("500",)))
    ex = structs.replace(EX, rules=((stop,), (retry,)))
    got = judge(ex, Answered(Answer(500)), scope_of(JOB, TOOLS), TOOLS)
    assert (got.verdict, got.at) == ("retry", "/rules/1/0")
    assert judge(structs.replace(EX, rules=()), Answered(Answer(404)), scope_of(JOB, TOOLS), TOOLS).verdict == "stop"
    assert judge(EX, Lost(sent=True, why=""), scope_of(JOB, TOOLS), TOOLS).verdict == "retry"


def test_templates_that_fail_end_the_attempt_at_their_place() -> None:
    rule = Rule(then="retry", when=When(holds=BAD))
    inside = ended(conclude(structs.replace(PLAN, poll=structs.replace(POLL, exchange=structs.replace(EX, rules=((rule,),)))), JOB,
                            Send("poll"), Answered(Answer(200)), 1.0, TOOLS))  # fmt: skip
    assert inside.fault is not None and inside.fault.at == "/retrieval/poll/exchange/rules/0/0/when/holds"
    default = ended(
        conclude(PLAN, JOB, Send("poll"), Answered(Answer(200)), 1.0, structs.replace(TOOLS, default_rules=(rule,)))
    )
    assert default.fault is not None and default.fault.at == "/default_rules/0/when/holds"
    progress = structs.replace(PLAN, poll=structs.replace(POLL, progress=BAD))
    late = ended(conclude(progress, JOB, Send("poll"), Answered(Answer(200, body=b'{"status":"wait"}')), 1.0, TOOLS))
    assert late.fault is not None and late.fault.code == "template.failed"
    with pytest.raises(RuleFault):
        judge(structs.replace(EX, rules=((rule,),)), Answered(Answer(200)), scope_of(JOB, TOOLS), TOOLS)


def test_a_rule_says_why_in_the_words_of_the_plan() -> None:
    rule = Rule(then="stop", when=When(codes=("400",)), say="it said {{answer.body.error}}")
    plan = structs.replace(PLAN, poll=structs.replace(POLL, exchange=structs.replace(EX, rules=((rule,),))))
    e = ended(conclude(plan, JOB, Send("poll"), Answered(Answer(400, body=b'{"error":"no"}')), 1.0, TOOLS))
    assert e.fault is not None and (e.fault.say, e.fault.code, e.fault.seen) == ("it said no", "poll.stop", "400")


def test_a_refused_credential_halts_the_stream() -> None:
    job = structs.replace(JOB, phase="planned")
    e = ended(conclude(PLAN, job, Send("create"), Broken(Fault(code="auth.refused")), 1.0, TOOLS))
    assert e.halt and e.to == "failed"


def test_statuses() -> None:
    folds = structs.replace(STATUS, fold_case=True)
    answer = Answer(200, body=b'{"status":"READY"}')
    assert read_status(folds, answer, scope_of(JOB, TOOLS), TOOLS) == ("READY", "completed")
    assert read_status(STATUS, answer, scope_of(JOB, TOOLS), TOOLS) == ("READY", None)
    assert read_status(structs.replace(STATUS, unknown="failed"), answer, scope_of(JOB, TOOLS), TOOLS)[1] == "failed"
    unknown = ended(conclude(PLAN, JOB, Send("poll"), Answered(answer), 1.0, TOOLS))
    assert unknown.halt and unknown.fault is not None and unknown.fault.code == "status.unknown"
    failed = ended(conclude(PLAN, JOB, Send("poll"), Answered(Answer(200, body=b'{"status":"bad"}')), 1.0, TOOLS))
    assert failed.fault is not None and failed.fault.code == "job.failed"
    told = Rule(then="failed", when=When(codes=("410",)))
    plan = structs.replace(PLAN, poll=structs.replace(POLL, exchange=structs.replace(EX, rules=((told,),))))
    by_rule = ended(conclude(plan, JOB, Send("poll"), Answered(Answer(410)), 1.0, TOOLS))
    assert by_rule.fault is not None and by_rule.fault.code == "poll.failed"


def test_which_answers_are_kept_and_which_hold_rows() -> None:
    here = structs.replace(PLAN, targets=(Here(),))
    ready, wait = Answer(200, body=b'{"status":"ready"}'), Answer(200, body=b'{"status":"wait"}')
    assert has_rows(here, JOB, "poll", ready, TOOLS) and not has_rows(here, JOB, "poll", wait, TOOLS)
    assert not has_rows(PLAN, JOB, "poll", ready, TOOLS) and not has_rows(here, JOB, "start", ready, TOOLS)
    assert is_kept(PLAN, JOB, "poll", ready, TOOLS) and not is_kept(PLAN, JOB, "poll", wait, TOOLS)
    assert is_kept(PLAN, JOB, "create", wait, TOOLS) and not is_kept(PLAN, JOB, "abort", ready, TOOLS)
    located = structs.replace(PLAN, locate=Paged(exchange=EX))
    assert is_kept(located, structs.replace(JOB, phase="locating"), "locate", Answer(200), TOOLS)
    assert not is_kept(PLAN, JOB, "poll", Answer(500), TOOLS)
    skip = structs.replace(EX, rules=((Rule(then="skipped", when=When(codes=("204",))),),))
    assert is_kept(structs.replace(PLAN, poll=Poll(exchange=skip)), JOB, "poll", Answer(204), TOOLS)


def test_rows_in_an_answer_that_is_gone() -> None:
    here = structs.replace(PLAN, targets=(Here(),))
    job = structs.replace(JOB, phase="locating", status="completed")
    assert ended(listed(case(here, job), Answer(200), None)).fault == Fault(code="spool.lost")
    located, stored = listed(case(here, job), Answer(200), Stored(0, "n"))
    assert located.to == "fetching" and isinstance(stored, PartStored)
    lost = structs.replace(job, phase="fetching", targets=Targets.of([Target(key="here", stored=(Stored(0, "n"),))]))
    assert ended((part_lost(case(here, lost), 0),)).fault == Fault(code="spool.lost")
    assert ended(
        conclude(structs.replace(PLAN, fetch=Fetch()), lost, Send("fetch"), Lost(sent=True, why=""), 1.0, TOOLS)
    ).fault == (Fault(code="spool.lost"))


def test_targets_by_count_and_by_list() -> None:
    job = structs.replace(JOB, phase="locating", status="completed")
    count = structs.replace(PLAN, targets=(Count(n=Read(("n",)), first=1), Each(read=Read(("u",)), tag="t", role="report")))
    (e,) = listed(case(count, job), Answer(200, body=b'{"n":3,"u":["x"]}'), None)
    assert [t.key for t in getattr(e, "targets", ())] == ["#1", "#2", "t:0"]


def test_a_person_resolves_a_parked_create() -> None:
    parked = structs.replace(JOB, phase="parked")
    e = resolve(case(PLAN, parked), "r7")
    assert isinstance(e, Created) and e.api_id == "r7" and e.answer.body == b'{"id":"r7"}' and e.deadline == 3610.0
    adopt = Rule(then="adopt", when=When(codes=("200",)), into="report_id")
    e = resolve(case(structs.replace(PLAN, lookup=structs.replace(EX, rules=((adopt,),)), poll=None, start=(EX,)), parked), 7)
    assert isinstance(e, Created) and e.answer.body == b'{"report_id":7}' and e.deadline is None and e.to == "starting"
    e = resolve(case(structs.replace(PLAN, job_id=None), parked), "r7")
    assert isinstance(e, Created) and e.answer.body == b'"r7"'
    last = resolve(case(structs.replace(PLAN, policy=Policy(attempts=1)), parked), None)
    assert isinstance(last, AttemptEnded) and last.to == "failed"


def test_a_list_that_is_not_ready_ends_with_the_deadline() -> None:
    later = structs.replace(EX, rules=((Rule(then="running", when=When(codes=("202",))),),))
    plan = structs.replace(PLAN, locate=Paged(exchange=later))
    job = structs.replace(JOB, phase="locating", deadline=5.0)
    (wait,) = conclude(plan, job, Send("locate"), Answered(Answer(202)), 1.0, TOOLS)
    assert isinstance(wait, Retried) and wait.to == "locating" and wait.wake_at >= 2.0
    assert ended(conclude(plan, job, Send("locate"), Answered(Answer(202)), 6.0, TOOLS)).outcome == "timed_out"


def test_what_may_wait_for_its_siblings() -> None:
    job = structs.replace(JOB, phase="fetching")
    retry = Rule(then="retry", when=When(codes=("500",)))
    plan = structs.replace(PLAN, fetch=Fetch(exchange=structs.replace(EX, rules=((retry,),))))
    assert may_wait(case(plan, job), Answered(Answer(500))) and not may_wait(case(plan, job), Answered(Answer(404)))
    assert not may_wait(case(plan, job), Broken(Fault(code="data.csv")))
    assert not may_wait(case(structs.replace(PLAN, fetch=Fetch()), job), Lost(sent=True, why=""))
    broken = structs.replace(EX, rules=((Rule(then="retry", when=When(holds=BAD)),),))
    assert not may_wait(case(structs.replace(PLAN, fetch=Fetch(exchange=broken)), job), Answered(Answer(500)))


def test_a_page_instead_of_data_is_listed_again_once() -> None:
    job = structs.replace(JOB, phase="fetching", targets=Targets.of([Target(key="0")]))
    fault = Broken(Fault(code="data.not_records", seen="HTML"))
    (e,) = conclude(PLAN, job, Send("fetch"), fault, 1.0, TOOLS)
    assert isinstance(e, Retried) and e.to == "locating" and e.wake_at >= 2.0
    assert ended(conclude(PLAN, structs.replace(job, relists=1), Send("fetch"), fault, 1.0, TOOLS)).to == "failed"
    nothing = structs.replace(PLAN, create=None, poll=None)
    assert ended(conclude(nothing, job, Send("fetch"), fault, 1.0, TOOLS)).to == "failed"


def test_a_status_document_that_cannot_be_read_is_data() -> None:
    broken = structs.replace(PLAN, poll=structs.replace(POLL, status=structs.replace(STATUS, value=BAD)))
    job = structs.replace(JOB, polled=Answer(200, body=b'{"status":"ready"}'))
    assert no_records("jsonl", b'{"status":"wait"}', broken, job, TOOLS) == ""
    assert no_records("jsonl", b"[" * 3000, PLAN, job, TOOLS) == ""


def test_parts_have_numbers_in_order() -> None:
    job = structs.replace(JOB, phase="fetching", targets=Targets.of([Target(key="0", delivered=2)]))
    assert part_stored(case(PLAN, job), 0, Stored(2, "n"), None).complete
    with pytest.raises(AssertionError):
        part_stored(case(PLAN, job), 0, Stored(0, "n"), None)
    with pytest.raises(AssertionError):
        passed(case(), Send("poll"), None, None)


def test_a_job_is_the_fold_of_its_events() -> None:
    first = plan_job(PLAN, "s", Slice(), "k", 1.0)
    assert fold("j", [(1, first)]).seq == 1 and not PLAN.is_synchronous
    assert Retrieval(fetch=Fetch(exchange=EX)).is_synchronous


def test_advice_on_a_settle_that_is_too_short() -> None:
    records = Records(decoder=Component("decoder", "csv"))
    short = structs.replace(PLAN, lookup=EX, policy=Policy(doubt="lookup", settle=5.0))
    ((at, text),) = advice(StreamPlan(name="s", records=records, retrieval=short))
    assert at == "/retrieval/policy/settle" and "120 s is safe" in text
    safe = structs.replace(short, policy=Policy(doubt="lookup", settle=120.0))
    for plan in (safe, PLAN, structs.replace(PLAN, create=None)):
        assert list(advice(StreamPlan(name="s", records=records, retrieval=plan))) == []


@pytest.mark.parametrize(("progress", "stall", "code"), [("40", 5.0, "job.stalled"), ("41", 5.0, None), ("40", 60.0, None)])
def test_a_job_that_makes_no_progress_is_given_up_and_one_that_moves_is_not(
    progress: str, stall: float, code: str | None
) -> None:
    poll = structs.replace(POLL, stall=stall, progress=Read(("percent",)))
    job = structs.replace(JOB, moved_at=1.0, progress="40", deadline=3600.0)
    answer = Answer(200, {}, f'{{"status":"wait","percent":"{progress}"}}'.encode())

    events = conclude(structs.replace(PLAN, poll=poll), job, Send("poll"), Answered(answer), 10.0, TOOLS)

    if code is None:
        assert not isinstance(events[0], AttemptEnded)
    else:
        gone = ended(events)
        assert gone.outcome == "timed_out" and gone.fault is not None and gone.fault.code == code
