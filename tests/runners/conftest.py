"""A real Ray cluster of two nodes on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

NODE = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_dashboard": False}


@pytest.fixture
def make_cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Any]]:
    """`make_cluster()`: a head without cores, and two nodes of one core each, which have this environment."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    utils = pytest.importorskip("ray.cluster_utils", reason="the extra podium[ray] is not installed")
    made = []

    def make() -> Any:
        cluster = utils.Cluster(initialize_head=True, head_node_args={**NODE, "num_cpus": 0})
        made.append(cluster)
        cluster.both = [cluster.add_node(**NODE), cluster.add_node(**NODE)]
        return cluster

    yield make
    for cluster in made:
        cluster.shutdown()


@pytest.fixture
def kill_one() -> Callable[[Any], None]:
    """`kill_one(cluster)`: one of its two nodes is gone from one moment to the next; nothing the second time."""

    def kill(cluster: Any) -> None:
        import ray

        if cluster.both:
            own = ray.get_runtime_context().get_node_id()  # the driver's own node may be any of them
            victim = next(node for node in cluster.both if node.node_id != own)
            cluster.both.clear()
            cluster.remove_node(victim, allow_graceful=False)

    return kill
