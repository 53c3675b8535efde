"""No file over 400 lines, no function over 40 (docstring aside); prints the offenders and the totals."""

import ast
import pathlib

total = 0
for f in sorted(pathlib.Path("src").rglob("*.py")):
    text = f.read_text()
    n = len(text.splitlines())
    total += n
    if n > 400:
        print(f"{f}: {n} lines")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            doc = node.body[0] if ast.get_docstring(node) else None
            size = (node.end_lineno or 0) - node.lineno + 1 - ((doc.end_lineno or 0) - doc.lineno + 1 if doc else 0)
            if size > 40:
                print(f"{f}:{node.lineno} {node.name}: {size}")
print(total, "lines in", sum(1 for _ in pathlib.Path("src").rglob("*.py")), "files")
