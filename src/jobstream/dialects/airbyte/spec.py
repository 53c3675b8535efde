"""What a source asks of its user: `spec`, read without compiling the rest."""

from __future__ import annotations

from jobstream.dialects.airbyte.faults import Faults
from jobstream.dialects.airbyte.places import Cell, Manifest
from jobstream.documents.text import Text, read
from jobstream.plan.notes import Json

_NAMES = {
    "connection_specification": "connectionSpecification",
    "documentation_url": "documentationUrl",
    "advanced_auth": "advanced_auth",
}


def spec_of(text: str, name: str = "manifest.yaml") -> dict[str, Json]:
    """As Airbyte's SPEC message has it. Raises DocumentError where the text cannot be read."""
    return spec_in(read(name, text))


def spec_in(text: Text) -> dict[str, Json]:
    manifest = Manifest(text, Faults(text))
    cell = manifest.members(manifest.root).get("spec", Cell(None, "/spec"))
    members = manifest.members(manifest.follow(cell))
    out = {
        ours: got
        for theirs, ours in _NAMES.items()
        if theirs in members and (got := manifest.plain(members[theirs])) is not None
    }
    return {"connectionSpecification": {"type": "object", "properties": {}}, **out}


def with_defaults(config: Json, schema: Json) -> Json:
    """The config, with the defaults of the specification where it says nothing."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(config, dict) or not isinstance(properties, dict):
        return config
    out = dict(config)
    for name, inner in properties.items():
        if not isinstance(inner, dict):
            continue
        if name in out:
            out[name] = with_defaults(out[name], inner)
        elif inner.get("default") is not None:
            out[name] = inner["default"]
    return out
