"""Webhooks over HTTP onto Kafka: verified, kept byte for byte, then acknowledged.

The way of a webhook, file by file: `server` (sockets, limits, stopping), `app` (which path goes
where), `webhooks` (one delivery), `signatures`, `publisher` and `batches` (onto the topic).
"""
