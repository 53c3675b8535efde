"""`jobstream practice-api`: a job API to try things against, on this machine."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobstream.testing.practice.config import PracticeConfig
    from jobstream.testing.practice.reply import Asked, Reply

HELP = "a job API on this machine that behaves like SendGrid's export, and misbehaves on order"

_SENDGRID = "https://api.sendgrid.com"
#: option → (field of PracticeConfig, reader, help)
_OPTIONS: dict[str, tuple[str, type, str]] = {
    "--host": ("host", str, "address to listen at (127.0.0.1)"),
    "--port": ("port", int, "port of the API; 0: any (9000)"),
    "--files-port": ("files_port", int, "port of the files' own host; 0: any (9001)"),
    "--elsewhere-port": ("elsewhere_port", int, "port of another host, which redirects lead to; 0: any (0)"),
    "--files-origin": ("files_origin", str, "what links name instead, such as https://files.example.com; map it with --map-origin"),
    "--elsewhere-origin": ("elsewhere_origin", str, "likewise for redirects"),
    "--key": ("key", str, "the API key that create and poll want (SG.practice)"),
    "--seed": ("seed", int, "another seed, other rows (7)"),
    "--files": ("files", int, "files of a job (3)"),
    "--rows": ("rows", int, "rows of each file (100); from 50,000 on files are made once and kept"),
    "--page-rows": ("page_rows", int, "rows of a page, where results come in pages (50)"),
    "--job-seconds": ("job_seconds", float, "from create to ready (2)"),
    "--jitter": ("jitter", float, "up to so many seconds more (0)"),
    "--link-seconds": ("link_seconds", float, "life of a link (900)"),
    "--list-lag": ("list_lag", float, "a new job is listed only after so many seconds (1)"),
    "--token-seconds": ("token_seconds", float, "life of an OAuth access token (3600)"),
    "--folder": ("folder", str, "where large files are kept between runs (in the system's temporary folder)"),
    "--time-scale": ("time_scale", float, "multiplies all seconds of the server (1): 0.01 makes minutes sub-second"),
}  # fmt: skip


def add(parser: argparse.ArgumentParser) -> None:
    from jobstream.testing.practice.faults import KINDS

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    for option, (field, reader, help) in _OPTIONS.items():
        parser.add_argument(option, dest=field, type=reader, default=None, help=help, metavar=reader.__name__.upper())
    parser.add_argument("--create", choices=["keyed", "listed", "bare", "losing"], default=None,
                        help="keyed: honours Idempotency-Key · listed: has a list of jobs, which lags · bare: neither (this one) · "
                             "losing: makes the job and loses the first answer")  # fmt: skip
    parser.add_argument("--format", choices=["csv", "jsonl", "json", "xml"], default=None, help="of the files (csv)")
    parser.add_argument("--plain", action="store_true", help="files without gzip")
    parser.add_argument("--fault", action="append", default=[], metavar="NAME[=VALUE][,OPTION=...]", help="what goes wrong; repeatable, see below")  # fmt: skip
    parser.add_argument("--script", metavar="FILE", help="JSON: a list of faults, or an object of settings with faults")
    parser.add_argument("--verbose", action="store_true", help="a line for each request")
    parser.add_argument("--json", action="store_true", help="say the addresses as one line of JSON")
    lines = "\n".join(f"  {_shown(k.name, k.value):<26}{k.help}{_ends(k.times)}" for k in KINDS.values())
    parser.epilog = _EPILOG.format(faults=lines)


_EPILOG = """\
what --fault knows (times: how often, where not always):
{faults}

options of a fault, after commas:
  on=create+poll    routes: create poll list download rows sync query token cancel delete all
  times=2           how often at most (always: no bound)      every=5   only each fifth request
  after=3           the first three pass                      per=job   counted for each job (route, file) for itself
  job=2  file=0     only the second job, only the first file  jitter=S  with latency and duration

