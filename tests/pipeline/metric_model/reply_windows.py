"""What became of each reply window."""

from datetime import timedelta
from itertools import pairwise

from tests.pipeline.metric_model.profile import Profile
from tests.pipeline.metric_model.rows import Rows, grouped, seconds


def reply_windows(p: Profile) -> Rows:
    rows = []
    for conversation in p.conversations:
        platform = conversation.split(":")[0]
        window = p.windows[platform]
        turns = [*p.turns(conversation), None]
        for here, following in pairwise(turns):
            if window is None or here is None or here[1]:
                continue
            opened, expires = here[0], here[0] + timedelta(seconds=window)
            if following is not None and following[0] < expires:
                if following[1]:
                    share = seconds(following[0] - opened) / window
                    rows.append((p.name, conversation, platform, opened, expires, following[0],
                                 "replied", share))  # fmt: skip
                continue
            outcome = "closed" if p.now >= expires else "open"
            rows.append((p.name, conversation, platform, opened, expires, None, outcome, None))
    return rows


def reply_windows_daily(p: Profile) -> Rows:
    rows = [(row[3].date(), p.name, row[2], row[6], row[7]) for row in reply_windows(p)]
    return [
        (*key, len(values), sum(v[0] == "replied" for v in values),
         sum((v[1] or 0) > 0.5 for v in values), sum((v[1] or 0) > 0.9 for v in values),
         sum(v[0] == "closed" for v in values), sum(v[0] == "open" for v in values))
        for key, values in grouped(rows, 3).items()
    ]  # fmt: skip
