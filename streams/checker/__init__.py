"""Whether a pipeline kept its promises: eight pure functions over a recorded history.

`check.check(history)` is what tests and operators call; `recorder` makes a history from a broker
and an archive. One file an invariant; what several of them read is in `reading`.
"""
