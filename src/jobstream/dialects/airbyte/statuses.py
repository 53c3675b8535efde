"""status_extractor and status_mapping -> StatusMap."""

from __future__ import annotations

from jobstream.dialects.airbyte.context import Context
from jobstream.dialects.airbyte.places import Cell, Node
from jobstream.dialects.airbyte.records import extracted
from jobstream.dialects.airbyte.tables import BUCKETS
from jobstream.plan.retrieval import Status, StatusMap


def statuses(c: Context, node: Node) -> StatusMap:
    c.require(node, "status_extractor")
    got = extracted(c, node, "status_extractor")
    mapping = c.required(node, "status_mapping", ("AsyncJobStatusMap",), "AsyncJobStatusMap")
    found: dict[str, Status] = {}
    places: dict[str, str] = {}
    if mapping is not None:
        inner = mapping[0]
        c.require(inner, *(b for b in BUCKETS if b != "skipped"))
        _buckets(c, inner, found, places)
    at = node.place("status_mapping")
    return c.made(StatusMap(value=got.read, map=found, spelling="python"), at, value=got.at, map=at, **places)


def _buckets(c: Context, mapping: Node, found: dict[str, Status], places: dict[str, str]) -> None:
    """A value in two buckets is a mistake: nobody can say which was meant."""
    seen: dict[str, str] = {}
    for bucket, status in BUCKETS.items():
        for cell in c.items(mapping, bucket):
            word = _word(c, cell)
            if word is None:
                continue
            if word in seen:
                hint = "it is there twice" if seen[word] == bucket else f"it is in {seen[word]} too"
                c.faults.tell("wrong_value", cell.at, word, hint)
            seen[word], found[word] = bucket, status
            places[f"map/{word}"] = cell.at


def _word(c: Context, cell: Cell) -> str | None:
    """Status values are compared as text, as Python spells it; YAML reads what is not quoted as something else."""
    if isinstance(cell.raw, str):
        return cell.raw
    spelt = str(cell.raw)
    if isinstance(cell.raw, dict | list):
        c.wrong(cell, "a text is expected")
        return None
    c.wrong(cell, f'status values are text: write "{spelt}", in quotes')
    return spelt
