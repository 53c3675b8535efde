"""The same as straight.py for documents: JSON lines by msgspec, one JSON array by ijson, XML elements by lxml; each to RECORD lines by msgspec.

python straight_documents.py ORIGIN FILE jsonl|json|xml > out
"""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from isal import igzip

BLOCK = 1 << 16
FEW = 1000


def ask(method: str, url: str) -> Any:
    with urllib.request.urlopen(urllib.request.Request(url, method=method)) as answer:
        return json.load(answer)


def jsonl(plain: Any) -> Iterator[list[Any]]:
    decoder, rest = msgspec.json.Decoder(), b""
    while block := plain.read(BLOCK):
        block = rest + block
        end = block.rfind(b"\n") + 1
        rest = block[end:]
        yield decoder.decode_lines(block[:end])
    if rest:
        yield decoder.decode_lines(rest)


def array(plain: Any) -> Iterator[list[Any]]:
    import ijson.backends.yajl2_c as ijson

    yield from grouped(ijson.items(plain, "item", buf_size=BLOCK, use_float=True))


def elements(plain: Any) -> Iterator[list[Any]]:
    from lxml import etree

    def rows() -> Iterator[dict[str, str | None]]:
        for _, row in etree.iterparse(plain, tag="row"):
            yield {cell.tag: cell.text for cell in row}
            row.clear()
            while row.getprevious() is not None:
                del row.getparent()[0]

    yield from grouped(rows())


def grouped(rows: Iterable[Any]) -> Iterator[list[Any]]:
    held: list[Any] = []
    for row in rows:
        held.append(row)
        if len(held) == FEW:
            yield held
            held = []
    yield held


def main() -> None:
    origin, file, kind = sys.argv[1:4]
    number = ask("POST", f"{origin}/exports/{file}")["id"]
    while (job := ask("GET", f"{origin}/jobs/{number}"))["status"] != "ready":
        time.sleep(1)
    encoder, at_ms = msgspec.json.Encoder(), time.time_ns() // 1_000_000
    for url in job["urls"]:
        with urllib.request.urlopen(url) as answer, answer if kind == "xml" else igzip.IGzipFile(fileobj=answer) as plain:
            for rows in {"jsonl": jsonl, "json": array, "xml": elements}[kind](plain):
                sys.stdout.buffer.write(encoder.encode_lines(
                    [{"type": "RECORD", "record": {"stream": "rows", "emitted_at": at_ms, "data": r}} for r in rows]))  # fmt: skip
    sys.stdout.buffer.flush()


main()
