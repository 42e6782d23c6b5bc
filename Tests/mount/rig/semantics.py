"""The sentences of docs/semantics.md, and the tests that semantics.txt names for each."""

import os
import re

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))


def sentences():
    """Every sentence and every row of a table, in order, each on one line."""
    with open(os.path.join(ROOT, "docs", "semantics.md")) as file:
        text = file.read()
    found = []
    for block in re.split(r"\n(?=[-|#])|\n\n+", text):
        line = " ".join(block.split())
        if not line or line.startswith("#"):
            continue
        if re.fullmatch(r"[|\- ]+", line):
            # What is above it names the columns.
            found.pop()
        elif line.startswith("|"):
            found.append(line)
        else:
            found += re.split(r"(?<=[.)])(?<!e\.g\.) (?=[A-Z`\[])", line.removeprefix("- "))
    return found


def quoted():
    """The names of tests by the sentence above them."""
    found, lines = {}, []
    with open(os.path.join(ROOT, "Tests", "mount", "semantics.txt")) as file:
        for line in file.read().splitlines():
            if line.startswith("> "):
                lines.append(line[2:])
            elif line.strip():
                found.setdefault(" ".join(lines), []).append(line.strip())
            else:
                lines = []
    return found


def exists(name):
    """Whether there is a test of a name: `file.py::function`, or `Target/File.swift: function`."""
    path, _, function = name.partition("::") if "::" in name else name.partition(": ")
    path = os.path.join(ROOT, "Tests", "mount" if path.endswith(".py") else "", path)
    if not os.path.exists(path):
        return False
    with open(path) as file:
        text = file.read()
    forms = [f"def {function}("] if path.endswith(".py") else [f"func `{function}`(", f"func {function}("]
    return any(form in text for form in forms)
