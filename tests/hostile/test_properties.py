"""Properties: any bytes as any input end in 0 or 2 and change nothing; any name gives a file inside the folder."""

import contextlib
import io
import json
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sceneswap.cli.main import run
from sceneswap.config import ModelConfig, PhaseConfig, TrainConfig, from_dict
from sceneswap.errors import UserError
from sceneswap.files import parse_json, parse_toml, slug
from sceneswap.labels.presets import load_schema, schema_from_dict
from sceneswap.labels.schema import LabelSchema
from tests.hostile.test_inputs import PLACES
from tests.tiny import write_run

MANY = settings(deadline=None, max_examples=200, suppress_health_check=list(HealthCheck))
FEW = settings(deadline=None, max_examples=12, suppress_health_check=list(HealthCheck), derandomize=True)

STARTS = (b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"RIFF\0\0\0\0WEBP", b"\x93NUMPY\x01\0", b"II*\0", b"BM", b"{", b"[[",
          b'{"format": "sceneswap-evaluation-2", ', b"label_map,exemplar,output\n", b"[classes]\n", b"\x08\0\0\0\0\0\0\0{}",
          b"\xef\xbb\xbf")  # fmt: skip
CONTENT = st.builds(lambda start, rest: start + rest, st.sampled_from(STARTS), st.binary(max_size=200))
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=12
)  # fmt: skip


