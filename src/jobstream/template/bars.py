"""The walk over a parsed Handlebars template: paths, blocks, words. pydantic-handlebars parses; what it reads otherwise than
handlebars.js is put right here. Imported late, for pydantic is heavy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

from pydantic_handlebars import HandlebarsError
from pydantic_handlebars._ast_nodes import (
    BlockStatement,
    Expression,
    MustacheStatement,
    PathExpression,
    Program,
    Statement,
    SubExpression,
)
from pydantic_handlebars._compiler import Compiler, Scope
from pydantic_handlebars._parser import parse

from jobstream.plan.notes import Json
from jobstream.template.language import LONGEST, MOST, TemplateFault, near
from jobstream.template.script import Handle, is_empty, written
from jobstream.template.standalone import Whitespace

STEPS = 200_000  # statements of one rendering
_TURN = 3  # what a turn of a loop costs, beside its statements
Word: TypeAlias = Callable[..., Json]
Escape: TypeAlias = Callable[[str], str]
_BLOCKS = ("if", "unless", "each", "with")


def parsed(source: str) -> Program:
    """Raises TemplateFault for what is no template, or too long, or too deep."""
    if len(source) > LONGEST:
        raise TemplateFault(f"the template has {len(source)} characters, {LONGEST} at most")
    with _told():
        program = parse(source)
    Whitespace().program(program, root=True)
    return program


@contextmanager
def _told() -> Iterator[None]:
    """What the library raises, in our words."""
    try:
        yield
    except HandlebarsError as e:
        raise TemplateFault(str(e)) from e
    except RecursionError as e:
        raise TemplateFault("the template is nested too deeply") from e


@_told()
def rendered(program: Program, context: Json, words: Mapping[str, Word], escape: Escape = str) -> str:
    return _Walk(words, escape).render(program, context)


@_told()
def evaluated(program: Program, context: Json, words: Mapping[str, Word]) -> Json:
    """The value of the one expression that the template is."""
    match program.body:
        case [MustacheStatement() as only]:
            return _plain(_Walk(words, str).called(only.path, only.params, only.hash_pairs, Scope(context)))
        case _:
            raise TemplateFault("one expression is wanted here")


def property_of(value: Json, name: str) -> Json:
    """A field, an element, a length; None where nothing is. Never an attribute."""
    if isinstance(value, Handle):
        return value.fields.get(name)
    if isinstance(value, Mapping):
        return value.get(name)
    if name == "length" and isinstance(value, str | list | tuple):
        return len(value)
    if isinstance(value, list | tuple) and name.isdecimal():
        return value[int(name)] if int(name) < len(value) else None
    return None


class _Walk(Compiler):
    """One rendering."""

    def __init__(self, words: Mapping[str, Word], escape: Escape) -> None:
        super().__init__({}, max_output_size=MOST)
        self._words, self._escape, self._steps = words, escape, 0

    def _render_statement(self, stmt: Statement, scope: Scope) -> str:
        self._steps += 1
        if self._steps > STEPS:
            raise TemplateFault("the template takes too many steps")
        return super()._render_statement(stmt, scope)

    def _render_mustache(self, stmt: MustacheStatement, scope: Scope) -> str:
        text = written(self.called(stmt.path, stmt.params, stmt.hash_pairs, scope))
        return self._escape(text) if stmt.escaped else text

    def _eval_subexpression(self, expr: SubExpression, scope: Scope) -> Json:
        return self._word(expr.path.original, expr.params, expr.hash_pairs, scope)

    def called(self, path: Expression, params: list[Expression], pairs: dict[str, Expression], scope: Scope) -> Json:
        """A word of the language, or a path. What has arguments is a word."""
        if isinstance(path, PathExpression) and _may_be_word(path):
            if params or pairs or path.original in self._words:
                return self._word(path.original, params, pairs, scope)
        elif params or pairs:
            raise TemplateFault("a path takes no arguments")
        return self._eval_expression(path, scope)

    def _word(self, name: str, params: list[Expression], pairs: dict[str, Expression], scope: Scope) -> Json:
        if name == "lookup":
            if len(params) != 2:
                raise TemplateFault("lookup: a holder and a key are wanted")
            found, key = (self._eval_expression(p, scope) for p in params)
            return property_of(found, written(key))
        if name not in self._words:
            raise TemplateFault(f"no helper is named {name!r}" + near(name, (*self._words, *_BLOCKS)))
        args = [_plain(self._eval_expression(p, scope)) for p in params]
        named = {k: _plain(self._eval_expression(v, scope)) for k, v in pairs.items()}
        try:
            made = self._words[name](*args, **named)
        except (TypeError, ValueError, ArithmeticError, LookupError, RecursionError) as e:
            raise TemplateFault(f"{name}: {e}") from e
        if isinstance(made, str) and len(made) > MOST:
            raise TemplateFault(f"{name} makes {len(made)} characters, {MOST} at most")
        return made

    def _render_block(self, stmt: BlockStatement, scope: Scope) -> str:
        name = stmt.path.original if isinstance(stmt.path, PathExpression) else ""
        if name == "each" and stmt.params:
            return self._each(stmt, self._eval_expression(stmt.params[0], scope), scope)
        if name == "with" and stmt.params:
            value = self._eval_expression(stmt.params[0], scope)
            return self._else(stmt, scope) if is_empty(value) else self._body(stmt, scope, value, [value])
        if name in ("if", "unless"):
            value = self._eval_expression(stmt.params[0], scope) if stmt.params else scope.context
            zero = stmt.hash_pairs.get("includeZero")
            holds = not is_empty(value) or (zero is not None and value == 0 and not isinstance(value, bool | str))
            return self._body(stmt, scope, scope.context) if holds == (name == "if") else self._else(stmt, scope)
        return self._section(stmt, self.called(stmt.path, stmt.params, stmt.hash_pairs, scope), scope)

    def _section(self, stmt: BlockStatement, value: Json, scope: Scope) -> str:
        """A path, or a word that answers a question, as a block."""
        if is_empty(value):
            return self._else(stmt, scope)
        if isinstance(value, list | tuple):
            return self._each(stmt, value, scope)
        return self._body(stmt, scope, scope.context if value is True else value)

    def _each(self, stmt: BlockStatement, value: Json, scope: Scope) -> str:
        pairs: list[tuple[Json, Json]] = []
        if isinstance(value, Mapping):
            pairs = list(value.items())
        elif isinstance(value, list | tuple):
            pairs = list(enumerate(value))
        if not pairs:
            return self._else(stmt, scope)
        return "".join(self._turns(stmt, pairs, isinstance(value, Mapping), scope))

    def _turns(self, stmt: BlockStatement, pairs: list[tuple[Json, Json]], keyed: bool, scope: Scope) -> Iterator[str]:
        for i, (key, item) in enumerate(pairs):
            self._steps += _TURN
            data = {"index": i, "key": key, "first": i == 0, "last": i == len(pairs) - 1, _FRAME: object()}
            yield self._body(stmt, scope, item, [item, key], data if keyed else {**data, "key": i})

    def _body(
        self, stmt: BlockStatement, scope: Scope, context: Json, given: list[Json] = [], data: dict[str, Any] = {}
    ) -> str:
        params = dict(zip(stmt.block_params, given, strict=False))
        return self._render_program(stmt.body, scope.child(context, data=data, block_params=params))

    def _else(self, stmt: BlockStatement, scope: Scope) -> str:
        return "" if stmt.inverse is None else self._render_program(stmt.inverse, scope)

    def _resolve_path(self, path: PathExpression, scope: Scope) -> Json:
        parts = list(path.parts)
        if path.data:
            data = _above(scope, path.depth, lambda s: s.data.get(_FRAME)).data
            value: Json = data.get(parts.pop(0)) if parts else None
        elif parts and path.depth == 0 and not path.is_this and (param := scope.lookup_block_param(parts[0]))[0]:
            value = param[1]
            parts.pop(0)
        else:
            value = _above(scope, path.depth, lambda s: s.context).context
        for part in parts:
            value = property_of(value, part)
        return value


_FRAME = " frame"  # no template can write this name


def _above(scope: Scope, levels: int, mark: Callable[[Scope], object]) -> Scope:
    """Up by so many changes of `mark`: a block that leaves the context as it is, is no level (since Handlebars 4)."""
    for _ in range(levels):
        here = mark(scope)
        while scope.parent is not None and mark(scope) is here:
            scope = scope.parent
        if mark(scope) is here:
            return Scope(None)
    return scope


def _may_be_word(path: PathExpression) -> bool:
    return not path.data and path.depth == 0 and not path.is_this and len(path.parts) == 1


def _plain(value: Json) -> Json:
    return value.plain if isinstance(value, Handle) else value


def roots(program: Program) -> Iterator[tuple[str, ...]]:
    """Every path that begins at the root context, wherever it stands."""
    yield from _roots(program, 0, ())


def _roots(program: Program, depth: int, params: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for s in program.body:
        if isinstance(s, MustacheStatement):
            yield from _paths([s.path, *s.params, *s.hash_pairs.values()], depth, params, bool(s.params or s.hash_pairs))
        elif isinstance(s, BlockStatement):
            name = s.path.original if isinstance(s.path, PathExpression) else ""
            args = [*s.params, *s.hash_pairs.values()]
            yield from _paths([s.path, *args], depth, params, bool(args))
            inner = depth + (name in ("each", "with") or not args)
            yield from _roots(s.body, inner, (*params, *s.block_params))
            if s.inverse is not None:
                yield from _roots(s.inverse, depth, params)


def _paths(found: list[Expression], depth: int, params: tuple[str, ...], called: bool) -> Iterator[tuple[str, ...]]:
    """called: the first is a word."""
    for n, e in enumerate(found):
        if isinstance(e, SubExpression):
            yield from _paths([e.path, *e.params, *e.hash_pairs.values()], depth, params, True)
        elif isinstance(e, PathExpression) and e.parts and not (n == 0 and called):
            if e.data and e.parts[0] == "root":
                yield tuple(e.parts[1:])
            elif not e.data and e.depth == depth and e.parts[0] not in params:
                yield tuple(e.parts)
