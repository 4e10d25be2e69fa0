"""Drift by driftlog from the events in Elasticsearch: URL PREFIX REFERENCE.parquet|stored OUT.json DAYS.

The window is counted by one search (several where it is wide) and judged by the default rule; nothing is taken from a
profile that was stored before. The reference is the model's stored one, or is read from a file and binned first.
"""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from driftlog.contract.names import IndexNames
from driftlog.contract.profile import ProfileKey
from driftlog.contract.settings import ElasticsearchSettings, ModelSettings
from driftlog.contract.window import Window
from driftlog.decide.judge import judge
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.drift.window import drift_measurements
from driftlog.profile.query import bucket_queries, parse_bucket
from driftlog.profile.raw import search_parts
from driftlog.store.client import Store

url, prefix, file, out, days = sys.argv[1:]
start = datetime(2026, 3, 1, tzinfo=UTC)
window = Window(start, start + timedelta(days=int(days)))
settings = ModelSettings(name="bench", window=timedelta(days=1))
connection = ElasticsearchSettings(urls=(url,), timeout_s=300)
with Store.connect(connection, IndexNames(prefix)) as store:
    if file == "stored":
        from driftlog.profile.reference_store import active

        pair = active(store, "bench", "production")
        assert pair is not None
        binning, reference = pair
    else:
        from driftlog.profile.files import read_table
        from driftlog.profile.reference_frame import reference_from_frame

        frame = read_table(Path(file))
        binning, reference = reference_from_frame(frame, settings, origin=file, created=start)
        del frame
    key = ProfileKey("bench", "production", "*", "*", "", binning.id, window)
    ((_, answers),) = search_parts(store, [(key, bucket_queries(binning, key))])
    current = parse_bucket(answers, binning, key)
context = SeriesContext("bench", "production", window)
found = [judge(m, settings) for m in drift_measurements(reference, current, binning, settings, context)]
verdicts = {m.field.removeprefix("features."): m.verdict in ("warning", "critical") for m in found}
assert current.n > 0
Path(out).write_text(json.dumps(verdicts))
