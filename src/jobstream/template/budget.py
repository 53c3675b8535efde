"""What one rendering may cost. Every loop, call and new value is paid for; who cannot pay ends with a TemplateFault."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from jinja2.utils import Namespace

from jobstream.template.language import MOST, TemplateFault

UNITS = 2_000_000  # about half a second
NODE = 6  # of a template, each time that it is met
ITEM = 3  # of a list or an object
BITS = 4096  # of an integer
_SCALARS = (bool, float, type(None))
_SMALL = frozenset((bool, float, int, type(None)))
_MANY: Any = (list, tuple, set, frozenset, dict, type({}.values()), type({}.items()), type({}.keys()))


class Budget:
    """Of one rendering. Not shared between threads."""

    def __init__(self) -> None:
        self.left = UNITS

    def pay(self, units: int) -> None:
        self.left -= units
        if self.left < 0:
            raise TemplateFault("the template takes too many steps")

    def text(self, n: int) -> None:
        """A text of n characters is about to be made."""
        if n > MOST:
            raise TemplateFault(f"the template makes a text of {n} characters, {MOST} at most")
        self.pay(n >> 4)

    def weigh(self, value: Any) -> Any:
        """The value, paid for by its size; an iterator is paid for as it goes."""
        if type(value) in _SCALARS:
            return value
        if isinstance(value, str | bytes):
            self.text(len(value))
        elif isinstance(value, int):
            self._bits(value.bit_length())
        elif isinstance(value, _MANY) or type(value) is Namespace:
            self._walk(value)
        elif isinstance(value, Iterator):
            return self._paid(value)
        return value

    def product(self, left: Any, right: Any) -> None:
        """`left * right` is about to be made."""
        for many, times in ((left, right), (right, left)):
            if isinstance(many, str | bytes) and isinstance(times, int):
                self.text(len(many) * max(times, 0))
            elif isinstance(many, list | tuple) and isinstance(times, int):
                self.pay(ITEM * len(many) * max(times, 0))
        if isinstance(left, int) and isinstance(right, int):
            self._bits(left.bit_length() + right.bit_length())

    def power(self, left: Any, right: Any) -> None:
        if isinstance(left, int) and isinstance(right, int):
            self._bits(left.bit_length() * abs(right))

    def _bits(self, n: int) -> None:
        if n > BITS:
            raise TemplateFault(f"the template makes a number of {n} bits, {BITS} at most")

    def _walk(self, value: Any) -> None:
        """A thing that is held in two places is paid for twice, because it is written twice."""
        todo: list[Any] = [value]
        while todo:
            at = todo.pop()
            if isinstance(at, str | bytes):
                self.pay(len(at) >> 4)
                continue
            if isinstance(at, dict):
                at = at.values()
            elif type(at) is Namespace:
                at = object.__getattribute__(at, "_Namespace__attrs").values()
            if isinstance(at, _MANY):
                self.pay(ITEM * (1 + len(at)))
                todo += [x for x in at if type(x) not in _SMALL]

    def _paid(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self.pay(NODE)
            yield item


def joined(parts: Iterable[str]) -> str:
    """All parts of an output, as far as they fit."""
    out, n = [], 0
    for part in parts:
        n += len(part)
        if n > MOST:
            raise TemplateFault(f"the template makes a text of more than {MOST} characters")
        out.append(part)
    return "".join(out)