def answer(arguments: list[str]) -> int:
    """The exit code of a command; what it says must be one printable line where it is a mistake."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        code = run(arguments)
    lines = said.getvalue().splitlines()
    assert all(line.isprintable() for line in lines), lines
    return code


@pytest.mark.parametrize("place", PLACES)
@FEW
@given(content=CONTENT)
def test_any_bytes_end_in_a_result_or_a_sentence(
    place: str, content: bytes, names: dict[str, str], tmp_path: Path
) -> None:
    bad = tmp_path / "bad" / place
    bad.parent.mkdir(exist_ok=True, parents=True)
    bad.write_bytes(content)
    assert answer([part.format(**names, x=bad) for part in PLACES[place]]) in (0, 2)
    assert bad.read_bytes() == content


@FEW
@given(
    edit=st.dictionaries(
        st.sampled_from(["protocol", "methods", "better", "scores", "overall", "binned", "versions"]), VALUES
    )
)
def test_any_results_are_compared_or_refused(edit: dict[str, Any], tmp_path: Path) -> None:
    score = {"mean": 1.0, "low": 0.5, "high": 2.0, "n": 5}
    record: dict[str, Any] = {
        "format": "sceneswap-evaluation-2", "protocol": {"task": "swap", "pairs": {"count": 5}}, "methods": {"a": {}},
        "better": {"m": "lower"}, "scores": {"a": {"m": score}}, "overall": {"a": {"FID": 1.0}}, "binned": {"a": {}},
        "versions": {"torch": "2"},
    }  # fmt: skip
    path = tmp_path / "results.json"
    path.write_text(json.dumps(record))
    assert answer(["evaluate", "compare", str(path), str(path)]) == 0
    path.write_text(json.dumps(record | edit))
    assert answer(["evaluate", "compare", str(path), str(path)]) in (0, 2)


@MANY
@given(st.text(max_size=300) | st.text("./\\ \0:*", max_size=8))
def test_any_name_becomes_a_plain_file_name(name: str) -> None:
    plain = slug(name)
    assert set(plain) <= set(string.ascii_letters + string.digits + "._-")
    assert plain.strip(".") == plain
    assert 0 < len(plain) <= 90
    assert Path("out", f"class-{plain}.png").resolve().parent == Path("out").resolve()


@FEW
@given(
    name=st.text(min_size=1, max_size=40).filter(str.strip)
    | st.sampled_from(["../../x", "/etc/x", "a\0b", "..", "x" * 500])
)
def test_any_class_name_gives_a_file_inside_out(
    name: str, names: dict[str, str], tmp_path: Path, renamed: Callable[[str], Path | None]
) -> None:
    model = renamed(name)
    if model is None:
        return  # the schema refuses the name, in a sentence
    before = {p for p in tmp_path.rglob("*") if "out" not in p.relative_to(tmp_path).parts[:1]}
    command = ["attention", "trace", "--at", "3,3", f"--class={name}", "--label-map", names["map"], "--exemplar"]
    command += [names["photo"], "--exemplar-label-map", names["map"], "--model", str(model), "--out", names["out"]]
    code = answer([*command, "--device", "cpu"])
    assert code in (0, 2)
    assert {p for p in tmp_path.rglob("*") if "out" not in p.relative_to(tmp_path).parts[:1]} == before


@pytest.fixture
def renamed(release_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path | None]:
    """A model whose first class has another name; None where no schema takes that name."""

    def make(name: str) -> Path | None:
        folder = tmp_path_factory.mktemp("renamed")
        (folder / "model.safetensors").symlink_to(release_folder / "model.safetensors")
        config = json.loads((release_folder / "config.json").read_text())
        config["schema"]["classes"][0]["name"] = name
        try:
            schema_from_dict(config["schema"])
        except UserError:
            return None
        (folder / "config.json").write_text(json.dumps(config))
        return folder

    return make


@MANY
@given(
    st.text(max_size=200)
    | st.integers(0, 500).map(lambda n: "[" * n + "]" * n)
    | st.integers(1, 6000).map(lambda n: "1" * n)
)
def test_any_text_is_parsed_or_refused(text: str) -> None:
    for parse in (parse_json, parse_toml):
        with contextlib.suppress(ValueError):
            parse(text)


@MANY
@given(st.sampled_from([ModelConfig, PhaseConfig, TrainConfig]), st.data())
def test_any_settings_are_taken_or_refused(cls: type, data: st.DataObject) -> None:
    names = list(cls.__dataclass_fields__)  # type: ignore[attr-defined]
    good: dict[str, Any] = {
        "name": "p",
        "objective": "image",
        "task": "patch",
        "image_size": 64,
        "batch_size": 2,
        "steps": 1,
    }
    base = {ModelConfig: {}, PhaseConfig: good, TrainConfig: {"phases": [good]}}[cls]
    values = data.draw(st.dictionaries(st.sampled_from(names) | st.text(max_size=5), VALUES, max_size=3))
    with contextlib.suppress(UserError):
        from_dict(cls, base | values, "here")


@MANY
@given(VALUES | st.fixed_dictionaries({"base": st.just("outdoor"), "only": VALUES, "classes": VALUES}))
def test_any_schema_is_taken_or_refused(value: Any) -> None:
    with contextlib.suppress(UserError):
        assert isinstance(schema_from_dict(value), LabelSchema)


@FEW
@given(
    ids=st.lists(st.integers(0, 36), min_size=1, max_size=64),
    schema=st.sampled_from(["outdoor", "procedural", "camvid"]),
)
def test_converting_legal_maps_and_back_keeps_what_both_schemas_know(ids: list[int], schema: str) -> None:
    one, other = load_schema("outdoor"), load_schema(schema)
    label_map = np.array([ids], np.int16).clip(0, one.num_classes)
    there = one.convert(label_map, other)
    again = other.convert(one.convert(other.convert(there, one), other), one)
    assert np.array_equal(again, other.convert(there, one))


@FEW
@given(meta=VALUES, progress=VALUES)
def test_any_record_of_a_state_is_taken_or_refused(meta: Any, progress: Any, run_folder: Path, tmp_path: Path) -> None:
    from safetensors import safe_open
    from safetensors.torch import save_file

    (path,) = (run_folder / "checkpoints").iterdir()
    with safe_open(path, "pt") as file:
        kept, tensors = json.loads(file.metadata()["sceneswap"]), {n: file.get_tensor(n) for n in file.keys()}  # noqa: SIM118
    for changed in (meta, {**kept, "progress": progress}, {**kept, "config": meta}, {**kept, "schema": meta}):
        save_file(tensors, path, metadata={"sceneswap": json.dumps(changed)})
        assert answer(["export", str(run_folder), "--out", str(tmp_path / "model")]) in (0, 2)
    save_file(tensors, path, metadata={"sceneswap": json.dumps(kept)})


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    write_run(tmp_path / "run")
    return tmp_path / "run"
