"""A local stand-in for Ayrshare, Meta and X: their HTTP contracts, with people behind them.

It knows nothing of `streams.providers`: the contracts are stated twice, from the platforms' pages,
so that a misreading on one side shows.
"""
