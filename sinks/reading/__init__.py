"""Questions that the REST API asks the archive, one file a subject.

All of them name the profile first: it is the tables' key, and what one profile may see of another
is nothing. Values travel as the server's own parameters, never inside a statement.
"""
