"""What each chapter needs, found by walking imports; `make` includes the rules written here.

    python tools/needs.py            write _build/needs.mk and a stamp for each chapter
    python tools/needs.py --graph    print which helper imports which

A chapter's stamp lists the files that it reaches, each with its digest, and is written anew only
when one of them changed; in code, comments and docstrings do not count. Standard library only,
and for older Pythons too: it runs before .venv is there.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("mlleaks_helpers", "tools", "course")
RECORDED = "mlleaks_helpers.recorded"
MASTERS, SOLUTIONS = "exercises", "solutions"       # folders of book/ and of the site
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


class Code:
    """The modules below `root`, and what each of them imports of the others."""

    def __init__(self, root=ROOT):
        self.root = Path(root)
        self.paths = {_dotted(path.relative_to(self.root)): path for package in PACKAGES
                      for path in sorted((self.root / package).rglob("*.py"))}
        self.trees = {name: parsed(path.read_bytes()) for name, path in self.paths.items()}
        self.direct = {name: self.imported(tree, name) for name, tree in self.trees.items()}
        self.data = {name: self._data_beside(name) for name in self.paths}
        self._digests = {}

    def imported(self, tree, importer="") -> set[str]:
        """The modules that some code names in its imports, at its top or within functions.

        A name that a folder hands on leads to the module that defines it. Code that cannot be
        parsed, None, may need everything.
        """
        if tree is None:
            return set(self.paths) - {importer}
        found = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                base = self._absolute(node, importer)
                found |= {self._defining(base, alias.name) for alias in node.names}
            elif isinstance(node, ast.Call) and "import_module" in _shape(node.func):
                found |= {each.value for each in node.args if isinstance(each, ast.Constant)}
        return found & set(self.paths) - {importer}

    def reached(self, start) -> set[str]:
        """The modules `start`, all that they reach by imports, and the folders of them all."""
        found, ahead = set(), set(start) & set(self.paths)
        while ahead:
            found |= ahead
            ahead = {name for one in ahead for name in self.direct[one]} - found
        for name in list(found):
            parts = name.split(".")
            found |= {".".join(parts[:end]) for end in range(1, len(parts))} & set(self.paths)
        return found

    def digest(self, what) -> str:
        """Of what a module does, given by name, or of a file or folder beside modules."""
        if what not in self._digests:
            self._digests[what] = sha256(self._content(what))
        return self._digests[what]

    def _content(self, what) -> bytes:
        """Without comments and docstrings and, in folders of modules, what they hand on."""
        if isinstance(what, Path):
            files = sorted(path for path in what.rglob("*") if path.is_file())
            return what.read_bytes() if what.is_file() else "".join(
                f"{path.name} {sha256(path.read_bytes())}" for path in files).encode()
        tree, path = self.trees[what], self.paths[what]
        if tree is None:
            return path.read_bytes()
        if path.name == "__init__.py":
            tree = ast.Module([node for node in tree.body if not _hands_on(node)], [])
        return _shape(tree).encode()

    def _data_beside(self, module) -> list[Path]:
        """Files and folders beside a module that its code names: it reads them."""
        texts = {node.value for node in ast.walk(self.trees[module] or ast.Module([], []))
                 if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        return [path for path in self.paths[module].parent.iterdir()
                if path.name in texts and path not in self.paths.values()
                and not (path / "__init__.py").exists()]

    def _absolute(self, node, importer) -> str:
        if not node.level:
            return node.module
        folder = importer.split(".")
        is_folder = importer and self.paths[importer].name == "__init__.py"
        folder = folder[: len(folder) - node.level + bool(is_folder)]
        return ".".join([*folder, *([node.module] if node.module else [])])

    def _defining(self, base, name):
        if f"{base}.{name}" in self.paths:
            return f"{base}.{name}"
        if base in self.paths and self.paths[base].name == "__init__.py" and self.trees[base]:
            for node in self.trees[base].body:
                for alias in node.names if isinstance(node, ast.ImportFrom) else ():
                    if name == (alias.asname or alias.name):
                        return self._defining(self._absolute(node, base), alias.name)
        return base


def parsed(source):
    """The syntax tree of some code without its docstrings, or None where it is no Python."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return tree


def _shape(node) -> str:
    """As `ast.dump`, the same in every version of Python: without the fields that are empty."""
    if isinstance(node, ast.JoinedStr):  # some versions see empty pieces
        node = ast.JoinedStr([one for one in node.values if getattr(one, "value", None) != ""])
    if isinstance(node, ast.AST):
        said = [(name, value) for name, value in ast.iter_fields(node)
                if value not in (None, []) or name == "value"]
        fields = [name + _shape(value) for name, value in said]
        return f"{type(node).__name__}({','.join(fields)})"
    if isinstance(node, list):
        return f"[{','.join(map(_shape, node))}]"
    return repr(node)


