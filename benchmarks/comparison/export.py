"""The comparison's export: `python -m benchmarks.comparison.export COUNT` stores a day, then times its export.

Documents hold nested maps. `stream()` into a list, a model for each document, one file, one upload. The service's own
writer renders the file, so the comparison measures only how a day is read and kept in memory.
"""

import json
import os
import sys
import time
import uuid
from datetime import UTC, datetime

from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore, storage
from google.cloud.firestore_v1.base_query import FieldFilter

from benchmarks.export_day import feed_entry
from shared.domain.feed import FeedEntry
from shared.domain.supply_points import supply_point_of
from shared.export import d0225
from shared.export.envelope import Envelope
from shared.export.render import _details

FILE = "EELC|2026-11-23"


def export(client: firestore.Client, bucket: storage.Bucket) -> int:
    """Write the day's file. Returns the number of its supply points."""
    query = client.collection("comparison_feed").where(filter=FieldFilter("file", "==", FILE))
    entries = [FeedEntry.model_validate(document.to_dict()["entry"], strict=False) for document in query.stream()]
    writer = d0225.Writer(Envelope("261123EA11", "SUPP", "EELC", datetime.now(UTC), "TR01"))
    for entry in sorted(entries, key=lambda one: one.supply_point):
        if entry.state:
            writer.add(_details(supply_point_of(entry.supply_point), entry.state))
    bucket.blob(f"comparison/{uuid.uuid4()}.txt").upload_from_string(writer.file())
    return len(entries)


def main() -> None:
    """Store a day, export it, and print the time it took."""
    count = int(sys.argv[1])
    project = f"comparison-{uuid.uuid4().hex[:8]}"
    client = firestore.Client(project=project)
    sample = feed_entry(1).model_dump(mode="json")
    for start in range(0, count, 500):
        batch = client.batch()
        for number in range(start, min(start + 500, count)):
            entry = {**sample, "supply_point": f"mpan:10{number:011}"}
            batch.set(client.collection("comparison_feed").document(str(uuid.uuid4())), {"file": FILE, "entry": entry})
        batch.commit()
    bucket = storage.Client(project=project, credentials=AnonymousCredentials()).bucket(os.environ["PSR_EXPORT_BUCKET"])
    began, cpu = time.perf_counter(), time.process_time()
    if export(client, bucket) != count:
        raise RuntimeError("the export is not complete")
    print(json.dumps({"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - cpu}))


if __name__ == "__main__":
    main()
