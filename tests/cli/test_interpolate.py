"""`sceneswap interpolate`: strips, animations, pages, and one sentence for every mistake."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneswap.cli.main import run
from sceneswap.images import read_photo, read_png_text, write_png
from tests.tiny import random_scene, tiny_model, write_scene

Command = Callable[..., int]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model, a layout and two exemplars."""
    folder = tmp_path_factory.mktemp("interpolate")
    tiny_model(folder / "model")
    for i, name in enumerate(("layout", "second", "beach", "dusk")):
        write_scene(folder, name, random_scene(i, 32, 40 if name == "beach" else 32))
    return folder


@pytest.fixture
def interpolate(folder: Path) -> Command:
    """Run `interpolate KIND …` on the folder; layouts and exemplars by name."""

    def command(kind: str, *options: object, out: Path, exemplars: tuple[str, ...] = ("beach", "dusk"),
                layouts: tuple[str, ...] = ("layout",)) -> int:  # fmt: skip
        def files(part: str, names: tuple[str, ...]) -> list[str]:
            return [str(folder / part / f"{name}.png") for name in names]

        return run([
            "interpolate", kind, "--model", str(folder / "model"), "--device", "cpu", "--out", str(out),
            "--label-map", *files("labels", layouts), "--exemplars", *files("images", exemplars),
            "--exemplar-label-maps", *files("labels", exemplars), *map(str, options),
        ])  # fmt: skip

    return command


def test_global_writes_strips(interpolate: Command, tmp_path: Path) -> None:
    assert interpolate("global", "--frames", 3, out=tmp_path, layouts=("layout", "second")) == 0
    frames = sorted(p.name for p in (tmp_path / "pictures").iterdir())
    assert frames == [f"{name}-{i:02d}.png" for name in ("layout", "second") for i in range(3)]
    record = json.loads((tmp_path / "interpolation.json").read_text())
    first, middle, last = (f["weights"] for f in record["rows"][0]["frames"])
    assert [first, last] == [[1, 0], [0, 1]]
    assert 0 < middle[0] < 1
    assert record["rows"][1]["frames"][1]["weights"] == middle  # all strips at the same steps
    with Image.open(tmp_path / "layout.webp") as animation:
        assert getattr(animation, "n_frames", 1) == 4  # there and back
        assert animation.size == (32, 32)
    page = (tmp_path / "index.html").read_text()
    assert "data:image/webp" in page
    assert str(tmp_path) not in page
    note = json.loads(read_png_text(tmp_path / "pictures" / "layout-01.png")["sceneswap"])
    assert note["exemplar_2"]["file"] == "dusk.png"
    assert read_photo(tmp_path / "strips.png").shape[1] > 4 * 32


def test_layouts_of_one_name_are_strips_of_their_own(interpolate: Command, folder: Path, tmp_path: Path) -> None:
    for number, name in enumerate(("layout/layout", "other/layout", "layout-2")):
        write_scene(folder, name, random_scene(number, 32, 32))
    layouts = ("layout/layout", "other/layout", "layout-2")
    assert interpolate("global", "--frames", 1, out=tmp_path, layouts=layouts) == 0
    frames = sorted(path.name for path in (tmp_path / "pictures").iterdir())
    assert frames == ["layout-00.png", "layout-2-00.png", "layout-2-2-00.png"]


def test_the_ends_of_a_strip_are_the_single_pictures(interpolate: Command, folder: Path, tmp_path: Path) -> None:
    from sceneswap.inference.synthesizer import Synthesizer

    assert interpolate("global", "--frames", 2, "--animation", "none", out=tmp_path) == 0
    synthesizer = Synthesizer.from_pretrained(folder / "model", device="cpu")
    layout = synthesizer.read_label_map(folder / "labels" / "layout.png")
    for i, name in enumerate(("beach", "dusk")):
        scene = synthesizer.read_scene(folder / "images" / f"{name}.png", folder / "labels" / f"{name}.png")
        alone = synthesizer.draw(layout, synthesizer.encode(scene))
        assert (read_photo(tmp_path / "pictures" / f"layout-{i:02d}.png") == alone).all()


