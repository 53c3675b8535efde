"""What a plan may do but had better not."""

from __future__ import annotations

from collections.abc import Iterator

from jobstream.meaning.case import exchange_of
from jobstream.plan.stream import StreamPlan


def advice(plan: StreamPlan) -> Iterator[tuple[str, str]]:
    """(pointer into the stream's plan, what to think about)."""
    r = plan.retrieval
    create = exchange_of(r, "create", 0)
    if create is None:
        return
    timeout, settle = create.request.timeout, r.policy.settle
    if r.policy.doubt == "lookup" and settle < 2 * timeout:
        yield ("/retrieval/policy/settle",
               f"a create may still arrive {timeout:g} s after it was sent, and is looked up after {settle:g} s: "
               f"a job that the list does not show yet is made twice; {2 * timeout:g} s is safe")  # fmt: skip
