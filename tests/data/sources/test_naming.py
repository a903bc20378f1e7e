import pytest

from podium.data.sources.naming import pair_named


@pytest.mark.parametrize(
    ("name", "pair"),
    [
        ("EURUSD", "EURUSD"),
        ("eur/usd", "EURUSD"),
        ("EUR_USD", "EURUSD"),
        ("EURUSD=X", "EURUSD"),
        ("JPY=X", "USDJPY"),
        ("OANDA:GBP_JPY", "GBPJPY"),
        ("DEXUSEU", "EURUSD"),
        ("DEXJPUS", "USDJPY"),
        ("DEXUSUK", "GBPUSD"),
        ("DEXSZUS", "USDCHF"),
        ("DEXCHUS", "USDCNY"),
        ("EXR.D.USD.EUR.SP00.A", "EURUSD"),
        ("US dollar/Euro (EXR.D.USD.EUR.SP00.A)", "EURUSD"),
        ("Close", None),
        ("VOLUME", None),
        ("Change", None),
        ("AAPL", None),
        ("EUREUR", None),
        ("JPY", None),
        ("DEXXXEU", None),
        ("", None),
    ],
)
def test_names_of_pairs_are_known(name, pair):
    """Tickers, series ids and column names give the pair in the direction their provider means, words give none."""
    assert pair_named(name) == pair
