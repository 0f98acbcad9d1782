"""The form of a lesson, and where a notebook leaves it.

    python -m tools.form book/02_the_baseline.ipynb
"""

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.lessons import cells, facts, is_folded, read, source, without_code

WORDS = range(1_200, 2_001)
MINUTES, MEDIAN, LONGEST, VERDICTS = 25, 6, 15, 3
PARTS = {"predict": 1, "predicted": 1, "threat": 1, "quiz": 3}

TWINS = re.compile(r"\b(?:strangers?|outsiders?|false\s+alarms?|confidence\s+vectors?"
                   r"|probability\s+vectors?|softmax\s+outputs?|victim\s+models?)\b", re.IGNORECASE)
TYPED_TIME = re.compile(r"\d+\s*(?:minutes?|min|seconds?|s)\b")

RATES = {"0.1", "1", "5", "10", "50", "95"}         # per cent
NUMBER = re.compile(r"(?<![\w.,])(?P<percent>\d+(?:[.,]\d+)?)(?=[\s ]*(?:%|per\s+cent))"
                    r"|(?<![\w.,])\d*\.\d+")
THE_PAPERS = re.compile(r"\bpapers?\b|\bML-Leaks\b|\{cite|\bFigures?\b|\bTables?\b|\bSections?\b",
                        re.IGNORECASE)
SENTENCE = re.compile(r"(?<=[.!?:])[*_”’\")]*\s+(?=[^\da-z.])|\n\s*\n|\n(?=\s*(?:[-*>]|\d+\.)\s)")


def faults(notebook, number: int) -> Iterator[str]:
    """Where the lesson of that number leaves the form, in words."""
    text = "\n\n".join(map(source, cells(notebook, "markdown")))
    found = facts(notebook)
    if not re.match(rf"(?:\([\w-]+\)=\s+)?# {number} · \S", text):
        yield f"its title is not “# {number} · …”"
    start = text.split("\n## ")[0]
    if not re.search(r"^:::\{lesson\}\s*\n:::$", start, re.MULTILINE):
        yield "no {lesson} under its title"
    for time in TYPED_TIME.findall(start):
        yield f"{time} is typed: {{lesson}} computes it"
    if not re.search(r"\{cite[^}]*\}`[^`]*salem", text, re.IGNORECASE):
        yield "the paper is not cited"
    if found.words not in WORDS:
        yield f"{found.words} words of prose"
    if found.minutes > MINUTES:
        yield f"{found.minutes} minutes to read"
    if found.median > MEDIAN:
        yield f"the median visible cell has {found.median:g} lines"
    if found.longest > LONGEST:
        yield f"the longest visible cell has {found.longest} lines"
    if found.verdicts > VERDICTS:
        yield f"{found.verdicts} verdicts, which belong to the evidence"
    for part, least in PARTS.items():
        here = len(re.findall(rf"^ *[:`]{{3,}}\{{{part}\}}", text, re.MULTILINE))
        if here < least:
            yield f"{here} of {least} {{{part}}}"
    yield from twins(notebook)
    yield from typed_numbers(text, number)
    yield from hidden_names(notebook)


# ---------------------------------------------------------------- words and numbers


def twins(notebook):
    """Second words for one thing, in prose and in what is read in place of figures."""
    for cell in notebook["cells"]:
        text = re.sub(r"`[^`]*`", " ", without_code(source(cell)))
        if cell["cell_type"] != "markdown":
            text = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")
        for found in TWINS.findall(text):
            yield f"“{' '.join(found.split())}” has a twin"


def typed_numbers(text, number):
    """Decimals and percentages that a cell should have computed."""
    text = re.sub(r"(?m)^ *:[\w-]+:.*$", "", without_code(text))
    text = re.sub(r"\{cite[^}]*\}`[^`]*`", "{cite}", text)
    text = re.sub(r"\{glue[^}]*\}`[^`]*`", "", text)
    text = re.sub(r"\{[\w:-]+\}`([^`<]*)[^`]*`", r"\1", text)
    text = re.sub(r"\$\$.*?\$\$|`[^`]*`", " ", text, flags=re.DOTALL)
    text = re.sub(r"\$[^$\n]+(?:\n[^$\n]+)?\$|\]\([^)]*\)", " ", text)
    exercise = re.compile(rf"(?:^\s*(?:[-*]\s+)?|[*\[|]\s*|[Ee]xercises?\s+){number}\.\d\b",
                          re.MULTILINE)
    text = exercise.sub("", text)
    head = []
    for sentence in sentences(text):
        columns = [column.strip() for column in sentence.strip().strip("|").split("|")]
        is_row = sentence.lstrip().startswith("|")
        head = (head or columns) if is_row else []
        for place, column in enumerate(columns if is_row else [sentence]):
            of_column = head[place] if place < len(head) else ""
            if THE_PAPERS.search(sentence) or THE_PAPERS.search(of_column):
                continue
            for found in NUMBER.finditer(column):
                if found["percent"] not in RATES:
                    yield f"{found[0].strip()} is typed: “{' '.join(column.split())[:70]}”"


