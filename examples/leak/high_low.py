"""A contestant of one's own: the linear model, with the day's high and low as two more columns."""

from dataclasses import dataclass
from typing import ClassVar

from podium.models.linear import LinearRegressionContestant


@dataclass(frozen=True)
class HighLowContestant(LinearRegressionContestant):
    """Ordinary least squares on lags and on where high and low stand relative to the close.

    A further column `high` of a series enters X as `high_log_ratio`, log(high / close) of the same row. Whether that
    row's high was known at its close, no program can see: this one believes the provider.
    """

    family: ClassVar[str] = "HighLow"
    description: ClassVar[str] = "Ordinary least squares on lagged returns and the day's high and low."

    @property
    def features(self) -> list[str]:
        """The columns of X that it takes."""
        return [*super().features, "high_log_ratio", "low_log_ratio"]
