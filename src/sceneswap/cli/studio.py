"""`sceneswap studio`."""

from pathlib import Path
from typing import Annotated

from sceneswap.bounds import Between


def studio(
    model: str | None = None,
    export: Path | None = None,
    port: Annotated[int, Between(0, 65_535)] = 8765,
    browser: bool = True,
) -> None:
    """Paint a layout, choose a look, and watch it become a photograph, in a page of your own browser.

    The page is served to this machine alone, and draws by itself: no photograph leaves the browser. Ctrl-C ends it.

    Try:

        sceneswap studio

        sceneswap studio --export site/studio

    Args:
        model: A model folder or hub id; the model that comes with the package by default. Other models are exported
            first, which takes a minute and the extra `onnx`.
        export: Write the studio into this folder instead, for any static host.
        port: Where it listens; 0 takes a free port.
        browser: Open the page.
    """
    import tempfile
    import webbrowser

    from sceneswap.inference.synthesizer import Synthesizer
    from sceneswap.studio.folder import built_folder, export_studio, page_folder, write_model
    from sceneswap.studio.server import HOST, serve

    page = page_folder()
    synthesizer = Synthesizer.from_pretrained(model, device="cpu")
    if export is not None:
        export_studio(synthesizer, export)
        size = sum(path.stat().st_size for path in export.rglob("*") if path.is_file())
        print(f"{export}: the studio with {synthesizer.name}, {size / 1e6:.1f} MB; any static host can serve it")
        return
    with tempfile.TemporaryDirectory() as folder:
        built = built_folder(synthesizer.weights_sha256)
        if built is None:
            print(f"making the graphs and looks of {synthesizer.name} …", flush=True)
            built = Path(folder)
            write_model(synthesizer, built)
        server = serve([page, built], port)
        address = f"http://{HOST}:{server.server_port}/"
        print(f"{address}  (Ctrl-C ends it)", flush=True)
        if browser:
            webbrowser.open(address)
        with server:
            server.serve_forever()


COMMANDS = studio
