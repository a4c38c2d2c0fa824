"""Build the studio into the package: what comes from npm, and the graphs, looks and layouts of the model that is shipped.

python studio/build.py        after `npm ci` in this folder; `make studio` does both
"""

import json
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from sceneswap.files import make_folder, write_bytes, write_text
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.studio.folder import package_folder, packed, write_model

HERE = Path(__file__).parent
FILES = {  # two builds, of which a browser fetches one: for the processor, and for graphics cards (WebGPU, needs JSPI) too
    "ort.wasm.min.mjs": "ort.mjs",
    "ort-wasm-simd-threaded.mjs": "ort-wasm.mjs",
    "ort-wasm-simd-threaded.wasm": "ort.wasm.gz",
    "ort.jspi.min.mjs": "ort-gpu.mjs",
    "ort-wasm-simd-threaded.jspi.mjs": "ort-gpu-wasm.mjs",
    "ort-wasm-simd-threaded.jspi.wasm": "ort-gpu.wasm.gz",
}
LICENSE = (
    "ONNX Runtime Web {version}, https://github.com/microsoft/onnxruntime, MIT License, (c) Microsoft Corporation\n"
)


def bring(vendor: Path) -> None:
    """Copy ONNX Runtime out of node_modules, its WebAssembly packed: static hosts do not pack by themselves."""
    source = HERE / "node_modules" / "onnxruntime-web"
    if not source.is_dir():
        sys.exit("studio/node_modules is missing; run `npm ci` in studio/ first (`make studio` does)")
    shutil.rmtree(vendor, ignore_errors=True)
    make_folder(vendor)
    for theirs, ours in FILES.items():
        data = (source / "dist" / theirs).read_bytes()
        write_bytes(vendor / ours, packed(data) if ours.endswith(".gz") else data)
    version = json.loads((source / "package.json").read_text(encoding="utf-8"))["version"]
    write_text(vendor / "LICENSE.txt", LICENSE.format(version=version))


def main() -> None:
    package = package_folder()
    bring(package / "page" / "vendor")
    with TemporaryDirectory(dir=package, prefix=".sceneswap-") as name:
        made = Path(name) / "built"
        write_model(Synthesizer.from_pretrained(device="cpu"), made)
        shutil.rmtree(package / "built", ignore_errors=True)
        made.rename(package / "built")
    size = sum(
        path.stat().st_size for part in ("page", "built") for path in (package / part).rglob("*") if path.is_file()
    )
    print(f"the studio is built: {size / 1e6:.1f} MB in {package}")


if __name__ == "__main__":
    main()
