"""A connection: where requests go, what signs them, what they may cost. Its secrets move into the config."""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from jobstream.dialects.celigo.document import Node
from jobstream.dialects.celigo.paths import at, one_of
from jobstream.dialects.celigo.tables import CONNECTION
from jobstream.plan.component import Component
from jobstream.plan.exchange import Read, Rule, Wait, When
from jobstream.plan.notes import Json
from jobstream.plan.source import Budget

_SECRET_HEADERS = re.compile(r"authorization|cookie|token|api-?key|secret|password", re.IGNORECASE)
_CONFIG = re.compile(r"\bconfig\.([\w.]+)")
_MASKED = ("", "******")


class Connection(NamedTuple):
    """word: its name in the config, and so in templates. secrets: paths below it."""

    word: str
    base: str
    headers: dict[str, str]
    auth: Component | None
    secrets: tuple[str, ...]
    budget: Budget
    rules: tuple[Rule, ...]
    waits: tuple[Wait, ...]
    media: str
    answers: str
    host: str

    def secret_paths(self) -> tuple[str, ...]:
        """Into the config. What a template reads from there is as secret as what is written."""
        options = (self.auth.options if self.auth is not None else {}).values()
        read = [
            m[1] for v in options if isinstance(v, str) for m in _CONFIG.finditer(v) if not m[1].startswith(f"{self.word}.")
        ]
        return (*(f"{self.word}.{s}" for s in self.secrets), *read)

    def config(self, node: Node, given: Json) -> Json:
        """The resource itself, under what is given for it. Masked secrets are absent."""
        document = {**node.raw, "http": {**_dict(node.raw.get("http"))}}
        document["http"]["headers"] = {h["name"]: h.get("value") for h in document["http"].get("headers") or () if _named(h)}
        own = _pruned(document)
        return _laid(own, given) if isinstance(given, dict) else own


def connection_of(node: Node, word: str) -> Connection:
    http = node.node("http")
    http.only(CONNECTION)
    if node.text("type", "http") != "http":
        node.doc.tell("unsupported", node.place("type"), node.text("type"), "http is known")
    base = (http.needed("baseURI", str) or "").rstrip("/")
    auth, secrets = _auth(http, word)
    headers = {}
    for h in http.nodes("headers"):
        name, value = h.text("name"), h.text("value")
        if value and "{{" not in value and _SECRET_HEADERS.search(name):
            secrets = (*secrets, f"http.headers.{name}")
            value = f"{{{{{{config.{word}.http.headers.[{name}]}}}}}}"
        headers[name] = value
    secrets += tuple(f"http.encrypted.{k}" for k in http.node("encrypted").raw)
    level = int(http.number("concurrencyLevel", 25)) or 25
    rules, waits = _throttling(http)
    media = http.text("mediaType", "json")
    host = "" if "{{" in base else urlsplit(base).hostname or ""
    return Connection(word, base, headers, auth, secrets, Budget(open=level), rules, waits, media, http.text("successMediaType", media), host)  # fmt: skip


def _auth(http: Node, word: str) -> tuple[Component | None, tuple[str, ...]]:
    auth = http.node("auth")
    kind = auth.text("type", "custom")
    if kind == "custom":
        return None, ()
    if kind not in _KINDS:
        auth.doc.tell("unsupported", auth.place("type"), kind, "known: " + ", ".join(sorted(("custom", *_KINDS))))
        return None, ()
    name, options, secrets = _KINDS[kind](auth, f"config.{word}.http.auth")
    secrets = tuple(s for s in secrets if not _is_template(auth, s))
    inner = auth.node({"oauth": "oauth", "basic": "basic", "token": "token"}[kind])
    return auth.doc.made(Component("auth", name, options), inner, **{k: k for k in options}), tuple(
        f"http.auth.{s}" for s in secrets
    )


def _is_template(auth: Node, path: str) -> bool:
    value: Json = auth.raw
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return isinstance(value, str) and "{{" in value


