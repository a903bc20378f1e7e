"""The daily run as a flow of Prefect 3, on its schedule; `python podium_daily.py` serves it."""

from __future__ import annotations

import subprocess

from prefect import flow
from prefect.schedules import Cron


@flow(retries=2, retry_delay_seconds=600)
def podium_daily() -> None:
    """The day's work, each part once."""
    subprocess.run([".venv/bin/podium", "daily"], cwd="/srv/podium", check=True)


if __name__ == "__main__":
    podium_daily.serve(name="podium-daily", schedules=[Cron("15 16-22/2 * * *", timezone="Europe/Berlin")], limit=1)
