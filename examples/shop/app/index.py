"""Makes the search index from the supplier's catalogue."""

import csv
import json
import sys

with open(sys.argv[1], newline="", encoding="utf-8") as file:
    names = {row["name"]: row["sku"] for row in csv.DictReader(file)}
with open("/app/index.json", "w", encoding="utf-8") as file:
    json.dump(names, file)
