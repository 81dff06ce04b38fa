"""ClickHouse without a server to install: chDB, the engine in a wheel, behind ClickHouse's HTTP.

chDB locks its folder to one process, while the sink, the gateway and the analysts all want in. So
one process owns the engine and answers ClickHouse's own protocol, and nothing else in the tree
knows whether it talks to this or to a cluster.

Read downwards: `__main__` starts it, `http` takes a request apart, `guard` says what analysts may
ask, `engine` runs it.
"""
