"""Read features of all predictions out of Elasticsearch into a Parquet file: URL INDEX FIELDS.json OUT.parquet."""

import json
import sys
from pathlib import Path

import pandas as pd
from elasticsearch import Elasticsearch, helpers

url, index, fields, out = sys.argv[1:]
names = json.loads(Path(fields).read_text())
columns = {name: [] for name in names}
with Elasticsearch(url, request_timeout=300) as client:
    query = {"query": {"match_all": {}}, "_source": [f"features.{name}" for name in names]}
    for hit in helpers.scan(client, index=index, query=query, size=5_000):
        features = hit["_source"]["features"]
        for name in names:
            columns[name].append(features.get(name))
pd.DataFrame(columns).to_parquet(out)
