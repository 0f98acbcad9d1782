"""What runs beside a student's code, within the walls: it executes cells and calls functions.

    python -I inside.py REQUESTS ANSWERS    numbers of two open files

It holds nothing that a student must not see, and what it sends back is read as a stranger's.
"""

import ast
import contextlib
import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import wire


class Missing(Exception):
    """There is no such function."""


def receive(file):
    head = file.read(wire.HEAD)
    if len(head) < wire.HEAD:
        raise EOFError
    return wire.decode(file.read(int.from_bytes(head, "big")))


def send(file, kind, value):
    message = wire.encode((kind, value))
    file.write(len(message).to_bytes(wire.HEAD, "big") + message)
    file.flush()


def answered(names, late, what, name, value):
    """Does what was asked for: runs a cell, or what it defines, or calls a function.

    Cells that come `late` wait until a call finds that a name is missing; then it is made again.
    """
    if what == "late":
        late.append((name, value))
        return None
    if what in ("run", "define"):
        tree = ast.parse(plain(value))
        if what == "define":
            tree.body = [node for node in tree.body if is_definition(node)]
        exec(compile(tree, f"<{name}>", "exec"), names)
        return None
    try:
        return called(names, name, value)
    except (NameError, Missing):
        if not late:
            raise
    while late:
        with contextlib.suppress(Exception):
            answered(names, [], "define", *late.pop(0))
    return called(names, name, value)


def called(names, name, value):
    if not callable(names.get(name)):
        raise Missing
    return names[name](*value)


def is_definition(node):
    """Whether it imports, defines a function or class, or names a constant; no work is done."""
    if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
        try:
            return isinstance(node.value, ast.Lambda) or ast.literal_eval(node.value) is not ...
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            return False
    return isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef))


def plain(code):
    """Some code without IPython's own commands."""
    return re.sub(r"(?m)^([ \t]*)[%!].*$", r"\1pass", code)


def main(requests, answers):
    late, names = [], {"__name__": "__main__", "__builtins__": __builtins__, "display": print,
                       "get_ipython": lambda: None}
    for folder in (".", str(Path(__file__).resolve().parent / "site")):
        sys.path.insert(0, folder)
    with os.fdopen(requests, "rb") as asked, os.fdopen(answers, "wb") as told:
        send(told, "ready", None)
        while True:
            try:
                what, name, value = receive(asked)
            except EOFError:
                return
            try:
                answer = answered(names, late, what, name, value)
                wire.encode(answer)
            except Missing:
                send(told, "refused", f"there is no function {name}")
            except BaseException as error:
                send(told, "refused", f"{name} raised {wire.said(error)}")
            else:
                send(told, "value", answer)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
