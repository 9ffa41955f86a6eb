"""Who spent how long, and a minute of one's own, with a token. pip install requests"""

import os

import requests

url = os.environ["TIMELEDGER_URL"]
session = requests.Session()
# The name is not looked at; the token is the password.
session.auth = ("", os.environ["TIMELEDGER_TOKEN"])


def rows(query):
    """Every row of a query, whatever the pages."""
    page = f"{url}/api/odata/v4.0/{query}"
    while page:
        reply = session.get(page)
        reply.raise_for_status()
        answer = reply.json()
        yield from answer["value"]
        page = answer.get("@odata.nextLink")


seconds = {}
for log in rows("Worklogs?$select=PeriodLength&$expand=User($select=Name)"):
    name = log["User"]["Name"]
    seconds[name] = seconds.get(name, 0) + log["PeriodLength"]
for name, total in sorted(seconds.items()):
    print(f"{name},{total}")

entry = {"timeStamp": "2026-03-02T09:00:00", "length": 60, "comment": "a minute, by Python"}
session.post(f"{url}/api/rest/workLogs", params={"api-version": "3.2"}, json=entry).raise_for_status()
print("entered")
