"""Memory does not grow with the input: more is decoded than the process may have. Every decoder with --long."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

# gz of a repeated member: 200 MB of input from little. The address space: what the libraries map, and less than the input.
CHILD = """
import gzip, io, resource, sys
from jobstream.components.catalog import Catalog
from jobstream.plan.component import Component
from jobstream.records.counts import Tally
from jobstream.records.inflate import unpacked
from jobstream.template.language import Plain, Scope
import lxml.etree, pyarrow, pyarrow.compute, pyarrow.csv, isal.igzip_lib

name, options, head, item, foot = eval(sys.argv[1])
n = (int(sys.argv[2]) << 20) // (len(item) * 1000)
raw = b"".join((gzip.compress(head), gzip.compress(item * 1000) * n, gzip.compress(foot)))
with open("/proc/self/statm") as f:
    mapped = int(f.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (mapped + (96 << 20),) * 2)
decoder = Catalog().build(Component("decoder", name, options), Plain())
(stream,) = unpacked(io.BytesIO(raw))
print(sum(len(b) for b in decoder.decode(stream, Tally(), Scope({}))) // 1000 // n)
"""

ROW = b"12345,some text here,another cell,2024-01-01,true,0.5,more,end"
CASES = {
    "csv": ("csv", {}, b"a,b,c,d,e,f,g,h\n", ROW + b"\n", b""),
    "csv in quotes": ("csv", {}, b"a,b\n", b'"x\ny","' + ROW + b'"\n', b""),
    "lines": ("jsonl", {}, b"", b'{"id":12345,"text":"some text here","in":{"a":[1,2,3]}}\n', b""),
    "array": ("json", {}, b"[0", b',{"id":12345,"text":"some text here","in":{"a":[1,2,3]}}', b"]"),
    "array inside": (
        "json",
        {"path": ["data", "items"]},
        b'{"x":[{}],"data":{"items":[0',
        b',{"id":12345,"text":"some text"}',
        b'],"n":1}}',
    ),
    "array beside": ("json", {"path": ["data"]}, b'{"big":[0', b',{"id":12345,"text":"some text here"}', b'],"data":[]}'),
    "xml": (
        "xml",
        {"path": ["r", "list", "i"]},
        b"<r><list>",
        b'<i id="1"><name>some text</name><v>1</v><v>2</v></i>\n',
        b"</list></r>",
    ),
}


@pytest.mark.parametrize(("case", "size"), [(c, 200 if c.startswith("csv") else 128) for c in ("csv", "csv in quotes", "array inside")]
                         + [pytest.param(c, 200, marks=pytest.mark.long) for c in CASES])  # fmt: skip
def test_memory_is_flat(case: str, size: int) -> None:
    env = {**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system"}  # the others reserve more address space than they use
    done = subprocess.run(
        [sys.executable, "-c", CHILD, repr(CASES[case]), str(size)],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
        env=env,
    )
    assert done.stderr == ""
    assert done.stdout.strip() == ("0" if case == "array beside" else "1")
