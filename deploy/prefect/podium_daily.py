"""The daily run as a flow of Prefect 3, on its schedule.

Beside a running `prefect server start`, `python podium_daily.py` serves it.
"""

from __future__ import annotations

import subprocess

from prefect import flow, get_run_logger
from prefect.schedules import Cron
from prefect.states import Completed, State

TOLD = {3: "NeedsAPerson", 8: "RatesLate"}  # an alarm tells of both: no failures, and another try at once does not help


@flow(retries=2, retry_delay_seconds=600)
def podium_daily() -> State | None:
    """The day's work, each part once; its lines are in the run's log."""
    done = subprocess.run([".venv/bin/podium", "daily"], cwd="/srv/podium", capture_output=True, text=True, check=False)
    get_run_logger().info("%s%s", done.stdout, done.stderr)
    if done.returncode in TOLD:
        return Completed(name=TOLD[done.returncode], message=f"exit code {done.returncode}")
    done.check_returncode()
    return None


if __name__ == "__main__":
    podium_daily.serve(name="podium-daily", schedules=[Cron("15 16-22/2 * * *", timezone="Europe/Berlin")], limit=1)
