"""Who is measured, and by which command. Each writes RECORD lines to standard output, or Parquet into a folder."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv" / "bin" / "python"
CDK = ROOT / ".venvs" / "airbyte-cdk" / "bin" / "source-declarative-manifest"
MANIFESTS = ROOT / "bench" / "manifests"

Form = Literal["records", "parquet"]


@dataclass(frozen=True)
class Task:
    """What is asked of a contestant: the server, the file, and a folder of its own to stand in."""

    origin: str
    file: str
    place: Path

    def config(self) -> Path:
        return self.written("config.json", {"origin": self.origin, "file": self.file})

    def catalog(self) -> Path:
        stream = {"name": "rows", "json_schema": {"type": "object"}, "supported_sync_modes": ["full_refresh"]}
        return self.written(
            "catalog.json", {"streams": [{"stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": "append"}]}
        )

    def written(self, name: str, value: Any) -> Path:
        path = self.place / name
        path.write_text(json.dumps(value))
        return path


@dataclass(frozen=True)
class Contestant:
    name: str
    form: Form
    command: Callable[[Task], list[str]]
    baseline: bool = False


def install_cdk() -> bool:
    """Whether airbyte-cdk stands in its environment, after an attempt to put it there."""
    subprocess.run([str(ROOT / "scripts" / "peers"), "airbyte-cdk"], check=False)
    return CDK.exists()


def read(manifest: str, program: list[str]) -> Callable[[Task], list[str]]:
    path = str(MANIFESTS / f"{manifest}.yaml")
    return lambda t: [*program, "read", "--manifest-path", path, "--config", str(t.config()), "--catalog", str(t.catalog())]


def documents(kind: str, jobstream: str) -> list[Contestant]:
    """Of JSON lines, a JSON array or XML."""
    script = str(ROOT / "bench" / "straight_documents.py")
    return [
        Contestant(f"jobstream, {kind}", "records", read(f"{kind}_decoder", shlex.split(jobstream))),
        Contestant("straight-line script", "records", lambda t: [str(PYTHON), script, t.origin, t.file, kind], baseline=True),
        Contestant(f"airbyte-cdk, {kind}", "records", read(f"{kind}_decoder", [str(CDK)])),
    ]


def throughput(jobstream: str) -> list[Contestant]:
    """`jobstream` is the command line under test, as a shell would read it."""
    program = shlex.split(jobstream)

    def land(manifest: str) -> Callable[[Task], list[str]]:
        path = str(MANIFESTS / f"{manifest}.yaml")
        return lambda t: [*program, "run", path, "--config", str(t.config()), "--to", str(t.place / "landed"), "--format", "parquet",
                          "--project", str(t.place), "--quiet"]  # fmt: skip

    def straight(form: Form) -> Callable[[Task], list[str]]:
        def command(t: Task) -> list[str]:
            (t.place / "landed").mkdir(exist_ok=True)
            return [
                str(PYTHON),
                str(ROOT / "bench" / "straight.py"),
                t.origin,
                t.file,
                form,
                str(t.place / "landed" / "rows.parquet"),
            ]

        return command

    return [
        Contestant("jobstream, CsvDecoder", "records", read("csv_decoder", program)),
        Contestant("jobstream, ResponseToFileExtractor", "records", read("csv_extractor", program)),
        Contestant("straight-line script", "records", straight("records"), baseline=True),
        Contestant("airbyte-cdk, CsvDecoder in GzipDecoder", "records", read("csv_decoder", [str(CDK)])),
        Contestant("airbyte-cdk, ResponseToFileExtractor", "records", read("csv_extractor", [str(CDK)])),
        Contestant("jobstream, CsvDecoder", "parquet", land("csv_decoder")),
        Contestant("jobstream, ResponseToFileExtractor", "parquet", land("csv_extractor")),
        Contestant("straight-line script", "parquet", straight("parquet"), baseline=True),
    ]
