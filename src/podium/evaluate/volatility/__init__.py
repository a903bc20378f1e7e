"""How far tomorrow may move: one-day-ahead volatility, forecast for every day from what was known the day before.

Six models, one file each, walked once over a series and shared by all contestants of a championship. Five of them make
the forecast that is believed, the mean of the logarithms of their deviations: over the 29 live ECB pairs it is at most
0.3 % worse in CRPS than the best of them in hindsight, which nobody knows beforehand. The sixth, fixed volatility, is
only shown beside them. The mean return is taken as zero: over a day it is a hundredth of the deviation, and
estimating it costs more than it brings.
"""
