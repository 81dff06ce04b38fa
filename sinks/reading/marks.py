"""How far the archive has come in one partition of the log."""

from sinks.reading.asking import Asking


async def archived_up_to(asking: Asking, log: str, topic: str, partition: int) -> int:
    """The offset after the last record of it in the archive; 0 before the first.

    A record that is in `event_log` is in `events`: that is the order of writing.
    """
    rows = await asking.rows(
        "SELECT if(count() = 0, 0, max(_offset) + 1) AS up_to FROM $db.event_log"
        " WHERE _log = {log:String} AND _topic = {topic:String} AND _partition = {number:UInt32}",
        log=log,
        topic=topic,
        number=partition,
    )
    return int(rows[0]["up_to"])
