"""Objects as Airbyte's templates see them: a slice, headers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from jobstream.plan.notes import Json


class Headers(dict[str, Json]):
    """Header names in any case; kept in lower case."""

    def __init__(self, given: Mapping[str, Json]) -> None:
        super().__init__({k.lower(): v for k, v in given.items()})

    def __getitem__(self, name: str) -> Json:
        return super().__getitem__(name.lower() if isinstance(name, str) else name)

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name.lower() if isinstance(name, str) else name)

    def get(self, name: str, otherwise: Json = None) -> Json:
        return super().get(name.lower() if isinstance(name, str) else name, otherwise)


def answered(view: Json) -> Json:
    """creation_response and its kin: the decoded body; the headers laid in are found in any case, also those of its request."""
    if not isinstance(view, dict):
        return view
    out = dict(view)
    if isinstance(out.get("headers"), dict):
        out["headers"] = Headers(out["headers"])
    request = out.get("request")
    if isinstance(request, dict) and isinstance(request.get("headers"), dict):
        out["request"] = {**request, "headers": Headers(request["headers"])}
    return out


class SliceView(dict[str, Json]):
    """stream_slice, stream_partition and stream_interval: partition and cursor fields in one mapping, empty and so false
    where a stream has neither.

    partition, cursor_slice, extra_fields  its parts; extra_fields holds the answers so far too, as in the CDK"""

    def __init__(self, piece: Mapping[str, Json], answers: Callable[[], dict[str, Json]] = dict) -> None:
        flat, self.partition = piece.get("flat") or {}, dict(piece.get("partition") or {})
        self._extra, self._answers = dict(piece.get("extra") or {}), answers
        self.cursor_slice = {k: v for k, v in flat.items() if k not in self.partition and k not in self._extra}
        super().__init__({**self.partition, **self.cursor_slice})

    @property
    def extra_fields(self) -> dict[str, Json]:
        return {**self._extra, **self._answers()}

    @property
    def _partition(self) -> dict[str, Json]:
        return self.partition