examples:
  jobstream practice-api --fault 429=2,every=5 --fault reset=4000,per=file
  jobstream practice-api --create keyed --fault lost-create --job-seconds 30 --time-scale 0.01
  curl -d '["never-done", "5xx=500,times=3,on=poll"]' http://127.0.0.1:9000/_practice/faults
  curl http://127.0.0.1:9000/_practice/report?brief=1
"""


def _shown(name: str, value: float | str | None) -> str:
    return name if value is None else f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"


def _ends(times: int) -> str:
    return f" [times={times}]" if times else ""


def run(args: argparse.Namespace) -> int:
    import asyncio

    return asyncio.run(_serve(_config(args), verbose=args.verbose, as_json=args.json))


def _config(args: argparse.Namespace) -> PracticeConfig:
    from pathlib import Path

    import msgspec

    from jobstream.errors import UsageError
    from jobstream.testing.practice.config import config_from

    document: Any = {}
    if args.script:
        try:
            document = msgspec.json.decode(Path(args.script).read_bytes())
        except (OSError, msgspec.DecodeError) as e:
            raise UsageError(f"{args.script} cannot be read: {e}", where="--script") from e
        if not isinstance(document, dict | list):
            raise UsageError("the script is neither a list of faults nor an object", where=args.script)
    given = {field: value for field, *_ in _OPTIONS.values() if (value := getattr(args, field)) is not None}
    given |= {name: value for name in ("create", "format") if (value := getattr(args, name)) is not None}
    given |= {"gzip": False} if args.plain else {}
    ports = {"port": 9000, "files_port": 9001}
    known = document if isinstance(document, dict) else {"faults": document}
    return config_from({**ports, **known}, faults=args.fault, **given)


async def _serve(config: PracticeConfig, *, verbose: bool, as_json: bool) -> int:
    import asyncio
    import contextlib
    import signal

    from jobstream.testing.practice.api import PracticeApi

    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C ends asyncio.run itself
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, ended.set)
    async with PracticeApi(config, watch=_log if verbose else None) as api:
        _say(_greeting(api, as_json))
        await ended.wait()
        report = api.report(brief=True)
    if not as_json:
        _say(f"stopped: {report.n_jobs} jobs, {report.polls} polls, {report.downloads} downloads, {len(report.misplaced)} credentials on the wrong host")  # fmt: skip
    return 0


def _greeting(api: Any, as_json: bool) -> str:
    import msgspec

    from jobstream.testing.practice.api import Addresses

    if as_json:
        return msgspec.json.encode(Addresses(api.url, api.files_url, api.elsewhere_url)).decode()
    config = api.config
    maps = f"--map-origin {_SENDGRID}={api.url}"
    if config.files_origin:
        maps += f" --map-origin {config.files_origin}={api.files_url}"
    faults = ", ".join(f.name for f in config.faults) or "none"
    return f"""\
API      {api.url}/v3/marketing/contacts/exports   key {config.key}
files    {api.files_url}   {config.files} of {config.rows} rows each
other    {api.elsewhere_url}
faults   {faults}
report   curl {api.url}/_practice/report?brief=1

jobstream run examples/sendgrid/manifest.yaml --config '{{"api_key": "{config.key}"}}' --to out --format parquet \\
  {maps}

also     {api.url}/v1/reports (pages)  /xml/v1/exports  /v1/contacts  /v1/statistics  /oauth/token
Ctrl-C stops it."""


def _log(asked: Asked, reply: Reply, n_bytes: int, seconds: float) -> None:
    """Without the query: it holds signatures."""
    status = "-" if reply.silent or reply.hangs else str(reply.status)
    _say(f"{asked.origin:<9} {asked.method:<6} {asked.path} {status} {n_bytes} B {seconds * 1000:.1f} ms {reply.told}".rstrip())


def _say(text: str) -> None:
    import sys

    sys.stdout.write(text + "\n")
    sys.stdout.flush()
