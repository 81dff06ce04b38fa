"""The rows of the table: one module for those that are measured together."""

from bench.rows import archive, conversations

GROUPS = (conversations.GROUP, archive.GROUP)
