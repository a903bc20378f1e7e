import pytest

from podium.data.sources.naming import pairs_in, plain


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
        ("fred_DEXUSUK (1).csv", "GBPUSD"),
        ("GBPUSDm", "GBPUSD"),
        ("GBPUSD.a", "GBPUSD"),
        ("GBPUSD.FOREX", "GBPUSD"),
        ("GBPUSD Curncy", "GBPUSD"),
        ("GBPUSD_raw", "GBPUSD"),
        ("frxGBPUSD", "GBPUSD"),
        ("GBPUSD_Daily.csv", "GBPUSD"),
        ("DAT_ASCII_GBPUSD_M1_2023.csv", "GBPUSD"),
        ("GBPUSD1440.csv", "GBPUSD"),
        ("gbp-usd", "GBPUSD"),
        ("GBP/USD Historical Data", "GBPUSD"),
        ("Close GBPUSD=X", "GBPUSD"),
        ("Open JPY=X", "USDJPY"),
        ("('Open', 'JPY=X')", "USDJPY"),
        ("GBP=", "GBPUSD"),
        ("JPY=", "USDJPY"),
        ("EUR Curncy", "EURUSD"),
        ("EUR=X", "USDEUR"),
        ("XAUUSD.a", "XAUUSD"),
        ("6B=F", None),
        ("open_eur", None),
        ("Downloads", None),
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
    assert pairs_in(name) == ((pair,) if pair else ())


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("<CLOSE>", "close"),
        ("Adj Close", "adj close"),
        ("adj_close", "adj close"),
        ("TIME_PERIOD:Time period or range", "time period"),
        ("Zamknięcie", "zamkniecie"),
        ("Clôture", "cloture"),
        ("4. close", "close"),
        ("Unnamed: 0", "unnamed"),
    ],
)
def test_names_are_compared_plainly(name, same):
    """Case, accents, brackets, underscores, labels and numbers of a list make no other name."""
    assert plain(name) == same
