"""What the headings of tables mean; each heading points here."""

from __future__ import annotations

from typing import Final

GLOSSARY: Final[dict[str, str]] = {
    "RMSE": "Root mean squared error of the forecast log return. Lower is better.",
    "to random walk": "RMSE over that of the random walk, which forecasts no change. Below 1 is better.",
    "R\u00b2": "Share of the squared moves that the forecast explains on days it had not seen. The random walk has 0.",
    "MAE": "Mean absolute error of the forecast log return. Lower is better.",
    "Direction": "Share of days on which the forecast had the right sign. A coin has half.",
    "DM p": "Diebold-Mariano: chance of so small an error if the forecast were no better than the random walk's.",
    "CW p": "Clark-West: the same for the model behind the forecast, estimation noise allowed for.",
    "PT p": "Pesaran-Timmermann: chance of so many right directions if it knew none.",
    "Best of all?": "May it be the best of all, the random walk among them? The 90% model confidence set says so.",
    "in 95% interval": "Share of scored days that ended inside the interval that promised 95%. Kept by construction.",
    "Place": "By RMSE. Those that may all be the best share the first place.",
    "Inside": "Share of scored days that ended inside the interval. It widens after a miss, so the share is kept.",
    "Mean width": "From lower to upper bound, mean over the scored days, as a log return.",
    "Winkler": "Interval score: the mean width and a fine for each miss. Lower is better.",
    "Kupiec p": "Chance of such a share of misses if the promise is right. Small speaks against the interval.",
    "Independence p": "Chance of such runs of misses if they came independently. Small speaks against the interval.",
    "Christoffersen p": "Both questions at once.",
    "CRPS": "Continuous ranked probability score of the whole distribution, as a log return. Lower is better.",
    "CRPS skill": "CRPS saved against a distribution of constant width around the same forecasts.",
    "t": "That skill over its standard error. Above 1.6 it is hardly chance.",
    "Volatility model": "Whose forecast of the size of the next move stands behind the next day's interval.",
    "Difference": "Squared error of the champion less the rival's, squared basis points. Above 0 the rival is better.",
    "Lower bound": "Of that difference, valid on whichever day it is looked at.",
    "p": "Chance of such a lead by luck, valid on whichever day it is looked at.",
    "Alpha": "What p must not exceed.",
    "A year": "Mean log return a year after costs, interest left out.",
    "Sharpe ratio (95%)": "Return a year over its standard deviation, with a confidence interval.",
    "Worst fall": "Largest fall from a peak.",
    "Turnover": "Units of position changed a year; 504 is a full turn every day.",
    "Breaks even at": "Cost of changing a position by one unit at which nothing is earned.",
    "Days long": "Share of days on which the currency was held rather than sold.",
    "Answers": "Forecasts of settled days that clients got from this model.",
    "Shadows": "Forecasts that it made in the shadow of another's answer.",
    "Days": "Days counted, each once.",
    "on shared days": "RMSE over the days on which champion and challenger both made a forecast.",
}
"""Meaning by heading."""

NAMES: Final = {"DM p": "Diebold-Mariano p", "CW p": "Clark-West p", "PT p": "Pesaran-Timmermann p"}
"""Headings that are short for something."""


def anchor(heading: str) -> str:
    """The id of an entry."""
    return "word-" + "".join(letter if letter.isalnum() else "-" for letter in heading.lower()).strip("-")