def sentences(text):
    """Sentences, items and rows of tables; a heading or an empty line ends one too."""
    for block in re.split(r"\n\s*\n", text):
        rows = block.split("\n")
        prose = "\n".join(row for row in rows if not row.lstrip().startswith("|"))
        yield from (sentence for sentence in SENTENCE.split(prose) if sentence.strip())
        yield from (row for row in rows if row.lstrip().startswith("|"))


# ---------------------------------------------------------------- names


def hidden_names(notebook):
    """Names that a visible cell reads although no visible cell before it has bound them."""
    bound_by = dict.fromkeys([*dir(builtins), "display", "get_ipython", "__name__"])
    for cell in cells(notebook, "code"):
        tree = parsed(source(cell))
        reader = Names(name for name, where in bound_by.items() if where is None)
        reader.run(tree)
        if is_folded(cell):
            bound_by.update(dict.fromkeys(reader.stored, quote(cell)))
            continue
        for name in dict.fromkeys(reader.missing):
            where = bound_by.get(name)
            yield (f"the visible cell {quote(cell)} reads {name}, which "
                   + (f"the folded cell {where} binds" if where else "nothing binds before"))
        bound_by.update(dict.fromkeys(reader.stored))


def parsed(code):
    """The tree of a cell, without IPython's commands."""
    return ast.parse(re.sub(r"(?m)^([ \t]*)[%!].*$", r"\1pass", code))


def quote(cell) -> str:
    return repr(source(cell).strip().split("\n")[0][:50])


class Names(ast.NodeVisitor):
    """Reads code in the order in which it runs: what it binds, and what it reads unbound.

    Bodies of functions run later: they may read whatever the code binds at last.
    """

    def __init__(self, bound):
        self.bound, self.stored = set(bound), set()
        self.missing, self.later = [], []

    def run(self, tree):
        self.visit(tree)
        for node, local in self.later:
            inner = Names(self.bound | local)
            for part in node.body if isinstance(node.body, list) else [node.body]:
                inner.visit(part)
            inner.run(ast.Module([], []))
            self.missing += inner.missing
        self.later = []

    def bind(self, *names):
        self.bound.update(names)
        self.stored.update(names)

    def visit_Name(self, node):
        if isinstance(node.ctx, ast.Load):
            if node.id not in self.bound:
                self.missing.append(node.id)
        elif isinstance(node.ctx, ast.Store):
            self.bind(node.id)
        else:
            self.bound.discard(node.id)

    def visit_Assign(self, node):
        self.visit(node.value)
        for target in node.targets:
            self.visit(target)

    def visit_AnnAssign(self, node):
        if node.value:
            self.visit(node.value)
            self.visit(node.target)

    def visit_AugAssign(self, node):
        if isinstance(node.target, ast.Name):
            self.visit(ast.Name(node.target.id, ast.Load()))
        self.visit(node.value)
        self.visit(node.target)

    def visit_NamedExpr(self, node):
        self.visit(node.value)
        self.visit(node.target)

    def visit_For(self, node):
        self.visit(node.iter)
        self.visit(node.target)
        for part in node.body + node.orelse:
            self.visit(part)

    visit_AsyncFor = visit_For

    def visit_Import(self, node):
        self.bind(*((alias.asname or alias.name).split(".")[0] for alias in node.names))

    visit_ImportFrom = visit_Import

    def visit_ExceptHandler(self, node):
        self.bind(*filter(None, [node.name]))
        self.generic_visit(node)

    def visit_MatchAs(self, node):
        self.bind(*filter(None, [node.name]))
        self.generic_visit(node)

    visit_MatchStar = visit_MatchAs

    def visit_FunctionDef(self, node):
        arguments = node.args
        for part in [*getattr(node, "decorator_list", ()), *arguments.defaults,
                     *filter(None, arguments.kw_defaults)]:
            self.visit(part)
        if not isinstance(node, ast.Lambda):
            self.bind(node.name)
        names = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs,
                 *filter(None, [arguments.vararg, arguments.kwarg])]
        own = Names(())
        for part in node.body if isinstance(node.body, list) else ():
            own.visit(part)
        self.later.append((node, {argument.arg for argument in names} | own.stored))

    visit_AsyncFunctionDef = visit_Lambda = visit_FunctionDef

    def visit_ClassDef(self, node):
        for part in [*node.decorator_list, *node.bases]:
            self.visit(part)
        inner = Names(self.bound)
        for part in node.body:
            inner.visit(part)
        self.missing += inner.missing
        self.later += inner.later
        self.bind(node.name)

    def visit_ListComp(self, node):
        inner = Names(self.bound)
        for loop in node.generators:
            inner.visit(loop.iter)
            inner.visit(loop.target)
            for condition in loop.ifs:
                inner.visit(condition)
        for part in [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]:
            inner.visit(part)
        self.missing += inner.missing
        self.later += [(each, local | inner.stored) for each, local in inner.later]

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp


def main(paths) -> int:
    bad = 0
    for path in map(Path, paths):
        for fault in faults(read(path), int(path.name[:2])):
            print(f"{path.name}: {fault}")
            bad = 1
    return bad


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
