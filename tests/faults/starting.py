"""A pipeline to be put under fire: gateway, sandbox, workers, and who watches them."""

import asyncio
import random
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from streams import kafka
from streams.checker.recorder import Recorder
from streams.local import processes
from streams.settings import Settings
from streams.simulator.simulation import APP_ID
from tests.faults.field import Field
from tests.pipeline import sandbox as boxes
from tests.pipeline.running import Running
from tests.pipeline.talk_log import Log


@contextmanager
def under_fire(
    settings: Settings,
    folder: Path,
    *workers: str,
    clickhouse: tuple[str, str] | None,
    seed: int | None = None,
    **more: str,
) -> Iterator[Field]:
    """Gateway, sandbox and `workers` up. `clickhouse` is (address, database), None for no archive;
    `more` are settings (`DM_` is put before)."""
    seed = random.randrange(1_000_000) if seed is None else seed
    print("seed", seed)  # noqa: T201 - a failure is repeated by it
    url, database = clickhouse or ("http://127.0.0.1:9", "none")
    own = settings.model_copy(
        update={
            "clickhouse_url": url,
            "clickhouse_database": database,
            "port": processes.free_port(),
            "meta_app_ids": (APP_ID,),
        }
    )
    asyncio.run(kafka.ensure_topics(own))
    folder.mkdir(parents=True, exist_ok=True)
    options = ["--reply-share", "0.3", "--reaction-share", "0.1", "--delay", "0.05"]
    with ExitStack() as stack:
        box = stack.enter_context(
            boxes.sandbox(folder, "--gateway", f"http://127.0.0.1:{own.port}", *options)
        )
        addresses = {f"DM_{name.upper()}": box.address + path for name, path in boxes.PATHS.items()}
        running = Running(own, folder)
        running.more = {
            **boxes.SECRETS,
            **addresses,
            "DM_SANDBOX": "true",
            # X's own 15 in 15 minutes, shared by two workers, would have sends wait for minutes:
            # tests/pipeline/test_send_limits.py is about that.
            "DM_X_SEND_LIMITS": "6000/60",
            **{f"DM_{name.upper()}": value for name, value in more.items()},
        }
        stack.callback(running.stop)
        for name in ("gateway", *workers):
            running.launch(name)
        for name in ("gateway", *workers):
            running.wait_until_ready(name)
        log = stack.enter_context(Log(own))
        recorder = Recorder(own)
        stack.enter_context(_watching(recorder, archive=clickhouse is not None))
        yield Field(running, box, log, recorder, seed, has_archive=clickhouse is not None)


@contextmanager
def _watching(recorder: Recorder, *, archive: bool) -> Iterator[None]:
    """In a thread of its own, with a loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    task = asyncio.run_coroutine_threadsafe(recorder.watch(archive=archive), loop)
    try:
        yield
    finally:
        task.cancel()
        time.sleep(0.1)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
