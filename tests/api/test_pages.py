"""The pages of the API say what it is, and their examples work."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from jobstream.api.pages import compatibility
from jobstream.api.routes import routes_of
from jobstream.documents.store.store import Store
from jobstream.ledger.seal import NoSeal
from service import Served

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_of_compatibility_is_that_of_the_forms_and_routes() -> None:
    routes = list(routes_of(Store("sqlite:///unused", NoSeal(), time.time), time.time))

    assert (DOCS / "compat" / "celigo.md").read_text() == compatibility(routes), "write it anew from pages.compatibility()"


def test_the_examples_of_the_guide_work_one_after_the_other(served: Served, account: str) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", (DOCS / "api.md").read_text(), re.DOTALL)
    if subprocess.run(["bash", "-c", "command -v curl"], capture_output=True, check=False).returncode:
        pytest.skip("there is no curl")
    environ = {**os.environ, "URL": served.url, "TOKEN": served.token(account)}

    got = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\necho\n".join(blocks)], env=environ, capture_output=True, text=True, check=False
    )

    assert got.returncode == 0, got.stderr + got.stdout
    assert len(blocks) == 8 and "s3cr3t" not in got.stdout and '"recycle' not in got.stdout
    assert '"dependencyIds":{"asynchelpers":[' in got.stdout and '"action":"restore"' in got.stdout
