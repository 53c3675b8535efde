"""One remote system: its streams, its language, its secrets, its budgets."""

from __future__ import annotations

from typing import Annotated, Literal

from jobstream.plan.component import Component, Frozen
from jobstream.plan.exchange import Rule
from jobstream.plan.notes import Many, Seconds, opt
from jobstream.plan.stream import StreamPlan


class Budget(Frozen, frozen=True, kw_only=True):
    """Requests against one account. rate: per `per` · open: at the same time."""

    rate: Many = 0
    per: Seconds = 1.0
    open: Many = 20


class SourcePlan(Frozen, frozen=True, kw_only=True):
    """Secret-free: values live in config.

    language       of every template in it
    names          the dialect's words for our scope: {"creation_response": "created.body"}; the engine knows only ours
    default_rules  what an answer means when a step's own rules are silent; the engine has no table of its own
    secrets        paths into config ("a.b"), never shown
    hosts          the only hosts that get credentials; templates over config; none: no fence
    slots          remote jobs open at the same time, by name
    """

    name: str
    streams: tuple[StreamPlan, ...]
    language: Literal["plain", "jinja", "handlebars"] = "plain"
    auth: Annotated[dict[str, Component], opt("Authentication", kind="auth", sees="config")] = {}
    names: dict[str, str] = {}
    default_rules: tuple[Rule, ...] = ()
    secrets: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    budgets: dict[str, Budget] = {}
    slots: dict[str, int] = {}
    check: tuple[str, ...] = ()
    version: int = 1
