"""What an output holds, so that outputs can be compared: how many records, and a sum over them that does not depend on their order.
Nulls are left out, as the Airbyte protocol leaves them out.

python alike.py FILE_OR_FOLDER     RECORD lines, or a folder of Parquet files
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def records(path: Path) -> Iterator[dict[str, Any]]:
    if path.is_dir():
        import pyarrow.parquet as pq

        for file in sorted(path.rglob("*.parquet")):
            for batch in pq.ParquetFile(file).iter_batches(50_000):
                yield from batch.to_pylist()
        return
    with path.open("rb") as lines:
        for line in lines:
            message = json.loads(line)
            if message["type"] == "RECORD":
                yield message["record"]["data"]


def main() -> None:
    count = total = 0
    for record in records(Path(sys.argv[1])):
        text = json.dumps({k: v for k, v in record.items() if v is not None}, sort_keys=True)
        total += int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest())
        count += 1
    print(json.dumps({"records": count, "sum": f"{total % 2**128:032x}"}))


main()
