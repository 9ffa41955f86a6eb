"""Scripts with requests: every way to carry the token, blanks as `+`, long queries by POST (contract 2, 3.8; OD-189)."""

import sys

import requests

address, token = sys.argv[1:3]
root = address + "/api/odata/v3.2"


def get(target, **more):
    more.setdefault("auth", ("", token))
    return requests.get(root + target, **more)


# Who asks.
for more in [{"auth": ("", token)}, {"auth": ("someone", token)}, {"auth": None, "headers": {"Authorization": "Bearer " + token}}]:
    assert get("/workLogsOnly/$count", **more).text == "11", more
wrong = token[:-1] + ("a" if token[-1] != "a" else "b")
for more in [{"auth": None}, {"auth": ("", wrong)}, {"auth": None, "headers": {"Authorization": "Bearer " + wrong}}]:
    reply = get("/workLogsOnly", **more)
    assert reply.status_code == 401 and "value" not in reply.json(), more

# `params` writes blanks as `+` and encodes the `$`.
params = {"$filter": "User/Name eq 'Tim Tëam' and Timestamp ge 2024-01-02T00:00:00+00:00", "$select": "PeriodLength", "$orderby": "PeriodLength desc"}
reply = get("/workLogsOnly", params=params)
assert "+eq+" in reply.request.url and "%24filter" in reply.request.url, reply.request.url
assert [row["PeriodLength"] for row in reply.json()["value"]] == [3600, 1800, 900], reply.text

# The same by POST, also with thousands of members.
query = "filter=User/Name eq 'Tim Tëam'&select=PeriodLength&orderby=PeriodLength desc"
reply = requests.post(root + "/workLogsOnly/$query", data=query.encode(), headers={"Content-Type": "text/plain"}, auth=("", token))
assert [row["PeriodLength"] for row in reply.json()["value"]] == [3600, 1800, 900], reply.text
members = ",".join(str(n) for n in range(4, 9000))
reply = requests.post(root + "/workLogsOnly/$query", data=f"filter=WorkItemId in ({members})\n&select=WorkItemId&orderby=WorkItemId", headers={"Content-Type": "text/plain"}, auth=("", token))
assert [row["WorkItemId"] for row in reply.json()["value"]] == [4, 5, 6, 7, 8, 9], reply.text

# Pages, by following links alone.
url, rows = root + "/workLogsOnly?$select=Id&$orderby=Timestamp desc", []
while url:
    page = requests.get(url, auth=("", token), headers={"Prefer": "odata.maxpagesize=4"}).json()
    rows += page["value"]
    url = page.get("@odata.nextLink")
assert len({row["Id"] for row in rows}) == len(rows) == 11, rows

# A client that appends $format=json, and asks for metadata as XML only.
reply = get("/budgets", params={"$format": "json", "$filter": "BudgetName eq 'A&B'"})
assert [row["BudgetName"] for row in reply.json()["value"]] == ["A&B"], reply.text
reply = get("/$metadata", headers={"Accept": "application/xml"})
assert reply.headers["Content-Type"].startswith("application/xml") and "OData-Version" in reply.headers
