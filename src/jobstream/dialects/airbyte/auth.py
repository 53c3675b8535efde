"""Authenticators -> named credentials of the source; equal ones share a name, and so a token."""

from __future__ import annotations

from jobstream.dialects.airbyte.context import Context
from jobstream.dialects.airbyte.faults import near
from jobstream.dialects.airbyte.leaf import leaf
from jobstream.dialects.airbyte.leaves import of_kind
from jobstream.dialects.airbyte.places import Node
from jobstream.plan.component import Component
from jobstream.plan.notes import Json

_INTO = {"header": "header", "request_parameter": "query", "body_json": "body_json", "body_data": "body_data"}


def authenticator(c: Context, requester: Node) -> str:
    """The name in SourcePlan.auth; '' where no credentials are sent."""
    node = c.node(requester, "authenticator")
    component = None if node is None else _component(c, node)
    if component is None:
        return ""
    for name, other in c.auths.items():
        if other == component:
            return name
    name = f"auth{len(c.auths) + 1}"
    c.auths[name] = component
    return name


def _component(c: Context, node: Node) -> Component | None:
    match c.type_of(node):
        case "NoAuth":
            c.check(node, "NoAuth")
            return None
        case "ApiKeyAuthenticator":
            return _api_key(c, node)
        case "SelectiveAuthenticator":
            return _selected(c, node)
        case "OAuthAuthenticator":
            return _oauth(c, node)
        case _:
            return leaf(c, node, "auth", types=("NoAuth", "ApiKeyAuthenticator", "SelectiveAuthenticator", *of_kind("auth")))


def _api_key(c: Context, node: Node) -> Component:
    c.check(node, "ApiKeyAuthenticator")
    c.require(node, "api_token")
    options: dict[str, Json] = {"token": c.text(node, "api_token"), "name": c.text(node, "header")}
    option = c.typed(node, "inject_into", ("RequestOption",), "RequestOption")
    places = {"options/token": node.place("api_token"), "options/name": node.place("header")}
    if option is not None:
        inner = option[0]
        options |= {"name": c.text(inner, "field_name"), "into": into(c, inner), "path": list(c.path(inner))}
        options = {k: v for k, v in options.items() if v != []}
        places |= {
            "options/name": inner.place("field_name"),
            "options/into": inner.place("inject_into"),
            "options/path": inner.place("field_path"),
        }
    if not options["name"] and not options.get("path"):
        c.faults.tell("missing_field", f"{node.at}/inject_into", "", "say where the key goes: inject_into or header")
    return c.made(Component("auth", "api_key", options), node.at, **places)


def into(c: Context, option: Node) -> str:
    """Where a request option goes, in the plan's words."""
    c.require(option, "inject_into")
    word = c.text(option, "inject_into")
    if word and word not in _INTO:
        c.faults.tell("wrong_value", option.place("inject_into"), word, near(word, _INTO))
    return _INTO.get(word, "header")


def _oauth(c: Context, node: Node) -> Component | None:
    """A `refresh_token_updater` says where in the config the refresh token lies, and what the answer calls a new one."""
    made = leaf(c, node, "auth")
    updater = c.node(node, "refresh_token_updater")
    if made is None or updater is None:
        return made
    path = c.path(updater, "refresh_token_config_path") or ("credentials", "refresh_token")
    options: dict[str, Json] = {"new_refresh_token_name": c.fixed_text(updater, "refresh_token_name", "refresh_token")}
    if "refresh_token" not in made.options:
        options["refresh_token"] = "{{ config" + "".join(f"[{k!r}]" for k in path) + " }}"
    return c.rebuilt(made, Component("auth", made.name, {**made.options, **options}))


def _selected(c: Context, node: Node) -> Component | None:
    """The config chooses; every choice is checked. Without a config it is the first."""
    c.check(node, "SelectiveAuthenticator")
    c.require(node, "authenticator_selection_path", "authenticators")
    choices: dict[str, Component | None] = {}
    for name, cell in c.entries(node, "authenticators").items():
        if isinstance(cell.raw, dict):
            choices[name] = _component(c, c.manifest.child(node, "authenticators", cell))
        else:
            c.wrong(cell, "an authenticator is expected")
    at: Json = c.texts.config
    for key in c.path(node, "authenticator_selection_path"):
        at = at.get(key) if isinstance(at, dict) else None
    if at is not None and str(at) in choices:
        return choices[str(at)]
    if c.texts.config is not None and choices:
        c.faults.tell(
            "wrong_value", node.place("authenticator_selection_path"), repr(at), "the config chooses " + near(str(at), choices)
        )
    return next(iter(choices.values()), None)
