"""What files call the things Podium needs: pairs, dates, prices."""

from __future__ import annotations

import re

DATE_NAMES = ("date", "datetime", "timestamp", "observation_date", "time_period", "time", "day")
PRICE_NAMES = ("close", "adj close", "adj_close", "price", "rate", "value", "obs_value", "last")
SYMBOL_NAMES = ("symbol", "ticker", "pair", "currency_pair", "instrument")
MISSING = frozenset({"", ".", "-", "n/a", "#n/a", "na", "nan", "nd", "null", "none"})
RESERVED = frozenset({"date", "close", "origin", "target", "target_date"})

# ISO 4217 codes of money in use, and those that joined the euro since 1999.
CURRENCIES = frozenset(
    re.findall(
        r"\w{3}",
        """
        AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF
        CHF CLP CNH CNY COP CRC CUP CVE CYP CZK DJF DKK DOP DZD EEK EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF
        GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP
        LKR LRD LSL LTL LVL LYD MAD MDL MGA MKD MMK MNT MOP MRU MTL MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD
        OMR PAB PEN PGK PHP PKR PLN PYG QAR ROL RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SIT SKK SLE SOS SRD SSP
        STN SVC SYP SZL THB TJS TMT TND TOP TRL TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF
        YER ZAR ZMW ZWG
        """,
    )
)

# FRED's H.10 series are DEX<quote><base>: DEXUSEU is USD per 1 EUR, DEXJPUS is JPY per 1 USD.
FRED = {
    "AL": "AUD",
    "BZ": "BRL",
    "CA": "CAD",
    "CH": "CNY",
    "DN": "DKK",
    "EU": "EUR",
    "HK": "HKD",
    "IN": "INR",
    "JP": "JPY",
    "KO": "KRW",
    "MA": "MYR",
    "MX": "MXN",
    "NO": "NOK",
    "NZ": "NZD",
    "SD": "SEK",
    "SF": "ZAR",
    "SI": "SGD",
    "SL": "LKR",
    "SZ": "CHF",
    "TA": "TWD",
    "TH": "THB",
    "UK": "GBP",
    "US": "USD",
    "VZ": "VES",
}
ECB_KEY = re.compile(r"EXR\.[A-Z]\.([A-Z]{3})\.([A-Z]{3})\.SP00\.[A-Z]")
FRED_ID = re.compile(r"DEX([A-Z]{2})([A-Z]{2})")


def pair_named(name: str) -> str | None:
    """The pair that a ticker, series id or column name stands for, `EURUSD`; None if it names no pair.

    Knows `EURUSD`, `EUR/USD`, `eur_usd`, Yahoo's `EURUSD=X` and `JPY=X` (JPY per 1 USD), a broker's prefix
    `OANDA:EUR_USD`, FRED's `DEXUSEU` and the ECB's `EXR.D.USD.EUR.SP00.A` (both USD per 1 EUR).
    """
    text = name.strip().upper()
    if key := ECB_KEY.search(text):
        return key[2] + key[1]
    if (fred := FRED_ID.fullmatch(text)) and fred[1] in FRED and fred[2] in FRED:
        return FRED[fred[2]] + FRED[fred[1]]
    yahoo = text.endswith("=X")
    text = re.sub(r"[/_\- ]", "", text.rpartition(":")[2].removesuffix("=X"))
    if yahoo and len(text) == 3:
        text = "USD" + text
    known = len(text) == 6 and text[:3] in CURRENCIES and text[3:] in CURRENCIES and text[:3] != text[3:]
    return text if known else None


def find(header: list[str], names: tuple[str, ...]) -> int | None:
    """Position of the first of `names` that the header has, whatever the case."""
    lowered = [name.lower() for name in header]
    return next((lowered.index(name) for name in names if name in lowered), None)
