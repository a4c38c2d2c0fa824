"""The shape of the package: imports go downwards only, PyTorch is loaded only by who needs it, nothing is too long to read."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sceneswap

ROOT = Path(sceneswap.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
PROJECT = Path(__file__).parents[1]
PROGRAMS = [*FILES, *sorted((PROJECT / "benchmarks").rglob("*.py"))]
LINES_OF_A_FILE, LINES_OF_A_FUNCTION = 300, 60
REASON = "# Long: "  # in a file on a line of its own, for a function on the line of its def

# From top to bottom; a module may import from rows below its own, and from its own.
LAYERS = (
    ("cli", "__main__"),
    ("jobs", "evaluation", "studio"),
    ("onnx",),
    ("inference", "training"),
    ("checkpoint",),
    ("data", "procedural", "models", "losses", "alarms", "tensors"),
    ("together",),
    (
        "scene",
        "config",
        "presets",
        "labels",
        "images",
        "color",
        "pictures",
        "charts",
        "report",
        "progress",
        "processes",
    ),
    ("engines",),
    ("files", "remote", "filetype", "member", "notes", "guard", "seal", "errors", "bounds", "settings"),
)
LEVEL = {name: level for level, row in enumerate(LAYERS) for name in row}

# These pairs know nothing of each other, though the rows would allow it.
APART = [
    ("jobs", "evaluation"), ("evaluation", "jobs"), ("jobs", "training"), ("inference", "training"), ("training", "inference"),
    ("models", "data"), ("data", "models"), ("models", "procedural"), ("procedural", "models"),
    ("data", "procedural"), ("procedural", "data"), ("studio", "jobs"), ("studio", "evaluation"), ("jobs", "studio"),
]  # fmt: skip

# Modules that must not load PyTorch when they are imported.
WITHOUT_TORCH = (
    "__init__", "cli", "labels", "images", "color", "filetype", "notes", "pictures", "files", "guard", "seal", "errors",
    "bounds", "scene", "config", "settings", "progress",
    "procedural", "data/folder", "data/importing", "data/pairing", "data/patches", "data/transforms",
    "data/shard", "data/damaged", "data/sources", "data/remote",
    "inference/reading", "inference/blend", "inference/given", "inference/weights",
    "onnx/__init__", "onnx/look", "onnx/mixing", "onnx/runtime", "onnx/scores",
)  # fmt: skip


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").as_posix()


def imported(tree: ast.AST) -> set[str]:
    """Every module that a syntax tree imports, at any depth, with the names taken from a package as modules."""
    modules = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the layer"
            modules |= {f"{node.module}.{alias.name}" for alias in node.names}
    return modules


def top_level(tree: ast.Module) -> ast.Module:
    """The statements that run on import: functions left out, and what only type checkers see."""

    class Prune(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
            return None

        def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
            return None

        def visit_If(self, node: ast.If) -> ast.AST | None:
            return None if ast.unparse(node.test).endswith("TYPE_CHECKING") else self.generic_visit(node)

    return Prune().visit(tree)


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def parts_of(modules: set[str]) -> set[str]:
    """The parts of this package among `modules`: "labels" of sceneswap.labels.schema.load_schema."""
    return {m.split(".")[1] for m in modules if m.startswith("sceneswap.")} & set(LEVEL)


def test_every_module_has_a_layer() -> None:
    assert len(FILES) > 30
    assert {name_of(path).split("/")[0] for path in FILES} - {"__init__"} <= set(LEVEL)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_go_downwards(path: Path) -> None:
    own = name_of(path).split("/")[0]
    if own == "__init__":  # the front door: names are fetched when they are used
        assert parts_of(imported(top_level(parse(path)))) == set()
        return
    parts = parts_of(imported(parse(path)))
    assert [p for p in parts if LEVEL[p] < LEVEL[own]] == []
    assert [p for p in parts if (own, p) in APART] == []
    if own == "models" and path.name != "build.py":
        assert "config" not in parts, "within models only build.py reads the configuration"


@pytest.mark.parametrize("path", [p for p in FILES if name_of(p).startswith(WITHOUT_TORCH)], ids=name_of)
def test_no_torch_at_module_level(path: Path) -> None:
    assert {m.split(".")[0] for m in imported(top_level(parse(path)))} & {"torch", "accelerate", "safetensors"} == set()


def test_the_reader_of_imports_sees_functions_and_type_checking() -> None:
    source = (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch\n"
        "def f():\n    from sceneswap.cli import main\n"
    )
    assert "torch" in imported(ast.parse(source))
    assert parts_of(imported(ast.parse(source))) == {"cli"}
    assert imported(top_level(ast.parse(source))) == {"typing.TYPE_CHECKING"}


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("sceneswap", {"torch", "tyro", "numpy", "PIL"}),
        ("sceneswap.cli.main", {"torch", "tyro", "numpy", "PIL"}),
        ("sceneswap.data.folder", {"torch"}),
        ("sceneswap.procedural.render", {"torch"}),
        ("sceneswap.labels.schema", {"torch"}),
        ("sceneswap.config", {"torch"}),
        ("sceneswap.onnx.runtime", {"torch", "onnx", "onnxruntime"}),
    ],
)
def test_importing_is_light(module: str, absent: set[str]) -> None:
    code = f"import sys, {module}; print(*sorted({absent!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_no_module_imports_itself_in_a_circle() -> None:
    """Also not through imports inside functions, which only hide a circle; what `sceneswap` itself offers is fetched late."""
    names = {f"sceneswap.{name_of(path)}".replace("/", ".").removesuffix(".__init__"): path for path in FILES}
    graph = {}
    for name, path in names.items():
        found = {m if m in names else m.rpartition(".")[0] for m in imported(parse(path))}
        graph[name] = (found & names.keys()) - {"sceneswap", name}
    for name in graph:
        reached, ahead = set(), set(graph[name])
        while ahead:
            reached |= ahead
            ahead = set().union(*(graph[one] for one in ahead)) - reached
        assert name not in reached, f"{name} imports itself by way of others"


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_nothing_is_too_long_to_read(path: Path) -> None:
    """Or says why, as CONTRIBUTING.md tells."""
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= LINES_OF_A_FILE or any(line.startswith(REASON) for line in lines)
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and REASON not in lines[node.lineno - 1]:
            assert code_lines(node, lines) <= LINES_OF_A_FUNCTION, node.name


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]) -> int:
    """The lines of a function without its docstring, comments and blank lines."""
    first = function.body[1 if ast.get_docstring(function, clean=False) is not None and len(function.body) > 1 else 0]
    head = range(function.lineno, function.body[0].lineno)
    body = range(first.lineno, (function.end_lineno or first.lineno) + 1)
    return sum(bool(lines[n - 1].strip()) and not lines[n - 1].strip().startswith("#") for n in (*head, *body))


def test_lines_of_code_are_counted() -> None:
    source = 'def f(\n    a: int,\n) -> int:\n    """Two\n    lines."""\n\n    # why\n    return a\n'
    (function,) = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    assert code_lines(function, source.splitlines()) == 4
