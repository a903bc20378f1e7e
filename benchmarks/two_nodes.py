"""The same championships on a Ray cluster of one node with one core, and of two: a row each, and how many times faster.

    python benchmarks/two_nodes.py [majors|EURUSD,GBPJPY] [LinearRegression,ARIMA,LSTM]

Runs and models go to `mlflow server` on PostgreSQL and an S3 store, all on this machine, which share its cores. What a
worker imports once is counted. Give figures of an idle machine.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import ray.cluster_utils

import servers
from podium.pipeline import pairs as many
from podium.pipeline.tasks import Asked
from podium.registry.quiet import ENVIRONMENT
from podium.settings import Settings

NODE = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_dashboard": False}


def seconds(settings: Settings, pairs: list[str], n_nodes: int) -> float:
    """Wall seconds of the championships on a new cluster."""
    cluster = ray.cluster_utils.Cluster(initialize_head=True, head_node_args={**NODE, "num_cpus": 0})
    try:
        for _ in range(n_nodes):
            cluster.add_node(**NODE)  # type: ignore[arg-type]  # Ray types two of its arguments alone
        away = settings.model_copy(update={"engine": "ray", "address": cluster.address})
        began = time.monotonic()
        told = many.for_each(away, pairs, Asked("run"))
        assert [outcome.failed for outcome in told] == [None] * len(pairs)
        return time.monotonic() - began
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]


def main() -> None:
    """One node, then two."""
    asked, families = [*sys.argv[1:], *["majors", "LinearRegression,ARIMA,LSTM"][len(sys.argv) - 1 :]]
    os.environ |= {"NO_PROXY": "*", "no_proxy": "*", "RAY_USAGE_STATS_ENABLED": "0", **ENVIRONMENT}
    source = str(Path(many.__file__).parents[2])
    os.environ["PYTHONPATH"] = os.pathsep.join([source, os.environ.get("PYTHONPATH", "")])
    took = []
    with servers.postgres() as database, servers.object_store() as store:
        for n_nodes in (1, 2):
            with servers.mlflow_server(database, store) as address, tempfile.TemporaryDirectory() as folder:
                os.chdir(folder)
                settings = Settings(tracking_uri=address, contestants=tuple(families.split(",")))
                pairs = many.named(asked, settings)
                took.append(seconds(settings, pairs, n_nodes))
                os.chdir("/")
            print(f"| {n_nodes} node(s) of one core, {len(pairs)} pairs x {families} | {took[-1]:.1f} s |", flush=True)
    print(f"| two against one | {took[0] / took[1]:.2f} times |")


if __name__ == "__main__":
    main()
