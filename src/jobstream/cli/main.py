"""The command line: one module a command, imported when it is called, so that `--help` costs nothing but argparse."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from typing import NamedTuple, Protocol

from jobstream import __version__


class Command(Protocol):
    """What a module of this package offers."""

    def add(self, parser: argparse.ArgumentParser) -> None: ...
    def run(self, args: argparse.Namespace) -> int: ...


class Entry(NamedTuple):
    module: str
    help: str


COMMANDS: dict[str, Entry] = {
    "run": Entry("run", "run a manifest or Celigo resources: create jobs, wait, download, deliver"),
    "validate": Entry("validate", "tell every mistake in a document; sends nothing"),
    "jobs": Entry("jobs", "list, show, cancel, collect, prune the jobs of a project; list orphans"),
    "demo": Entry("demo", "the whole way, against a practice API on this machine"),
    "practice-api": Entry("practice_api", "serve a practice job API that can be told to misbehave"),
    "serve": Entry("serve", "serve the REST API: async helpers and their neighbours"),
    "token": Entry("token", "create, list, revoke tokens of the REST API"),
    "spec": Entry("source", "Airbyte protocol: print the SPEC message"),
    "check": Entry("source", "Airbyte protocol: try the connection"),
    "discover": Entry("source", "Airbyte protocol: print the CATALOG"),
    "read": Entry("source", "Airbyte protocol: RECORD and STATE messages on stdout"),
}

EPILOG = """\
start here:
  jobstream demo                                     see the whole way in a minute
  jobstream validate manifest.yaml                   check a document
  jobstream run manifest.yaml --config config.json --to out --format parquet
  jobstream jobs list                                what was asked of the API, and how far it is

`jobstream COMMAND --help` teaches each command. Exit codes: 0 done, 1 something failed, 2 the document
or the call is wrong, 3 another process holds the source, 130 interrupted."""


def run(argv: list[str]) -> int:
    """Runs one command. Returns the exit code: 0 done · 1 failed · 2 document or call wrong · 3 held · 130 interrupted."""
    name, rest = (argv[0], argv[1:]) if argv else ("--help", [])
    if name not in COMMANDS:
        return _top(argv or ["--help"])
    from jobstream.errors import JobstreamError

    command: Command = importlib.import_module(f"jobstream.cli.{COMMANDS[name].module}")
    parser = argparse.ArgumentParser(
        prog=f"jobstream {name}", description=f"{COMMANDS[name].help[:1].upper()}{COMMANDS[name].help[1:]}.",
        formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.set_defaults(command=name)
    command.add(parser)
    args = parser.parse_args(rest)
    try:
        return command.run(args)
    except JobstreamError as e:
        print(f"jobstream: {e}", file=sys.stderr)
        return e.exit_code
    except BaseExceptionGroup as group:  # of the engine's tasks
        known, _ = group.split(JobstreamError)
        if known is None:
            return _defect(group)
        faults = [e for e in _leaves(known) if isinstance(e, JobstreamError)]
        for said in dict.fromkeys(map(str, faults)):
            print(f"jobstream: {said}", file=sys.stderr)
        return max(fault.exit_code for fault in faults)
    except BrokenPipeError:  # whoever read our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (KeyboardInterrupt, asyncio_cancelled()):
        return 130
    except Exception as e:  # noqa: BLE001
        return _defect(e)


def _leaves(group: BaseException) -> list[BaseException]:
    return [x for e in group.exceptions for x in _leaves(e)] if isinstance(group, BaseExceptionGroup) else [group]


def asyncio_cancelled() -> type[BaseException]:
    """asyncio.CancelledError, if asyncio was needed at all."""
    asyncio = sys.modules.get("asyncio")
    return asyncio.CancelledError if asyncio is not None else KeyboardInterrupt


def _defect(e: BaseException) -> int:
    """The whole story is for us, a line for the person; JOBSTREAM_TRACEBACK=1 shows it."""
    if os.environ.get("JOBSTREAM_TRACEBACK"):
        raise e
    inner: BaseException = e
    while isinstance(inner, BaseExceptionGroup):
        inner = inner.exceptions[0]
    print(f"jobstream: a fault of jobstream itself: {type(inner).__name__}: {inner} "
          "(JOBSTREAM_TRACEBACK=1 shows where; please report it)", file=sys.stderr)  # fmt: skip
    return 1


def _top(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="jobstream", formatter_class=argparse.RawDescriptionHelpFormatter, epilog=EPILOG,
        description="Reliable, fast streams of records from APIs that answer with a job.")  # fmt: skip
    parser.add_argument("--version", action="version", version=f"jobstream {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name, entry in COMMANDS.items():
        commands.add_parser(name, help=entry.help, add_help=False)
    parser.parse_args(argv)
    return 0
