"""`python -m streams.cli`: how `up` starts its children, whatever the path holds."""

from streams.cli import main

main()
