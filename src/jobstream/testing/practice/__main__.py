"""The child of PracticeServer: config on the first line of its input, addresses on the first of its output; ends with its input."""

from __future__ import annotations

import asyncio
import signal
import sys

import msgspec

from jobstream.testing.practice.api import Addresses, PracticeApi
from jobstream.testing.practice.config import PracticeConfig


async def _serve(config: PracticeConfig) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    async with PracticeApi(config) as api:
        found = Addresses(api.url, api.files_url, api.elsewhere_url)
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
        sys.stdout.flush()
        loop.add_reader(sys.stdin.fileno(), ended.set)
        await ended.wait()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the parent, which may still have something to ask
    asyncio.run(_serve(msgspec.json.decode(sys.stdin.buffer.readline(), type=PracticeConfig)))
