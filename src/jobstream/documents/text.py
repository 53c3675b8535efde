"""Text of a document -> values, each with its place; one value replaced with every other byte kept.

YAML is read twice: yaml-edit bounds the nesting and tells where a mistake stands, PyYAML gives the values that Airbyte
would see (YAML 1.1: `yes` is true, `012` is 10). JSON is read by its own rules. Nothing else touches either library.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml
import yaml_edit

from jobstream.errors import DocumentError

Json = Any
BOM = "\ufeff"
MOST = 16 << 20  # characters
NODES = 500_000  # after aliases are laid out: an alias bomb ends here
DEPTH = 256
_PAIR = re.compile(r"\\(?:u[0-9a-fA-F]{4}|.)", re.DOTALL)
_TEXT_TAGS = frozenset(("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:binary"))  # JSON has neither: kept as written
_SCALARS = frozenset(("null", "bool", "int", "float", "str", "value"))


class Repeat(NamedTuple):
    """A key written twice in one mapping; the later one counts."""

    pointer: str
    first: int
    line: int


class Text:
    """value: JSON. Pointers are JSON pointers ("/streams/0/name"); lines count from 1."""

    def __init__(self, name: str, text: str, value: Json, root: yaml.Node | None, repeats: tuple[Repeat, ...]) -> None:
        self.name, self.text, self.value, self.repeats = name, text, value, repeats
        self._root = root

    def line(self, pointer: str) -> int:
        """Of the key or item; of the nearest above, where there is none."""
        node, line = self._root, 1
        for token in tokens(pointer):
            found = _step(node, token)
            if found is None:
                return line
            line, node = found[0].start_mark.line + 1, found[1]
        return line

    def edit(self, pointer: str, value: Json) -> str:
        """The text with one value replaced; every other byte stays. Raises DocumentError where there is no such value, or
        where it is shared (an alias) so that a change would be more than one."""
        node = self._root
        for token in tokens(pointer):
            found = _step(node, token)
            if found is None:
                raise DocumentError(f"there is nothing at {pointer}", where=self.name)
            node = found[1]
        assert node is not None
        bom = len(self.text) - len(self.text.removeprefix(BOM))  # not counted by marks
        start, end = node.start_mark.index + bom, node.end_mark.index + bom
        gone = self.text[start:end]
        keep = gone[len(_without_tail(gone)) :]
        text = self.text[:start] + json.dumps(value, ensure_ascii=False) + keep + self.text[end:]
        if read(self.name, text).value != _replaced(self.value, tokens(pointer), value):
            raise DocumentError(f"{pointer} cannot be changed by itself", where=self.name, hint="change it in the text")
        return text


def tokens(pointer: str) -> list[str]:
    return [t.replace("~1", "/").replace("~0", "~") for t in pointer.split("/")[1:]]


def token(key: str | int) -> str:
    return str(key).replace("~", "~0").replace("/", "~1")


def read(name: str, text: str) -> Text:
    """Raises DocumentError with `name:line:column` where the text cannot be read."""
    if len(text) > MOST:
        raise DocumentError(f"more than {MOST >> 20} MiB of text", where=name)
    if name.endswith(".json") or text.removeprefix(BOM).lstrip()[:1] in ("{", "["):
        try:
            return _json(name, text)
        except json.JSONDecodeError as e:
            if name.endswith(".json"):
                raise DocumentError(f"no JSON: {e.msg}", where=f"{name}:{e.lineno}:{e.colno}") from e
    return _yaml(name, text)


def _yaml(name: str, text: str) -> Text:
    try:
        yaml_edit.YamlFile.parse(text.removeprefix(BOM))
    except yaml_edit.ParseError as e:
        said = re.sub(r"^Parse error at line \d+, column \d+: ", "", str(e))
        raise DocumentError(f"no YAML: {said}", where=f"{name}:{e.line or 1}:{e.column or 1}") from e
    root = _compose(name, text)
    walk = _Walk(name)
    value = walk.value(root, "", 0) if root is not None else None
    return Text(name, text, value, root, tuple(walk.repeats))


def _json(name: str, text: str) -> Text:
    """Positions come from YAML's reader, of which JSON is a part but for surrogate pairs: masked, length for length."""
    try:
        value = json.loads(text.removeprefix(BOM), parse_constant=lambda word: _no_json(name, word))
    except RecursionError as e:
        raise DocumentError(f"nested deeper than {DEPTH}", where=name) from e
    masked = _PAIR.sub(lambda m: "\\u0041" if len(m[0]) == 6 else m[0], text.removeprefix(BOM))
    try:
        root = yaml.compose(masked, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        return Text(name, text, value, None, ())
    walk = _Walk(name)
    if root is not None:
        walk.value(root, "", 0)
    return Text(name, text, value, root, tuple(walk.repeats))


def _no_json(name: str, word: str) -> Json:
    raise DocumentError(f"{word} is no JSON", where=name)


def _compose(name: str, text: str) -> yaml.Node | None:
    try:
        root: yaml.Node | None = yaml.compose(text.removeprefix(BOM), Loader=yaml.CSafeLoader)
        return root
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark or e.context_mark
        where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise DocumentError(f"no YAML: {e.problem or e.context}", where=where) from e
    except yaml.YAMLError as e:  # a character that YAML forbids
        raise DocumentError(f"no YAML: {str(e).splitlines()[0]}", where=name) from e


class _Walk:
    """Nodes -> values, counted as they are laid out."""

    def __init__(self, name: str) -> None:
        self._name, self._left, self.repeats = name, NODES, list[Repeat]()
        self._scalars = yaml.constructor.SafeConstructor()

    def value(self, node: yaml.Node, at: str, depth: int) -> Json:
        self._left -= 1
        if self._left < 0 or depth > DEPTH:
            what = f"more than {NODES} values once aliases are laid out" if depth <= DEPTH else f"nested deeper than {DEPTH}"
            raise DocumentError(what, where=f"{self._name}:{node.start_mark.line + 1}")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(n, f"{at}/{i}", depth + 1) for i, n in enumerate(node.value)]
        assert isinstance(node, yaml.MappingNode)
        return self._mapping(node, at, depth)

    def _mapping(self, node: yaml.MappingNode, at: str, depth: int) -> Json:
        out: dict[str, Json] = {}
        lines: dict[str, int] = {}
        for key, inner in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                continue
            if not isinstance(key, yaml.ScalarNode):
                raise DocumentError("a key must be text", where=f"{self._name}:{key.start_mark.line + 1}")
            pointer, line = f"{at}/{token(key.value)}", key.start_mark.line + 1
            if key.value in lines:
                self.repeats.append(Repeat(pointer, lines[key.value], line))
            lines[key.value] = line
            out[key.value] = self.value(inner, pointer, depth + 1)
        return {**self._merged(node, at, depth), **out}

    def _merged(self, node: yaml.MappingNode, at: str, depth: int) -> dict[str, Json]:
        out: dict[str, Json] = {}
        for inner in _bases(node):
            got = self.value(inner, at, depth + 1)
            out = {**got, **out} if isinstance(got, dict) else out  # the first of several wins
        return out

    def _scalar(self, node: yaml.ScalarNode) -> Json:
        if node.tag in _TEXT_TAGS:
            return node.value
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        if kind not in _SCALARS:
            raise DocumentError(f"the tag {node.tag} means nothing here", where=f"{self._name}:{node.start_mark.line + 1}")
        try:
            return self._scalars.construct_object(node)
        except (ValueError, yaml.YAMLError):
            return node.value


