"""What comes with the package is complete, and what its documents say is so."""

import re
import shlex
import tomllib
from importlib import import_module, metadata, resources
from pathlib import Path

import pytest
import tyro

import sceneswap
from sceneswap import config
from sceneswap.checkpoint import load_release
from sceneswap.cli.main import run
from sceneswap.inference.hub import shipped_folder
from sceneswap.labels import presets
from sceneswap.models.pretrained.vgg import SHIPPED_TAPS

ROOT = Path(__file__).parents[1]
DOCUMENTS = (
    "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md",
    *(f"docs/{name}.md" for name in ("index", "install", "guide", "restyle", "your-data", "training", "measuring")),
    "docs/decisions/README.md",
)  # fmt: skip
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = SETTINGS["project"]


def code_lines(document: str) -> list[str]:
    """The lines of the code blocks of a Markdown file, or of the recipes of the Makefile."""
    text = (ROOT / document).read_text(encoding="utf-8")
    if document == "Makefile":
        return [line.strip().lstrip("@") for line in text.replace("\\\n", "").splitlines() if line.startswith("\t")]
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S)
    return [line for block in blocks for line in re.sub(r"\\\n *", "", block).splitlines()]


def commands() -> list[str]:
    """Every `sceneswap …` command line of the documents and the Makefile, without what stands before it."""
    found = []
    for document in (*DOCUMENTS, "Makefile"):
        for line in code_lines(document):
            if match := re.match(r"(?:sceneswap|.*-m(?:odule)? sceneswap) (?=\w)(.*)", line):
                found.append(match[1])
    return sorted(set(found))


def flags(words: list[str]) -> set[str]:
    return {word for word in words if re.match(r"--?[a-z]", word)}


def known_flags(help_text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--?[a-z][a-z0-9-]*", help_text))


def test_the_documents_show_commands() -> None:
    assert {line.split()[0] for line in commands()} >= {"synthesize", "swap", "train", "export", "labels", "data"}


@pytest.mark.parametrize("line", commands())
def test_documented_command_exists(
    line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    words = shlex.split(line, comments=True)
    grouped = isinstance(import_module(f"sceneswap.cli.{words[0]}").COMMANDS, dict)
    assert run([*words[: 2 if grouped else 1], "--help"]) == 0
    assert flags(words) <= known_flags(capsys.readouterr().out)


def test_documented_benchmarks_exist(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    lines = [line for line in code_lines("docs/results.md") if line.startswith("python -m benchmarks.")]
    assert lines
    for line in lines:
        _, _, module, *words = shlex.split(line)
        with pytest.raises(SystemExit, match="0"):
            tyro.cli(import_module(module).main, args=["--help"])
        assert flags(words) <= known_flags(capsys.readouterr().out), line


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    path = ROOT / document
    text = path.read_text(encoding="utf-8")
    anchors = {
        re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^#+ (.+)$", text, re.M)
    }
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith("#"):
            assert link[1:] in anchors, f"{document}: no heading for {link}"
        elif not link.startswith("https://"):
            assert (path.parent / link).exists(), f"{document}: {link} is not there"


def test_the_version_stands_once() -> None:
    latest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert latest is not None
    assert sceneswap.__version__ == latest[1] == metadata.version("sceneswap")
    assert "version" in PROJECT["dynamic"]


def test_the_address_of_the_project_is_one() -> None:
    """It stands in pyproject.toml; what else names it names the same."""
    owner = PROJECT["urls"]["Homepage"].removeprefix("https://github.com/")
    assert owner.count("/") == 1
    named = []
    for name in ("pyproject.toml", "README.md", "CITATION.cff", "mkdocs.yml", "docs/notebook.ipynb"):
        text = (ROOT / name).read_text(encoding="utf-8")
        named += re.findall(r"(?:github|githubusercontent)\.com/([\w.-]+/sceneswap)\b", text)
    assert len(named) >= 6
    assert set(named) == {owner}


def test_the_description_for_the_package_index_has_absolute_links_alone() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for made in SETTINGS["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["substitutions"]:
        text = re.sub(made["pattern"], made["replacement"], text)
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert len(links) >= 10
    assert [link for link in links if not link.startswith(("https://", "#"))] == []
    assert re.search(r"!\[[^]]*\]\(https://raw\.\S+\.jpg\)", text), "pictures are shown by their raw address"


def test_the_citation_names_the_version() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {sceneswap.__version__}\n" in citation


def test_every_dependency_has_a_tested_version() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.lower().split("==") for line in lines if line and not line.startswith("#"))
    assert not [name for name, version in pins.items() if "+" in version], "a build suffix fits one machine only"
    pinned = {name.replace("_", "-") for name in pins}
    wanted = [*PROJECT["dependencies"], *(r for extra in PROJECT["optional-dependencies"].values() for r in extra)]
    assert {re.split(r"[><=]", requirement)[0] for requirement in wanted} <= pinned


def test_presets_are_in_the_package() -> None:
    package = resources.files("sceneswap")
    assert {p.name for p in (package / "presets").iterdir()} == {f"{name}.toml" for name in config.PRESETS}
    assert {p.name for p in (package / "labels" / "presets").iterdir()} == {f"{name}.toml" for name in presets.PRESETS}
    assert (package / "py.typed").is_file()


def test_shipped_model() -> None:
    folder = shipped_folder()
    release = load_release(folder)
    from_package = release.model.encoder == "compact" or release.model.encoder_taps <= SHIPPED_TAPS
    assert from_package, "a shipped model must not need weights from elsewhere"
    assert release.record["step"] > 0
    assert (folder / "README.md").is_file()
    assert sum(file.stat().st_size for file in folder.parent.rglob("*.safetensors")) < 18e6