def _raw(auth: Node, path: str, at: str) -> str:
    """The value in the config; one that is a template itself stands in the plan."""
    if _is_template(auth, at):
        block, _, field = at.partition(".")
        return auth.node(block).text(field)
    return f"{{{{{{{path}.{at}}}}}}}"


def _basic(auth: Node, path: str) -> tuple[str, dict[str, Any], tuple[str, ...]]:
    return (
        "basic",
        {"user": _raw(auth, path, "basic.username"), "password": _raw(auth, path, "basic.password")},
        ("basic.password",),
    )


def _token(auth: Node, path: str) -> tuple[str, dict[str, Any], tuple[str, ...]]:
    token = auth.node("token")
    secret, where = _raw(auth, path, "token.token"), token.text("location", "header")
    name, scheme = token.text("headerName", "Authorization"), token.text("scheme")
    if where == "header" and name.lower() == "authorization" and scheme.lower() == "bearer":
        return "bearer", {"token": secret}, ("token.token",)
    into = {"header": "header", "url": "query", "body": "body_json"}.get(where, "")
    if not into:
        auth.doc.tell("wrong_value", token.place("location"), where, "header, url or body")
    key = name if where == "header" else token.text("paramName", "access_token")
    lead = f"{scheme} " if scheme and where == "header" else ""
    return "api_key", {"name": key, "token": lead + secret, "into": into or "header"}, ("token.token",)


def _oauth(auth: Node, path: str) -> tuple[str, dict[str, Any], tuple[str, ...]]:
    oauth = auth.node("oauth")
    grant = oauth.text("grantType", "authorizecode")
    options: dict[str, Any] = {
        "token_url": oauth.needed("tokenURI", str) or "", "client_id": _raw(auth, path, "oauth.clientId"),
        "client_secret": _raw(auth, path, "oauth.clientSecret")}  # fmt: skip
    if scopes := oauth.texts("scope"):
        options["scopes"] = list(scopes)
    if oauth.text("clientCredentialsLocation") == "basicauthheader":
        options["client"] = "basic"
    secrets = ["oauth.clientSecret"]
    if grant == "authorizecode":
        options |= {"refresh_token": _raw(auth, path, "token.refreshToken"), "access_token": _raw(auth, path, "token.token")}
        secrets += ["token.refreshToken", "token.token"]
    elif grant == "password":
        options |= {
            "grant": "password",
            "user": _raw(auth, path, "oauth.username"),
            "password": _raw(auth, path, "oauth.password"),
        }
        secrets.append("oauth.password")
    elif grant != "clientcredentials":
        auth.doc.tell("wrong_value", oauth.place("grantType"), grant, "authorizecode, clientcredentials or password")
    return "oauth", options, tuple(secrets)


_KINDS = {"basic": _basic, "token": _token, "oauth": _oauth}


def _throttling(http: Node) -> tuple[tuple[Rule, ...], tuple[Wait, ...]]:
    limit = http.node("rateLimit")
    limit.only(("failStatusCode", "failPath", "failValues"))
    rules = []
    code = int(limit.number("failStatusCode", 429))
    path, values = limit.text("failPath"), limit.texts("failValues")
    if code != 429 or path:
        holds = "{{" + one_of(at("answer.body", path), values)[1:-1] + "}}" if path and values else ""
        rules.append(Rule(then="throttled", when=When(codes=(str(code),), holds=holds)))
    header = Wait(read=Read(at="header", path=(http.text("retryHeader", "Retry-After"),)))
    return tuple(rules), (header, Wait(first=1.0, factor=2.0, most=60.0))


def _dict(v: Json) -> dict[str, Json]:
    return dict(v) if isinstance(v, dict) else {}


def _named(h: Json) -> bool:
    return isinstance(h, dict) and isinstance(h.get("name"), str)


def _pruned(v: Json) -> Json:
    """Without what is masked or empty: it is to come from the config."""
    return {k: _pruned(x) for k, x in v.items() if x not in _MASKED} if isinstance(v, dict) else v


def _laid(below: Json, above: Json) -> Json:
    if isinstance(below, dict) and isinstance(above, dict):
        return {**below, **{k: _laid(below.get(k), v) for k, v in above.items()}}
    return above