def test_weights_are_normalised_with_a_note(
    interpolate: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert interpolate("global", "--weights", 3, 1, out=tmp_path) == 0
    assert "the weights 3, 1 do not sum to 1; taken as 0.75, 0.25" in capsys.readouterr().err
    assert [p.name for p in (tmp_path / "pictures").iterdir()] == ["layout-00.png"]


def test_three_exemplars_and_gif(interpolate: Command, tmp_path: Path) -> None:
    options = ("--frames", 5, "--animation", "gif")
    assert interpolate("global", *options, out=tmp_path, exemplars=("beach", "dusk", "second")) == 0
    record = json.loads((tmp_path / "interpolation.json").read_text())
    weights = [frame["weights"] for frame in record["rows"][0]["frames"]]
    assert weights[0] == [1, 0, 0]
    assert [0, 1, 0] in weights[1:4]  # the one in the middle stands alone once
    assert weights[4] == [0, 0, 1]
    with Image.open(tmp_path / "layout.gif") as animation:
        assert getattr(animation, "n_frames", 1) > 1


def test_frames_at_equal_steps_of_the_weights(interpolate: Command, tmp_path: Path) -> None:
    assert interpolate("global", "--frames", 3, "--spacing", "weights", out=tmp_path) == 0
    record = json.loads((tmp_path / "interpolation.json").read_text())
    assert [f["weights"] for f in record["rows"][0]["frames"]] == [[1, 0], [0.5, 0.5], [0, 1]]


def test_spatial_patterns(interpolate: Command, tmp_path: Path) -> None:
    assert interpolate("spatial", "--pattern", "left-right", "radial", "--frames", 2, out=tmp_path) == 0
    assert sorted(p.name for p in tmp_path.glob("*.webp")) == ["layout-left-right.webp", "layout-radial.webp"]
    assert "weight of dusk" in (tmp_path / "index.html").read_text()


def test_spatial_weight_maps_of_any_size(interpolate: Command, tmp_path: Path) -> None:
    write_png(tmp_path / "left.png", np.repeat(np.array([[255, 0]], np.uint8), 3, axis=0).repeat(10, axis=1))
    assert interpolate("spatial", "--weight-maps", tmp_path / "left.png", "--frames", 2, out=tmp_path / "out") == 0


def test_classes(interpolate: Command, folder: Path, tmp_path: Path) -> None:
    options = ["--class", "sky=dusk.png", "--class", "sea=beach", "--frames", 2, "--border", 2]
    assert interpolate("classes", *options, out=tmp_path) == 0
    start, end = (read_photo(tmp_path / "pictures" / f"layout-{i:02d}.png").astype(int) for i in (0, 1))
    assert (start != end).any()
    assert "sky=dusk.png, sea=beach" in (tmp_path / "index.html").read_text()


def test_extrapolation_is_asked_for_by_name(interpolate: Command, tmp_path: Path) -> None:
    assert interpolate("global", "--extrapolate", 0.5, "--frames", 3, out=tmp_path / "g") == 0
    assert "no photograph has these looks" in (tmp_path / "g" / "index.html").read_text()
    assert (
        interpolate("spatial", "--extrapolate", 0.5, "--frames", 2, "--pattern", "top-bottom", out=tmp_path / "s") == 0
    )
    assert interpolate("global", "--weights", 1.5, -0.5, "--extrapolate", 1, out=tmp_path / "w") == 0


def test_the_same_command_writes_the_same_files(interpolate: Command, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert interpolate("spatial", "--frames", 2, out=tmp_path / name) == 0
    files = [p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*") if p.is_file()]
    assert len(files) >= 10
    assert all((tmp_path / "one" / f).read_bytes() == (tmp_path / "two" / f).read_bytes() for f in files)


def test_bad_input_is_one_sentence(interpolate: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_png(tmp_path / "black.png", np.zeros((4, 4), np.uint8))
    black = tmp_path / "black.png"
    for kind, options, message in (
        ("global", ["--weights", 0, 0], "are all zero"),
        ("global", ["--weights", 1.5, -0.5], "hold a negative one"),
        ("global", ["--weights", 1], "2 exemplars but 1 weights"),
        ("global", ["--frames", 0], "--frames 0: give a number from 1"),
        ("global", ["--extrapolate", 9], "--extrapolate 9: give a number from 0 to 3"),
        ("global", ["--exemplar-schema", "camvid"], "beach.png"),
        ("spatial", ["--weight-maps", black, black], "zero everywhere"),
        ("spatial", ["--weight-maps", black, black, black], "2 exemplars but 3 weight maps"),
        ("spatial", ["--weight-maps", tmp_path / "gone.png"], "gone.png does not exist"),
        ("classes", ["--class", "sjy=dusk.png"], "did you mean"),
        ("classes", ["--class", "sky=dust.png"], "did you mean dusk.png"),
        ("classes", ["--class", "sky"], "give a class and an exemplar"),
        ("classes", ["--class", "sky=dusk.png", "--border", -1], "--border -1"),
        ("classes", ["--class", "sky=dusk.png", "--border", 1e12], "--border 1e+12"),
        ("global", ["--weights", 1e308, 1e308], "--weights 1e+308"),
    ):
        assert interpolate(kind, *options, out=tmp_path / "out") == 2, (kind, options)
        said = capsys.readouterr().err.strip()
        assert message in said
        assert said.startswith("sceneswap: ")
        assert said.count("\n") == 0


def test_one_exemplar_is_too_few(interpolate: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert interpolate("spatial", out=tmp_path, exemplars=("beach",)) == 2
    assert "at least 2 exemplars" in capsys.readouterr().err


def test_the_baseline_cannot_mix_by_place(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], interpolate: Command
) -> None:
    tiny_model(tmp_path / "vae", "spade-vae")
    assert interpolate("spatial", "--model", tmp_path / "vae", out=tmp_path / "out") == 2
    assert "no attention" in capsys.readouterr().err
    assert interpolate("global", "--model", tmp_path / "vae", "--frames", 2, out=tmp_path / "out") == 0


@pytest.mark.parametrize("kind", ["global", "spatial", "classes"])
def test_help(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["interpolate", kind, "--help"]) == 0
    assert f"sceneswap interpolate {kind}" in capsys.readouterr().out
