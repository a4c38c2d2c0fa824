"""A Ray cluster on this machine: a head without cores, and nodes of one core each, which can be lost; for tests, too."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

MEMORY = 80 * 2**20  # bytes of a node's object store
_PATIENCE = (
    600  # seconds that a part of the cluster may take to start: Ray's own 30 are few on a machine with other work
)
_SETTINGS = {
    "RAY_worker_niceness": "0",  # else actors give way to whatever else the machine does
    "RAY_worker_register_timeout_seconds": str(_PATIENCE),
    "RAY_agent_register_timeout_ms": str(1000 * _PATIENCE),
    "RAY_health_check_timeout_ms": "60000",
    "RAY_USAGE_STATS_ENABLED": "0",
}


@dataclass
class Nodes:
    """ray: its `cluster_utils.Cluster`. there: the nodes besides the head."""

    ray: Any
    there: list[Any] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Of the head, host:port."""
        return str(self.ray.address)

    def add(self) -> None:
        """Start another node of one core."""
        self.there.append(self.ray.add_node(num_cpus=1, object_store_memory=MEMORY, **_ports()))

    def lose(self) -> None:
        """End a node as a machine ends that loses its power."""
        self.ray.remove_node(self.there.pop(), allow_graceful=False)


@contextmanager
def nodes(count: int) -> Iterator[Nodes]:
    """Yield a running cluster of `count` nodes; it ends with the block."""
    before = os.environ.copy()
    os.environ.update(_SETTINGS)
    try:
        with _patience():
            from ray.cluster_utils import Cluster

            head = {"num_cpus": 0, "object_store_memory": MEMORY, "include_dashboard": False, **_ports()}
            started = Nodes(Cluster(initialize_head=True, head_node_args=head))
            try:
                for _ in range(count):
                    started.add()
                yield started
            finally:
                started.ray.shutdown()
    finally:
        os.environ.clear()
        os.environ.update(before)


def _ports() -> dict[str, int]:
    """Free ports for what a node starts: where they are not given, it waits 15 seconds to be told them, and gives up."""
    names = ("metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port", "runtime_env_agent_port")
    with ExitStack() as stack:
        free = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in names]
        return {name: one.getsockname()[1] for name, one in zip(names, free, strict=True)}


@contextmanager
def _patience() -> Iterator[None]:
    """Let a node take its time to start: it is looked up for longer, and its raylet is told the one port that Ray forgets."""
    from ray._private import services

    get_node, start = services.get_node, services.start_ray_process

    def look(*arguments: Any) -> Any:
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                return get_node(*arguments)
            except RuntimeError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)

    def told(command: list[str], *arguments: Any, **options: Any) -> Any:
        agent = next((word for word in command if word.startswith("--dashboard_agent_command=")), "")
        port = next(
            (word.removeprefix("--listen-port=") for word in agent.split() if word.startswith("--listen-port=")), ""
        )
        return start([*command, f"--dashboard_agent_listen_port={port}"] if port else command, *arguments, **options)

    services.get_node, services.start_ray_process = look, told
    try:
        yield
    finally:
        services.get_node, services.start_ray_process = get_node, start
