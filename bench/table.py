"""Results as Markdown and JSON; the tables of README.md stand between markers and are written by the harness."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import subprocess
from pathlib import Path
from typing import Any

OUT = Path(__file__).parent / "out"
README = Path(__file__).parent / "README.md"
_LIBRARIES = ("jobstream", "pyarrow", "isal", "aiohttp", "msgspec")


def markdown(head: list[str], rows: list[list[str]]) -> str:
    line = "|" + "|".join("---" if n == 0 else "--:" for n in range(len(head))) + "|"
    return "\n".join(["| " + " | ".join(head) + " |", line, *("| " + " | ".join(r) + " |" for r in rows)])


def machine(cdk_python: Path | None) -> dict[str, str]:
    """Where and with what the numbers were made."""
    model = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 2**20
    found = {"processor": f"{len(model)} x {model[0] if model else 'unknown'}", "memory": f"{memory:.0f} GB",
             "system": f"Linux {platform.release()}", "python": platform.python_version()}  # fmt: skip
    for name in _LIBRARIES:
        found[name] = importlib.metadata.version(name)
    if cdk_python is not None and cdk_python.exists():
        ask = [str(cdk_python), "-c", "import importlib.metadata as m; print(m.version('airbyte-cdk'))"]
        found["airbyte-cdk"] = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
    return found


def keep(name: str, text: str, result: dict[str, Any], *, write: bool) -> None:
    """Prints; keeps Markdown and JSON under bench/out; with `write` also in README.md, between the markers called `name`."""
    print(f"\n{text}")
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / f"{name}.md").write_text(text + "\n")
    (OUT / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    if write:
        begin, end = f"<!-- {name} -->", f"<!-- end {name} -->"
        before, rest = README.read_text().split(begin)
        README.write_text(f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}")
