"""Where a model comes from: the one shipped with the package, a folder, or the Hugging Face hub. No PyTorch here."""

import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from sceneswap.errors import UserError, first_line
from sceneswap.notes import LOG

SHIPPED = "outdoor-small"
FILES = ("model.safetensors", "config.json")
"""What is fetched from the hub; nothing else of a repository is ever read."""

_PATIENCE = 8  # seconds to wait for the hub's answer, which is asked for twice
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def list_models() -> list[str]:
    """The names of the models that come with the package; `Synthesizer.from_pretrained` and `--model` take them.

    >>> list_models()
    ['outdoor-small']
    """
    return sorted(config.parent.name for config in _weights().glob("*/config.json"))


def _weights() -> Path:
    return Path(str(resources.files("sceneswap"))) / "weights"


def shipped_folder() -> Path:
    """The folder of the model that comes with the package. Raises `UserError` when this installation has none."""
    folder = _weights() / SHIPPED
    if not (folder / "config.json").is_file():
        raise UserError(
            "this installation of sceneswap holds no model of its own; "
            "name a model folder (made by `sceneswap export`) or a hub id such as org/name"
        )
    return folder


def locate(model: str | Path | None, revision: str | None = None) -> Path:
    """Return the release folder of `model`: None for the shipped one, a folder, a name of `list_models`, or a hub id.

    A folder comes before a model of the package of that name; a hub id `org/name` is fetched once and cached. revision:
    branch, tag or commit of a hub id. Raises `UserError` when there is no such model or it cannot be fetched.
    """
    return local(model) or _fetch(str(model), revision)


def local(model: str | Path | None) -> Path | None:
    """The release folder of a model that is on this machine, see `locate`; None for a hub id. Raises `UserError`."""
    if model is None:
        return shipped_folder()
    path, name = Path(model), str(model)
    if path.is_dir():
        if not (path / "model.safetensors").exists() and (path / "checkpoints").is_dir():
            raise UserError(f"{path} is a training run; make a model of it with: sceneswap export {path} --out MODEL")
        return path
    if path.exists():
        raise UserError(f"{path} is a file; name the folder that holds model.safetensors and config.json")
    if name in list_models():
        return _weights() / name
    if isinstance(model, Path) or not HUB_ID.fullmatch(name):
        known = ", ".join(list_models()) or "none"
        raise UserError(
            f"there is no model folder {name}; name an existing folder, a model of the package ({known}) or a hub id such "
            "as org/name"
        )
    return None


def push(folder: Path, repo_id: str, *, private: bool, message: str) -> str:
    """Upload the release files of `folder`, and its README.md if there is one; return the address of the commit.

    Raises `UserError` when the hub refuses or cannot be reached.
    """
    from huggingface_hub import HfApi

    try:
        api = HfApi()
        api.create_repo(repo_id, private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repo_id, folder_path=folder, allow_patterns=[*FILES, "README.md"], commit_message=message
        )
    except Exception as error:  # the errors of the hub, and of whichever HTTP client its version uses
        raise UserError(f"the model was not uploaded to {repo_id}: {first_line(error)}; see `hf auth login`") from error
    return str(commit.commit_url)


def _fetch(repo_id: str, revision: str | None) -> Path:
    folder = fetch(repo_id, revision, FILES)
    for name in FILES:
        if not (folder / name).is_file():
            raise UserError(f"the hub model {repo_id} is no sceneswap model: it has no {name}")
    return folder


def fetch(repo_id: str, revision: str | None, patterns: Sequence[str]) -> Path:
    """Return the folder of a hub model with its files of `patterns`; without an answer what was fetched before serves.

    Raises `UserError` when the hub has no such model, or gives no answer and nothing was fetched before.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    start = f"there is no folder {repo_id} here, and the hub"
    LOG.info("asking the hub for %s", repo_id)
    silent: Exception | None = None
    try:
        try:  # one question first: snapshot_download would ask a hub that does not answer for minutes
            HfApi().model_info(repo_id, revision=revision, timeout=_PATIENCE)
        except (RepositoryNotFoundError, RevisionNotFoundError):
            raise
        except Exception as error:  # of whichever HTTP client the hub's version uses
            silent = error
        here, wanted = silent is not None, list(patterns)
        return Path(snapshot_download(repo_id, revision=revision, allow_patterns=wanted, local_files_only=here))
    except RepositoryNotFoundError as error:
        raise UserError(f"{start} has no public model {repo_id}; check the name, or `hf auth login`") from error
    except RevisionNotFoundError as error:
        raise UserError(f"the hub model {repo_id} has no revision {revision}; check its branches and tags") from error
    except Exception as error:  # as above
        raise UserError(
            f"{start} could not be asked for that model: {first_line(silent or error)}; check the name, or try again online"
        ) from error
