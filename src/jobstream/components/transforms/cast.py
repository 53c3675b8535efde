"""Values as the schema declares them."""

from __future__ import annotations

from typing import Annotated

from jobstream.components.options import Options, opt
from jobstream.plan.notes import Json


class Cast(Options, frozen=True):
    """Casts values to the types of a JSON schema, also inside objects and lists; what cannot be cast stays as it is."""

    schema: Annotated[dict[str, Json], opt("Schema", "JSON Schema of a record.")]
