"""Gzip round another decoder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, BinaryIO, cast

import msgspec

from jobstream.components.options import Options, opt
from jobstream.kinds import Build, Decoder
from jobstream.plan.component import Component
from jobstream.records.batch import Batch
from jobstream.records.counts import Tally
from jobstream.records.inflate import LAYERS, matches, unpacked
from jobstream.template.language import Scope


class Gzip(Options, frozen=True):
    """Inflates, then hands on. Plain bytes pass through; further members are read; a cut or damaged file is an error.

    Compression is taken off by content before any decoder reads, so this one mostly finds plain bytes: a manifest with it stays right."""

    inner: Annotated[Component, opt("Inside", "The format of the inflated bytes.", kind="decoder")] = Component(
        "decoder", "jsonl"
    )
    layers: Annotated[int, opt("Layers", "Some servers zip twice.", unit="count", ge=1, le=3, advanced=True)] = 2

    def build(self, build: Build) -> object:
        return Unpacking(cast(Decoder, build.part(self.inner)), "*", self.layers)


class Unpacking(msgspec.Struct, frozen=True):
    """members: which files of an archive are read."""

    inner: Decoder
    members: str = "*"
    layers: int = LAYERS

    def decode(self, source: BinaryIO, tally: Tally, names: Scope) -> Iterator[Batch]:
        for stream in unpacked(source, layers=self.layers):
            if matches(stream, self.members):
                yield from self.inner.decode(stream, tally, names)
