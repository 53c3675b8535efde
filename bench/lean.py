"""Only the requests of many jobs: one coroutine a job, aiohttp, nothing kept, nothing checked. What jobstream's waiting is measured against.

python lean.py ORIGIN JOBS FROM TO EVERY
"""

from __future__ import annotations

import asyncio
import sys

import aiohttp


async def one(client: aiohttp.ClientSession, origin: str, n: int, span: str, every: float) -> int:
    async with client.post(f"{origin}/timed/k{n}?{span}") as answer:
        number = (await answer.json())["id"]
    while True:
        async with client.get(f"{origin}/jobs/{number}") as answer:
            job = await answer.json()
        if job["status"] == "ready":
            break
        await asyncio.sleep(every)
    got = 0
    for url in job["urls"]:
        async with client.get(url) as answer:
            got += len(await answer.read())
    return got


async def main() -> None:
    origin, jobs, low, high, every = sys.argv[1:6]
    connector = aiohttp.TCPConnector(limit=200)
    async with aiohttp.ClientSession(connector=connector) as client:
        done = await asyncio.gather(*(one(client, origin, n, f"from={low}&to={high}", float(every)) for n in range(int(jobs))))
    print(len(done), sum(done))


asyncio.run(main())
