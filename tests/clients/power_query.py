"""What Power Query sends when Excel or Power BI opens the feed, in its order (OD-180, OD-181, contract 3.11)."""

import http.client
import json
import sys
import time
import xml.etree.ElementTree as ET
from base64 import b64encode
from gzip import decompress
from urllib.parse import quote, urlsplit

address, token = sys.argv[1:3]
ROOT = "/api/odata/v3.2"
LOGS = 2500
HEADERS = {
    "User-Agent": "Microsoft.Data.Mashup (https://go.microsoft.com/fwlink/?LinkID=304225)",
    "MaxDataServiceVersion": "3.0",
    "OData-MaxVersion": "4.0",
    "Accept-Encoding": "gzip, deflate",
    "Accept": "application/json;odata.metadata=minimal;q=1.0,application/json;odata=minimalmetadata;q=0.9,"
    "application/atomsvc+xml;q=0.8,application/atom+xml;q=0.8,application/xml;q=0.7,text/plain;q=0.7",
}
connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)


def get(target, status=200, credentials=True):
    """One request on the connection, which must stay open."""
    headers = dict(HEADERS)
    if credentials:
        headers["Authorization"] = "Basic " + b64encode(b":" + token.encode()).decode()
    connection.request("GET", target, headers=headers)
    socket = connection.sock
    reply = connection.getresponse()
    body = reply.read()
    assert connection.sock is socket, f"{target}: the connection was closed"
    if reply.getheader("Content-Encoding") == "gzip":
        body = decompress(body)
    assert reply.status == status, f"{target}: {reply.status} {body[:500]}"
    versions = [value for name, value in reply.getheaders() if name.lower() == "odata-version"]
    assert versions == ["4.0"], f"{target}: {versions}"
    return reply, body


def rows(target):
    """Rows of all pages, and the number of pages."""
    found, pages = [], 0
    while target:
        reply, body = get(target)
        kind = reply.getheader("Content-Type").replace(" ", "")
        assert kind.startswith("application/json;odata.metadata=minimal"), kind
        page = json.loads(body)
        found += page["value"]
        pages += 1
        link = page.get("@odata.nextLink")
        if link:
            parts = urlsplit(link)
            assert f"{parts.scheme}://{parts.netloc}" == address, link
        target = link and link[len(address):]
    return found, pages


def folded(name, **options):
    """A query as it folds one: every mark percent-encoded."""
    return f"{ROOT}/{name}?" + "&".join(f"%24{key}={quote(str(value), safe='')}" for key, value in options.items())


# The credential probe: a 401 with a challenge of each kind, on a line of its own, and no page to sign in.
reply, body = get(ROOT + "/", status=401, credentials=False)
challenges = [value for name, value in reply.getheaders() if name.lower() == "www-authenticate"]
assert challenges[0].startswith("Bearer") and challenges[1].startswith("Basic"), challenges
assert json.loads(body)["error"]["code"], body

# The service document, then the model.
_, body = get(ROOT + "/")
sets = json.loads(body)["value"]
assert [entry["name"] for entry in sets][:2] == ["workLogsOnly", "workLogsWorkItems"], sets
assert all(entry["kind"] == "EntitySet" for entry in sets), sets
reply, body = get(ROOT + "/$metadata")
assert reply.getheader("Content-Type").startswith("application/xml"), reply.getheader("Content-Type")
model = ET.fromstring(body)
edm = "{http://docs.oasis-open.org/odata/ns/edm}"
declared = [entry.get("Name") for entry in model.iter(edm + "EntitySet")]
assert set(declared) >= {entry["name"] for entry in sets}, declared
keys = {entry.get("Name"): entry.find(f"{edm}Key/{edm}PropertyRef") for entry in model.iter(edm + "EntityType")}
assert all(key is not None for key in keys.values()), keys

# Every set answers as it is listed.
for entry in sets:
    get(f"{ROOT}/{entry['url']}?%24top=1")

# A preview, then everything: each row once, in pages of the contract.
preview, pages = rows(folded("workLogsOnly", top=200))
assert (len(preview), pages) == (200, 1)
logs, pages = rows(f"{ROOT}/workLogsOnly")
assert (len(logs), pages) == (LOGS, 3), (len(logs), pages)
assert len({log["Id"] for log in logs}) == LOGS
total = sum(log["PeriodLength"] for log in logs)
assert total == LOGS * (LOGS + 1) // 2, total
_, body = get(f"{ROOT}/workLogsOnly/$count")
assert body == str(LOGS).encode(), body

# Folded queries.
few, _ = rows(folded("workLogsOnly", filter="PeriodLength gt 2000 and WorkItemId ne null", select="Id,PeriodLength", orderby="PeriodLength desc", top=1200))
wanted = sorted((log["PeriodLength"] for log in logs if log["PeriodLength"] > 2000 and log["WorkItemId"]), reverse=True)
assert [row["PeriodLength"] for row in few] == wanted[:1200]
assert set(few[0]) == {"Id", "PeriodLength"}, few[0]
some, _ = rows(folded("workLogsOnly", filter="EditedTimestamp ge 2024-06-01T00:00:00Z and EditedTimestamp lt 2024-06-02T00:00:00Z", orderby="PeriodLength", skip=2490, select="PeriodLength"))
assert [row["PeriodLength"] for row in some] == list(range(2491, 2501)), some
both, _ = rows(folded("workLogsWorkItems", filter="PeriodLength le 3", orderby="PeriodLength", select="PeriodLength,Root", expand="Root($select=System_Id)"))
assert [row["Root"] and row["Root"]["System_Id"] for row in both] == [2, 3, 4], both
sums, _ = rows(folded("workLogsOnly", apply="groupby((User/Name),aggregate(PeriodLength with sum as PeriodLength))"))
assert [(row["User"]["Name"], row["PeriodLength"]) for row in sums] == [("Ada", total)], sums

# It asks for less when a query is refused: the refusal is quick and says what is wrong.
for bad, status in [(folded("workLogsOnly", filter="substringof('x',Comment)"), 400), (folded("workLogsOnly", apply="topcount(1,PeriodLength)"), 501)]:
    began = time.monotonic()
    _, body = get(bad, status=status)
    assert time.monotonic() - began < 1, bad
    assert json.loads(body)["error"]["message"], body

# Record columns that are not expanded are asked for row by row, on the same connection.
began = time.monotonic()
for item in range(6, 21):
    _, body = get(f"{ROOT}/workItems({item})/Parent")
    assert json.loads(body)["System_Id"] == item % 5 + 1, body
get(f"{ROOT}/workItems(1)/Parent", status=204)
assert time.monotonic() - began < 5
