"""The pages for analysts: a process of its own that asks ClickHouse over its read-only address.

It holds no state and knows no Kafka. Every number on a page is a question in `questions`, asked of
the views in `dm_analytics`, and explains itself from `metric_definitions`.
"""
