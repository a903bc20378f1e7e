"""What files call the things Podium needs: pairs, dates, prices, symbols, units."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

# Names as `plain` writes them: small letters, no accents, spaces between words.
DATE_NAMES = (
    "date", "datetime", "timestamp", "observation date", "time period", "time", "day", "gmt time", "local time", "utc",
    "datum", "zeit", "tag", "fecha", "data", "jour",
)  # fmt: skip
CLOSE_NAMES = (
    "close", "adj close", "close price", "closing price", "schlusskurs", "schluss", "cierre", "zamkniecie", "cloture",
    "fermeture", "chiusura", "fechamento", "slotkoers",
)  # fmt: skip
RATE_NAMES = (
    "price", "rate", "value", "obs value", "last", "exchange rate", "kurs", "wert", "zuletzt", "ultimo", "dernier",
    "cours", "precio", "prezzo", "koers",
)  # fmt: skip
OTHER_PRICES = frozenset({"open", "high", "low", "bid", "ask", "volume", "vol", "change", "tickvol", "spread"})
SYMBOL_NAMES = frozenset(
    {"symbol", "ticker", "pair", "currency pair", "instrument", "security", "ric", "asset", "contract", "series id"}
)
BASE_NAMES = ("base", "base cur", "base currency", "currency denom", "from", "from symbol", "from currency")
QUOTE_NAMES = ("quote", "quote cur", "quote currency", "to", "to symbol", "to currency", "counter currency")
CURRENCY_NAMES = ("currency", "ccy", "cur", "curr", "currency code")
UNIT_NAMES = ("unit mult", "unit multiplier", "multiplier", "nominal", "units", "amount", "scale")
MISSING = frozenset({"", ".", "-", "n/a", "#n/a", "na", "nan", "#n/a n/a", "nd", "null", "none", ".."})
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

METALS_AND_COINS = frozenset({"XAU", "XAG", "XPT", "XPD", "BTC", "ETH"})
PRICED = CURRENCIES | METALS_AND_COINS

# FRED's H.10 series are DEX<quote><base>: DEXUSEU is USD per 1 EUR, DEXJPUS is JPY per 1 USD.
FRED = dict(
    re.findall(
        r"(\w\w):(\w{3})",
        """
        AL:AUD BZ:BRL CA:CAD CH:CNY DN:DKK EU:EUR HK:HKD IN:INR JP:JPY KO:KRW MA:MYR MX:MXN NO:NOK NZ:NZD SD:SEK SF:ZAR
        SI:SGD SL:LKR SZ:CHF TA:TWD TH:THB UK:GBP US:USD VZ:VES
        """,
    )
)
ECB_KEY = re.compile(r"EXR\.[A-Z]\.([A-Z]{3})\.([A-Z]{3})\.SP00\.[A-Z]")
FRED_ID = re.compile(r"(?<![A-Z])DEX([A-Z]{2})([A-Z]{2})(?![A-Z])")
AGAINST_DOLLAR = re.compile(r"(?<![A-Z0-9/.-])([A-Z]{3})(=X|=| CURNCY)(?![A-Z0-9])")  # Yahoo, Reuters, Bloomberg
TWO_CODES = re.compile(r"(?=(?P<base>[A-Z]{3})(?P<between>[/_.-]?| (?=[A-Z]{3}(?![A-Z])))(?P<quote>[A-Z]{3}))")
# Desks write USD per unit of these, and units per USD of others.
DOLLAR_QUOTED = frozenset({"EUR", "GBP", "AUD", "NZD"})


def plain(name: str) -> str:
    """A column's name for comparing: no case, accents, brackets, underscores or number, no label behind a colon."""
    bare = unicodedata.normalize("NFKD", name.partition(":")[0].casefold().replace("ł", "l"))
    words = re.findall("[a-z0-9]+", "".join(letter for letter in bare if not unicodedata.combining(letter)))
    return " ".join(words[1:] if len(words) > 1 and words[0].isdecimal() else words)  # `4. close`


def pairs_in(text: str) -> tuple[str, ...]:
    """The pairs that a ticker, series id, column or file name speaks of, `EURUSD`, in their order.

    Knows `EURUSD` with a broker's prefix or suffix (`OANDA:EUR_USD`, `EURUSDm`, `EURUSD Curncy`), `EUR/USD`, Yahoo's
    `EURUSD=X` and `JPY=X` (JPY per 1 USD), FRED's `DEXUSEU` and the ECB's `EXR.D.USD.EUR.SP00.A` (both USD per 1 EUR).
    """
    upper = text.strip().upper()
    if key := ECB_KEY.search(upper):
        return (key[2] + key[1],)
    if (fred := FRED_ID.search(upper)) and fred[1] in FRED and fred[2] in FRED:
        return (FRED[fred[2]] + FRED[fred[1]],)
    found = [match["base"] + match["quote"] for match in TWO_CODES.finditer(upper) if _is_pair(match, upper)]
    if not found and (one := AGAINST_DOLLAR.search(upper)) and one[1] in CURRENCIES - {"USD"}:
        found = [one[1] + "USD" if one[2] != "=X" and one[1] in DOLLAR_QUOTED else "USD" + one[1]]
    return tuple(dict.fromkeys(found))


def _is_pair(match: re.Match[str], text: str) -> bool:
    """Two codes, and no word that merely holds them: it begins here, or ends here with nothing between the codes."""
    begins = not text[max(0, match.start() - 1) : match.start()].isalpha()
    ends = not text[match.end("quote") : match.end("quote") + 1].isalpha()
    return (
        (begins or (ends and not match["between"]))
        and {match["base"], match["quote"]} <= PRICED
        and match["base"] != match["quote"]
    )


def find(header: Iterable[str], names: Iterable[str]) -> int | None:
    """Position of the first of `names` that the header has."""
    known = [plain(name) for name in header]
    return next((known.index(name) for name in names if name in known), None)