def _bases(node: yaml.Node) -> Iterator[yaml.Node]:
    """What `<<` lays under a mapping."""
    for key, inner in node.value if isinstance(node, yaml.MappingNode) else ():
        if key.tag == "tag:yaml.org,2002:merge":
            yield from inner.value if isinstance(inner, yaml.SequenceNode) else (inner,)


def _step(node: yaml.Node | None, name: str) -> tuple[yaml.Node, yaml.Node] | None:
    """(where it is written, what it is)."""
    if isinstance(node, yaml.SequenceNode) and name.isdecimal() and int(name) < len(node.value):
        return node.value[int(name)], node.value[int(name)]
    if isinstance(node, yaml.MappingNode):
        own = [(k, v) for k, v in node.value if isinstance(k, yaml.ScalarNode) and k.value == name]
        return own[-1] if own else next((x for b in _bases(node) if (x := _step(b, name))), None)
    return None


def _without_tail(text: str) -> str:
    """A block's last line ends before the blank lines and comments that follow it."""
    lines = text.split("\n")
    while len(lines) > 1 and (not lines[-1].strip() or lines[-1].lstrip().startswith("#")):
        lines.pop()
    return "\n".join(lines).rstrip()


def _replaced(value: Json, path: list[str], new: Json) -> Json:
    if not path:
        return json.loads(json.dumps(new))
    if isinstance(value, list):
        at = int(path[0])
        return [_replaced(v, path[1:], new) if i == at else v for i, v in enumerate(value)]
    return {k: _replaced(v, path[1:], new) if k == path[0] else v for k, v in value.items()}
