"""The best straight-line script of the libraries beneath jobstream: create, poll, download, isal, pyarrow, write. No retry, no ledger,
no spool, no check; it is the floor, not a way to live.

python straight.py ORIGIN FILE records > out    python straight.py ORIGIN FILE parquet OUT
"""

from __future__ import annotations

import csv
import json
import re
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from isal import igzip

_UNSAFE = re.compile(rb'["\\\x00-\x1f]')


def ask(method: str, url: str) -> Any:
    with urllib.request.urlopen(urllib.request.Request(url, method=method)) as answer:
        return json.load(answer)


def batches(origin: str, file: str) -> Iterator[Any]:
    number = ask("POST", f"{origin}/exports/{file}")["id"]
    while (job := ask("GET", f"{origin}/jobs/{number}"))["status"] != "ready":
        time.sleep(1)
    for url in job["urls"]:
        with urllib.request.urlopen(url) as answer, igzip.IGzipFile(fileobj=answer) as plain:
            names = next(csv.reader([plain.readline().decode()]))
            yield from pa.csv.open_csv(
                plain,
                pa.csv.ReadOptions(use_threads=False, block_size=1 << 20, column_names=names),
                pa.csv.ParseOptions(newlines_in_values=True),
                pa.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
            )


def text_of(column: Any) -> memoryview:
    _, offsets, data = column.buffers()
    at = memoryview(offsets).cast("i")
    return memoryview(data)[at[column.offset] : at[column.offset + len(column)]] if data else memoryview(b"")


def escaped(column: Any) -> Any:
    found = set(_UNSAFE.findall(text_of(column)))
    for sign in sorted(found, key=lambda s: s != b"\\"):
        column = pc.replace_substring(column, sign.decode(), json.dumps(sign.decode())[1:-1])
    return column


def lines(batch: Any) -> memoryview:
    pieces, before = [], f'{{"type":"RECORD","record":{{"stream":"rows","emitted_at":{time.time_ns() // 1_000_000},"data":{{'
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        pieces += [before + json.dumps(name) + ':"', escaped(column)]
        before = '",'
    return text_of(pc.binary_join_element_wise(*pieces, '"}}}\n', ""))


def main() -> None:
    origin, file, form = sys.argv[1:4]
    if form == "records":
        for batch in batches(origin, file):
            sys.stdout.buffer.write(lines(batch))
        sys.stdout.buffer.flush()
        return
    import pyarrow.parquet as pq

    writer = None
    for batch in batches(origin, file):
        writer = writer or pq.ParquetWriter(sys.argv[4], batch.schema, compression="zstd")
        writer.write_batch(batch)
    if writer:
        writer.close()


main()
