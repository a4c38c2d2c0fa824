"""Finding a Ray cluster, or saying within seconds that there is none: Ray itself would try for more than a minute."""

import importlib.util
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sceneswap.errors import UserError, first_line

_PROBE = 3.0  # seconds in which a cluster answers
_HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
_SETTINGS = 4  # the kind of the first frame of whoever speaks HTTP/2, as Ray's head does


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Yield the module `ray`, connected; a connection that was there before stays. Raises `UserError`."""
    ray = _ray()
    if ray.is_initialized():
        yield ray
        return
    own = {"num_cpus": os.cpu_count(), "include_dashboard": False} if address == "local" else {}
    where = "local" if own else find_cluster(address)
    try:
        ray.init(address=where, log_to_driver=False, logging_level=logging.ERROR, **own)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise _none_at(address, first_line(error)) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _ray() -> Any:
    if importlib.util.find_spec("ray") is None:
        raise UserError("--engine ray needs Ray: pip install 'sceneswap[ray]'")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a cluster started here tells nobody
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # as later versions of Ray do it; else a warning
    import ray

    return ray


def check_cluster(address: str) -> None:
    """Raise `UserError` within seconds unless Ray is installed, and a cluster at `address` answers."""
    _ray()
    if address != "local":
        find_cluster(address)


def find_cluster(address: str) -> str:
    """Return the address of a cluster that answers. Raises `UserError` within seconds: Ray itself would try for minutes."""
    from ray._private.services import canonicalize_bootstrap_address

    client = address.removeprefix("ray://")
    try:
        found = client if client != address else canonicalize_bootstrap_address(address)
    except (ConnectionError, ValueError, OSError):
        raise _none_at(address, "none runs on this machine" if address == "auto" else "write host:port") from None
    host, _, port = (found or "").rpartition(":")
    if not (host and port.isdecimal() and int(port) < 65536):
        raise _none_at(address, "write host:port, as `ray start --head` prints it")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_PROBE) as asked:
            if os.environ.get("RAY_USE_TLS", "0") in ("", "0"):
                asked.sendall(_HTTP2)
                answer = asked.recv(9)
                if len(answer) < 4 or answer[3] != _SETTINGS:
                    raise _none_at(address, "something else answers there")
    except OSError as error:
        raise _none_at(address, f"{found}: {error.strerror or error}") from None
    return address if client != address else str(found)


def _none_at(address: str, why: str) -> UserError:
    return UserError(
        f"there is no Ray cluster at --address {address} ({why}); start one with `ray start --head`, name another, or run "
        "without --engine ray"
    )
