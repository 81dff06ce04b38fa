"""The same work in the idiom of others, to be compared with. Run by an environment of their own
(bench/requirements-peers.txt): each is a process, told by the same DM_... variables as ours.
"""
