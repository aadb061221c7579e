"""The baseline of an export: `python -m benchmarks.baseline.reads PROJECT FILE`, paged reads by the official client.

Prints the number of documents, and the seconds that reading them took.
"""

import json
import sys
import time

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

_PAGE = 5000


def main() -> None:
    """Read every entry of a file, page by page in the order of their ids."""
    project, file = sys.argv[1:]
    entries = firestore.Client(project=project).collection("export_feed")
    query = entries.where(filter=FieldFilter("file", "==", file)).order_by("__name__").limit(_PAGE)
    began, used, count = time.perf_counter(), time.process_time(), 0
    page = query.get()
    while page:
        count += len([document.to_dict() for document in page])
        page = query.start_after(page[-1]).get()
    seconds, cpu = time.perf_counter() - began, time.process_time() - used
    print(json.dumps({"count": count, "seconds": seconds, "cpu_seconds": cpu}))


if __name__ == "__main__":
    main()
