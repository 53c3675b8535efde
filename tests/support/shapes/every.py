"""All shapes by name."""

from __future__ import annotations

from jobstream.plan.source import SourcePlan
from shapes import queries, reports

ALL: dict[str, SourcePlan] = {
    name: plan for module in (reports, queries) for name, plan in vars(module).items() if isinstance(plan, SourcePlan)
}
