"""The package is built as its map says: small files, no circles, Keras in one folder."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mlleaks_helpers

ROOT = Path(mlleaks_helpers.__file__).parent
FILES = {".".join(["mlleaks_helpers", *path.relative_to(ROOT).with_suffix("").parts]
                  ).removesuffix(".__init__"): path for path in sorted(ROOT.rglob("*.py"))}
LONGEST = 280  # lines
TOOLS = {"files", "validate"}  # import nothing of the package
BOOK = {"bar", "claimed", "claims", "paper", "played", "plots", "recorded", "tables"}  # its own
# What a file or folder may import besides itself and small files that only need the tools; what
# is not named here may import whatever lies outside `models`.
LAYERS = {
    "data": set(),
    "observation": set(),
    "models": {"data", "observation"},
    "attacks": {"observation"},
    "metrics": {"observation", "attacks"},
    "epsilon": {"observation"},
}
# Keras's own data sets are fetched by Keras, which is started when one is asked for.
WHEN_ASKED = {("mlleaks_helpers.data.sources", "mlleaks_helpers.models.backend")}


def imports(module: str) -> set[str]:
    """Every module that the file imports, at any depth in it."""
    found = set()
    package = module if FILES[module].name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(FILES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level]
            source = ".".join([*above, *filter(None, [node.module])]) if node.level else node.module
            names = {f"{source}.{alias.name}" for alias in node.names}
            found |= {name if name in FILES else source for name in names}
    return found


GRAPH = {module: imports(module) for module in FILES}


def block(module: str) -> str:
    return [*module.split("."), "mlleaks_helpers"][1]


SMALL = {block(name) for name in FILES if name.count(".") == 1 and {
    block(other) for other in GRAPH[name] & FILES.keys()} <= TOOLS} - BOOK - LAYERS.keys()


def test_the_files_are_found():
    assert {"mlleaks_helpers", "mlleaks_helpers.models.training",
            "mlleaks_helpers.data"} <= FILES.keys()
    assert "mlleaks_helpers.models.backend" in GRAPH["mlleaks_helpers.models.training"]
    assert "keras" in GRAPH["mlleaks_helpers.models.backend"]


@pytest.mark.parametrize("module", FILES)
def test_no_file_is_long(module):
    assert len(FILES[module].read_text(encoding="utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize("module", FILES)
def test_a_file_imports_only_from_below(module):
    own = block(module)
    if own == "mlleaks_helpers":
        return
    allowed = LAYERS.get(own, {block(other) for other in FILES} - {"models"}) | SMALL | {own}
    wrong = {name for name in GRAPH[module] & FILES.keys()
             if block(name) not in allowed and (module, name) not in WHEN_ASKED}
    assert not wrong


@pytest.mark.parametrize("tool", sorted(TOOLS))
def test_tools_import_nothing_of_the_package(tool):
    assert not GRAPH[f"mlleaks_helpers.{tool}"] & FILES.keys()


@pytest.mark.parametrize("module", [name for name in FILES if block(name) != "models"])
def test_keras_and_tensorflow_are_imported_in_models_only(module):
    roots = {name.partition(".")[0] for name in GRAPH[module]}
    assert not roots & {"keras", "tensorflow", "tf_keras", "jax", "torch"}


def test_no_file_imports_itself_in_a_circle():
    done = set()

    def visit(module, way):
        assert module not in way, " -> ".join([*way[way.index(module):], module])
        if module not in done:
            for name in GRAPH[module] & FILES.keys():
                visit(name, [*way, module])
            done.add(module)

    for module in FILES:
        visit(module, [])


@pytest.mark.parametrize("path", sorted((ROOT.parent / "course").rglob("*.py")),
                         ids=lambda path: path.stem)
def test_no_file_of_the_course_is_long(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


def test_nothing_in_the_package_knows_of_tools_or_courses():
    roots = {name.partition(".")[0] for names in GRAPH.values() for name in names}
    assert not roots & {"tools", "course", "tests"}


def test_outside_models_nothing_starts_tensorflow():
    """One fresh Python imports them all, and names the first that does."""
    light = [name for name in FILES if block(name) != "models"]
    check = (f"import importlib, sys\nfor name in {light}:\n    importlib.import_module(name)\n"
             "    assert not {'keras', 'tensorflow'} & set(sys.modules), name")
    run = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
