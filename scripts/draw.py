"""Draws the two tables of the document from the code."""

import sys

sys.path.insert(0, "src")
from jobstream.jobs.table import LIVE, OWED, TABLE
from jobstream.meaning.judge import MAY, MEANS

print("| phase | owed | event → phases it may lead to |\n|---|---|---|")
for p in (None, *LIVE):
    cells = [(e.__name__, to) for (q, e), to in TABLE.items() if q == p and e.__name__ != "CancelAsked"]
    print(
        f"| {p or '(birth)'} | {OWED.get(p, '') if p else ''} | "
        + "; ".join(f"{e} → {' '.join(sorted(x if x != p else 'same' for x in to))}" for e, to in cells)
        + " |"
    )
print("| any live | | CancelAsked → same |\n")
steps = list(MAY)
print("| verdict | means | " + " | ".join(steps) + " |\n|---|---|" + "---|" * len(steps))
for v, means in MEANS.items():
    print(f"| {v} | {means} | " + " | ".join("x" if v in MAY[s] else "" for s in steps) + " |")
