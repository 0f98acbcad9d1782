"""What runs beside a student's code, within the walls: it executes cells and calls functions.

    python -I inside.py REQUESTS ANSWERS    numbers of two open files

It holds nothing that a student must not see, and what it sends back is read as a stranger's.
"""

import ast
import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import wire

HEAD = 8    # bytes that say how long a message is


def receive(file):
    head = file.read(HEAD)
    if len(head) < HEAD:
        raise EOFError
    return wire.decode(file.read(int.from_bytes(head, "big")))


def send(file, kind, value):
    message = wire.encode((kind, value))
    file.write(len(message).to_bytes(HEAD, "big") + message)
    file.flush()


def answered(names, what, name, value):
    """Does what was asked for: runs a cell, or what it defines, or calls a function."""
    if what in ("run", "define"):
        tree = ast.parse(plain(value))
        if what == "define":
            tree.body = [node for node in tree.body if is_definition(node)]
        exec(compile(tree, f"<{name}>", "exec"), names)
        return None
    if not callable(names.get(name)):
        raise LookupError(f"there is no function {name}")
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


def said(name, error, longest=300):
    """An exception in one short line, whatever its own methods do."""
    if type(error) is LookupError and error.args == (f"there is no function {name}",):
        return error.args[0]
    kind = type(error).__name__[:60]
    try:
        text = " ".join(str(error)[:longest].split())
    except BaseException:
        text = "(its message cannot be read)"
    return f"{name} raised {kind}: {text}" if text else f"{name} raised {kind}"


def main(requests, answers):
    names = {"__name__": "__main__", "__builtins__": __builtins__, "display": print,
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
                answer = answered(names, what, name, value)
                wire.encode(answer)
            except BaseException as error:
                send(told, "refused", said(name, error))
            else:
                send(told, "value", answer)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
