"""Gzip round another decoder: what nesting looks like."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from typing import Annotated, Any, BinaryIO, cast

import msgspec

from jobstream.components.options import Options, opt
from jobstream.kinds import Build, Decoder
from jobstream.plan.component import Component
from jobstream.records.batch import Batch
from jobstream.records.counts import DataFault, Tally
from jobstream.template.language import Scope


class Gzip(Options, frozen=True):
    """Inflates, then hands on. Plain bytes pass through; further members are read; a cut file is an error."""

    inner: Annotated[Component, opt("Inside", "The format of the inflated bytes.", kind="decoder")] = Component(
        "decoder", "jsonl"
    )
    layers: Annotated[int, opt("Layers", "Some servers zip twice.", unit="count", ge=1, le=3, advanced=True)] = 2

    def build(self, build: Build) -> object:
        return Inflate(cast(Decoder, build.part(self.inner)), self.layers)


class Inflate(msgspec.Struct, frozen=True):
    inner: Any
    layers: int

    def decode(self, source: BinaryIO, tally: Tally, names: Scope) -> Iterator[Batch]:
        from isal import igzip

        inflate: Any = igzip.IGzipFile
        buffered: Any = source
        try:
            for _ in range(self.layers):
                buffered = io.BufferedReader(buffered, 1 << 20)
                if buffered.peek(2)[:2] != b"\x1f\x8b":
                    break
                buffered = inflate(fileobj=buffered, mode="rb")
            yield from self.inner.decode(cast(BinaryIO, buffered), tally, names)
        except (EOFError, OSError, zlib.error) as e:
            raise DataFault("data.gzip", str(e)) from e
