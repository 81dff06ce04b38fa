"""Every question of the pages, as SQL over the views: what an analyst could type as well.

Parameters are the same everywhere: `profile` and `platform` (empty: all), `days` (up to now),
`conversation`. Axes of time are complete: empty days are there, as 0 or as null.
"""

from collections.abc import Mapping

from streams.dashboard.questions.charts import CHARTS
from streams.dashboard.questions.drill_downs import DRILL_DOWNS
from streams.dashboard.questions.question import MOST, Question, parameters

ALL = (*CHARTS, *DRILL_DOWNS)
BY_NAME: Mapping[str, Question] = {question.name: question for question in ALL}

DEFINITIONS = """
SELECT name, definition, unit, timestamp_used, leaves_out, view FROM metric_definitions ORDER BY name
"""

__all__ = ["ALL", "BY_NAME", "DEFINITIONS", "MOST", "Question", "parameters"]
