"""XML documents, by xmltodict's rules of shape."""

from __future__ import annotations

from typing import Annotated

from jobstream.components.options import Options, opt


class Xml(Options, frozen=True):
    """XML. Attributes are `@name`, text beside them `#text`, repeated elements a list, empty elements null, text alone is text.

    Without a path the whole document is one record (for small answers); with one, each element there is streamed in flat memory.
    Entities that the document declares, its DTD and the network are never used."""

    path: Annotated[
        tuple[str, ...], opt("Items at", "Element names from the root down; each element there is a record. Streamed.")
    ] = ()
    encoding: Annotated[str, opt("Encoding", "Empty: what the document or the header's charset says.", advanced=True)] = ""
