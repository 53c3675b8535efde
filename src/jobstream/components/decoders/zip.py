"""Zip round another decoder."""

from __future__ import annotations

from typing import Annotated, cast

from jobstream.components.decoders.gzip import Unpacking
from jobstream.components.options import Options, opt
from jobstream.kinds import Build, Decoder
from jobstream.plan.component import Component


class Zip(Options, frozen=True):
    """Every file of the archive, in its order, by the inner decoder. Plain bytes pass through."""

    inner: Annotated[Component, opt("Inside", "The format of the files.", kind="decoder")] = Component("decoder", "jsonl")
    members: Annotated[str, opt("Files", "Names that are read, with * and ?; others are passed over.")] = "*"

    def build(self, build: Build) -> object:
        return Unpacking(cast(Decoder, build.part(self.inner)), self.members)
