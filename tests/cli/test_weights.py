"""`sceneswap weights`: published files become ours, fetched or given; what is wrong with them is said."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from sceneswap.cli.main import run
from sceneswap.models.pretrained import inception, lpips, vgg
from sceneswap.models.pretrained.lpips import LPIPS, load_lpips


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """LPIPS with random weights, published as its two files are: AlexNet's, and the linear layers'."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("SCENESWAP_LPIPS", raising=False)
    torch.manual_seed(0)
    state = LPIPS().state_dict()
    alexnet = {k.removeprefix("alexnet."): v for k, v in state.items() if k.startswith("alexnet.")}
    linear = {
        k.replace("alex.", "").replace(".weight", ".model.1.weight"): v for k, v in state.items() if "alex.lin" in k
    }
    files = [tmp_path / "alexnet.pth", tmp_path / "alex.pth"]
    for path, tensors in zip(files, (alexnet | {"classifier.1.weight": torch.zeros(2)}, linear), strict=True):
        torch.save(tensors, path)
    sources = tuple(
        replace(source, url=path.as_uri(), sha256=hashlib.sha256(path.read_bytes()).hexdigest())
        for source, path in zip(lpips.LPIPS_WEIGHTS.sources, files, strict=True)
    )
    monkeypatch.setattr(lpips, "LPIPS_WEIGHTS", replace(lpips.LPIPS_WEIGHTS, sources=sources))
    return files


def test_fetched_weights_are_found_by_what_asks_them(
    published: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["weights", "list"]) == 0
    assert "not yet" in capsys.readouterr().out
    assert run(["weights", "fetch", "lpips"]) == 0
    kept = tmp_path / "cache" / "sceneswap" / "lpips.safetensors"
    assert capsys.readouterr().out.strip() == str(kept)
    assert list(kept.parent.iterdir()) == [kept]
    torch.manual_seed(0)
    wanted = LPIPS().state_dict()
    assert set(load_file(kept)) == set(wanted)
    assert all(torch.equal(value, wanted[name]) for name, value in load_lpips().state_dict().items())
    before = kept.stat().st_mtime_ns
    published[0].unlink()
    assert run(["weights", "fetch", "lpips"]) == 0
    assert kept.stat().st_mtime_ns == before


def test_files_fetched_by_hand_are_converted(
    published: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "lpips.safetensors"
    assert run(["weights", "convert", "lpips", *map(str, published), "--out", str(out)]) == 0
    assert "SCENESWAP_LPIPS" in capsys.readouterr().out
    load_lpips(out)
    wrong = (
        ([*map(str, reversed(published))], "is not alexnet.pth, or damaged"),
        ([str(published[0])], "made of 2 files, not 1"),
        ([str(tmp_path / "nothing.pth"), str(published[1])], "nothing.pth does not exist"),
    )
    for files, why in wrong:
        assert run(["weights", "convert", "lpips", *files, "--out", str(tmp_path / "other.safetensors")]) == 2
        assert why in capsys.readouterr().err
    assert not (tmp_path / "other.safetensors").exists()


def test_weights_that_are_not_here_are_named_with_the_command(
    published: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["evaluate", "known-answer", "--pairs", "1", "--out", "results"]) == 2
    assert "sceneswap weights fetch lpips" in capsys.readouterr().err
    published[1].write_bytes(b"damaged")
    assert run(["weights", "fetch", "lpips"]) == 2
    assert "or damaged" in capsys.readouterr().err
    published[1].unlink()
    assert run(["weights", "fetch", "lpips"]) == 2
    assert "sceneswap weights convert lpips" in capsys.readouterr().err


def test_every_published_file_says_size_licence_and_hash() -> None:
    for weights in vgg.VGG19_WEIGHTS, lpips.LPIPS_WEIGHTS, inception.INCEPTION_WEIGHTS:
        for source in weights.sources:
            assert source.url.startswith("https://")
            assert len(source.sha256) >= 8
            assert source.megabytes > 0
            assert source.licence
