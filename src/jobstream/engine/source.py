"""A plan, a catalog and ports -> what a shard needs for each stream. The only place where components are built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, cast

from jobstream.engine.answers import Reader, recalls
from jobstream.engine.bring import Carrier
from jobstream.engine.exchange import Caller
from jobstream.engine.hands import Hands
from jobstream.engine.stream import StreamRun
from jobstream.engine.tokens import Tokens
from jobstream.jobs.event import Slice
from jobstream.kinds import Authenticator, Cursor, Decoder, Paginator, Transform
from jobstream.meaning.read import Tools
from jobstream.plan.component import Component
from jobstream.plan.notes import Json
from jobstream.plan.source import SourcePlan
from jobstream.plan.stream import StreamPlan
from jobstream.plan.wire import asked, public
from jobstream.ports import Ports
from jobstream.redact import Redactor
from jobstream.template.language import Language


class Builds(Protocol):
    """The catalog, as the engine sees it."""

    def build(self, c: Component, language: Language) -> object: ...


def hands_of(plan: SourcePlan, config: Json, catalog: Builds, language: Language, ports: Ports,
             states: Mapping[str, Json] = {}) -> tuple[dict[str, Hands], dict[str, StreamRun]]:  # fmt: skip
    """One Hands and one StreamRun a stream. Secrets are learnt by the redactor here, once."""
    secrets = Redactor(tuple(v for path in plan.secrets if isinstance(v := _at(config, path), str)))
    auths = {n: cast(Authenticator, catalog.build(c, language)) for n, c in plan.auth.items()}
    there = ports.destination
    hands: dict[str, Hands] = {}
    runs: dict[str, StreamRun] = {}
    tokens: Tokens | None = None
    for s in plan.streams:
        cursor = cast(Cursor, catalog.build(s.cursor, language)) if s.cursor else None
        cut: Callable[[Slice], tuple[Slice, ...]] = cursor.split if cursor else lambda piece: ()
        tools = Tools(language=language, default_rules=plan.default_rules, cut=cut, config=config, retracts=there.retracts,
                      lends=there.receipts == "lent", recall=recalls(ports.spool))  # fmt: skip
        tokens = tokens or Tokens(auths, tools, ports, source=name_of(plan, config), redactor=secrets)
        runs[s.name] = StreamRun(plan.name, s, cursor, states.get(s.name), asked(s, config, plan.secrets), ports.clock.now)
        hands[s.name] = _hands(plan, s, catalog, language, tools, tokens, ports, secrets, cursor, runs[s.name])
    return hands, runs


def _hands(plan: SourcePlan, s: StreamPlan, catalog: Builds, language: Language, tools: Tools, tokens: Tokens, ports: Ports,
           redactor: Redactor, cursor: Cursor | None, run: StreamRun) -> Hands:  # fmt: skip
    def paginator(c: Component | None) -> Paginator | None:
        return cast(Paginator, catalog.build(c, language)) if c else None

    locate = s.retrieval.locate
    reader = Reader(lambda c: cast(Decoder, catalog.build(c, language)))
    caller = Caller(plan, s, tools, tokens, ports, redactor, paginator(locate.pages if locate else None), reader)
    transforms = tuple(cast(Transform, catalog.build(c, language)) for c in s.records.transforms)
    decoder = cast(Decoder, catalog.build(s.records.decoder, language))
    carrier = Carrier(s, tools, caller, ports, decoder=decoder, transforms=transforms, cursor=cursor,
                      pages=paginator(s.retrieval.fetch.pages))  # fmt: skip
    return Hands(s, tools, caller, carrier, run.closed, run.asked, run.pieces)


def name_of(plan: SourcePlan, config: Json) -> str:
    """Of a source with its account: what is not secret in the config tells accounts apart."""
    return f"{plan.name}/{public(config, plan.secrets)}"


def _at(config: Json, path: str) -> Json:
    for key in path.split("."):
        config = config.get(key) if isinstance(config, dict) else None
    return config
