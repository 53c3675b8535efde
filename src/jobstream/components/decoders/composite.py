"""The decoder that a response header names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, BinaryIO, cast

import msgspec

from jobstream.components.decoders.text import headers
from jobstream.components.options import Options, opt
from jobstream.kinds import Build, Decoder
from jobstream.plan.component import Component
from jobstream.records.batch import Batch
from jobstream.records.counts import DataFault, Tally
from jobstream.template.language import Scope


class Composite(Options, frozen=True):
    """Chooses by the value of a response header, such as the content type without its parameters; case does not count."""

    by: Annotated[dict[str, Component], opt("By value", "Header value and decoder.", kind="decoder")]
    default: Annotated[Component | None, opt("Otherwise", "Empty: any other value is an error.", kind="decoder")] = None
    header: Annotated[str, opt("Header", "Case-insensitive.", min_length=1)] = "content-type"

    def build(self, build: Build) -> object:
        by = {k.strip().lower(): cast(Decoder, build.part(c)) for k, c in self.by.items()}
        return Chosen(by, cast(Decoder, build.part(self.default)) if self.default else None, self.header.lower())


class Chosen(msgspec.Struct, frozen=True):
    by: dict[str, Decoder]
    default: Decoder | None
    header: str

    def decode(self, source: BinaryIO, tally: Tally, names: Scope) -> Iterator[Batch]:
        told = headers(names).get(self.header, "")
        value = told.partition(";")[0].strip().lower()
        decoder = self.by.get(value, self.default)
        if decoder is None:
            raise DataFault("data.media", f"{self.header}: {told or 'nothing'}; known: {', '.join(sorted(self.by))}")
        yield from decoder.decode(source, tally, names)
