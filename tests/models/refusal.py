"""What keeps a contestant out of championships."""

from podium.errors import AdmissionError
from podium.models.base import Contestant
from podium.models.checks import check_contestant
from podium.records import FeatureTable


def refusal(contestant: Contestant, table: FeatureTable) -> str:
    """The check that it fails and why; nothing of one that is admitted."""
    try:
        check_contestant(contestant, table)
    except AdmissionError as why:
        return str(why)
    return ""
