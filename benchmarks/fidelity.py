"""Where the code is that docs/fidelity.md names: every `file::name` in it with its present line.

python -m benchmarks.fidelity

The document names functions and classes, which stay when lines move; this prints the lines.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from benchmarks.common import ROOT

DOCUMENT = ROOT / "docs" / "fidelity.md"
_NAMED = re.compile(r"`([\w./-]+\.(?:py|toml|md))(?:::([\w.]+))?`")
_FOLDERS = ("", "src/sceneswap/")


def named(text: str) -> list[tuple[str, str]]:
    """Every (file, name) in the text; the name is empty where a whole file is meant."""
    return [(file, name) for file, name in _NAMED.findall(text)]


def locate(file: str, name: str = "") -> tuple[Path, int]:
    """The file, of the repository or the package, and the line of a definition in it; a setting's in a TOML file.

    Raises `LookupError` when there is no such file or name.
    """
    paths = [ROOT / folder / file for folder in _FOLDERS if (ROOT / folder / file).is_file()]
    if not paths:
        raise LookupError(f"there is no file {file}")
    path, text = paths[0], paths[0].read_text(encoding="utf-8")
    if not name:
        return path, 1
    found = dict(_settings(text) if path.suffix == ".toml" else _definitions(ast.parse(text)))
    if name not in found:
        raise LookupError(f"{file} defines no {name}")
    return path, found[name]


def _definitions(tree: ast.Module | ast.ClassDef, before: str = "") -> Iterator[tuple[str, int]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield before + node.name, node.lineno
            if isinstance(node, ast.ClassDef):
                yield from _definitions(node, f"{before}{node.name}.")
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                for one in target.elts if isinstance(target, ast.Tuple) else [target]:
                    if isinstance(one, ast.Name):
                        yield before + one.id, node.lineno


def _settings(text: str) -> Iterator[tuple[str, int]]:
    for number, line in enumerate(text.splitlines(), 1):
        if match := re.match(r"(\w+) *=", line):
            yield match.group(1), number


def main() -> None:
    """Print every name of the document with its file and line."""
    for file, name in dict.fromkeys(named(DOCUMENT.read_text(encoding="utf-8"))):
        path, line = locate(file, name)
        print(f"{path.relative_to(ROOT)}:{line}  {name}")


if __name__ == "__main__":
    main()