def _hands_on(node) -> bool:
    return isinstance(node, (ast.Import, ast.ImportFrom)) or (
        isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__")


def _dotted(path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# ---------------------------------------------------------------- chapters


def needs(notebook: Path, code: Code) -> dict[str, str]:
    """What a notebook reaches: {path below the root: digest}."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    trees = [_cell("".join(cell["source"])) for cell in cells if cell["cell_type"] == "code"]
    modules = code.reached(name for tree in trees for name in code.imported(tree))
    found = {code.paths[name]: code.digest(name) for name in modules}
    for path in (path for name in modules for path in code.data[name]):
        if path.is_file():
            found[path] = code.digest(path)
            continue
        others = [name for name in modules if RECORDED in code.direct[name]]
        sets = None if others else _sets_read(trees)
        found.update((part, code.digest(part)) for part in path.iterdir()
                     if sets is None or any(f"{part.name}-".startswith(f"{one}-") for one in sets))
    return {path.relative_to(code.root).as_posix(): found[path] for path in sorted(found)}


def _cell(source):
    tree = parsed(source)
    return tree or parsed(re.sub(r"(?m)^[ \t]*[%!].*$", "", source))  # without IPython's commands


def _sets_read(trees):
    """The recorded sets that a chapter names, or None where it may read any."""
    nodes = [node for tree in trees if tree for node in ast.walk(tree)]
    readers = {alias.asname or alias.name for node in nodes
               if isinstance(node, ast.ImportFrom) and node.module == RECORDED
               for alias in node.names}
    used = [node for node in nodes if isinstance(node, ast.Name) and node.id in readers]
    named = {node.func: node.args[0].value for node in nodes
             if isinstance(node, ast.Call) and node.func in used and node.args
             and isinstance(getattr(node.args[0], "value", None), str)}
    return set(named.values()) if used and len(named) == len(used) and None not in trees else None


# ---------------------------------------------------------------- what make reads


def write(root=ROOT) -> None:
    """The stamps and the rules; only those are touched that say something new."""
    root, code = Path(root), Code(root)
    book, build = root / "book", root / "_build"
    pages = [page for page in sorted(path.relative_to(book) for path in book.rglob("*")
                                     if path.is_file())
             if page.parts[0] != "_ext" and not any(part.startswith(".") for part in page.parts)]
    for page in pages:
        if re.search(r"[%:;|=*?~\"$`\\\n]", page.as_posix()):
            sys.exit(f"book/{page.as_posix()}: rename it; in the names of pages, make and the "
                     'shell do without % : ; | = * ? ~ " $ ` and backslashes')
    chapters = [page for page in pages if page.suffix == ".ipynb"]
    masters = [page for page in chapters if page.parts[0] == MASTERS]
    for chapter in chapters:
        reached = needs(book / chapter, code).items()
        _replace(build / "stamps" / f"{chapter}.needs",
                 "".join(f"{path} {digest}\n" for path, digest in reached))
    _replace(build / "needs.mk", rules(chapters, [page for page in pages if page not in chapters]))
    here = {*pages, *(Path(SOLUTIONS, *master.parts[1:]) for master in masters)}
    for path in (build / "source").rglob("*"):  # what has left the book leaves the site
        if path.is_file() and path.relative_to(build / "source") not in here:
            path.unlink()


def rules(chapters, pages) -> str:
    """Every page of the site by name, blanks and all, and what a chapter hangs on.

    A master of exercises is two pages: its starter as it is, its solutions executed.
    """
    masters = {chapter: Path(SOLUTIONS, *chapter.parts[1:]) for chapter in chapters
               if chapter.parts[0] == MASTERS}
    chapters = [chapter for chapter in chapters if chapter not in masters]
    lines = [
        _list("EXECUTED", [f"_build/source/{chapter.as_posix()}" for chapter in chapters]),
        _list("STARTERS", [f"_build/source/{master.as_posix()}" for master in masters]),
        _list("SOLVED", [f"_build/source/{page.as_posix()}" for page in masters.values()]),
        _list("TESTED", [f"_build/tested/{page.as_posix()}.ok"
                         for page in [*chapters, *masters.values()]]),
        _list("COPIED", [f"_build/source/{page.as_posix()}" for page in pages]),
    ]
    for chapter, page in [*((chapter, chapter) for chapter in chapters), *masters.items()]:
        chapter, page = chapter.as_posix(), page.as_posix()
        source, stamp = f"_build/source/{page}", f"_build/stamps/{chapter}.needs"
        lines.append(f"{_name(source)}: {_name('book/' + chapter)} {_name(stamp)}")
        lines.append(f"{_name(f'_build/tested/{page}.ok')}: {_name(source)}")
    lines += [f"{_name('_build/source/' + page)}: {_name('book/' + page)}"
              for page in map(Path.as_posix, masters)]
    lines += [f"{_name('_build/source/' + page)}: {_name('book/' + page)}"
              for page in map(Path.as_posix, pages)]
    return "\n".join(lines) + "\n"


def _list(variable, names) -> str:
    return " \\\n ".join([f"{variable} :=", *map(_name, names)])


def _name(path) -> str:
    return re.sub(r"([\s#])", r"\\\1", path)


def _replace(path: Path, text: str) -> None:
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        part.write_text(text, encoding="utf-8")
        part.replace(path)


def graph(code: Code) -> dict[str, list[str]]:
    """{module of the package: the modules that it imports}, each after all that it imports.

    Raises ValueError where imports go round in a circle.
    """
    left = {name: code.direct[name] for name in code.paths if name.startswith(PACKAGES[0] + ".")
            and code.paths[name].name != "__init__.py"}
    found = {}
    while left:
        ready = sorted(name for name, needed in left.items() if not needed & set(left))
        if not ready:
            raise ValueError(f"imports go round in a circle among {', '.join(sorted(left))}")
        found.update((name, sorted(left.pop(name))) for name in ready)
    return found


def main() -> None:
    if sys.argv[1:] == ["--graph"]:
        for name, needed in graph(Code()).items():
            short = [one.replace(f"{PACKAGES[0]}.", "", 1) for one in (name, *needed)]
            print(f"{short[0]:20} {', '.join(short[1:]) or '-'}")
    else:
        write()


if __name__ == "__main__":
    main()
