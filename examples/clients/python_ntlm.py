"""Who spent how long, and a minute of one's own, with a Windows account. pip install requests requests-ntlm"""

import os

import requests
from requests_ntlm import HttpNtlmAuth

url = os.environ["TIMELEDGER_URL"]
# One session is one connection, which is signed in once.
session = requests.Session()
session.auth = HttpNtlmAuth(os.environ["TIMELEDGER_WINDOWS_USER"], os.environ["TIMELEDGER_WINDOWS_PASSWORD"])

query = {
    "$apply": "groupby((User/Name),aggregate(PeriodLength with sum as Seconds))",
    "$orderby": "User/Name",
}
reply = session.get(f"{url}/api/odata/v4.0/Worklogs", params=query)
reply.raise_for_status()
for row in reply.json()["value"]:
    print(f"{row['User']['Name']},{row['Seconds']}")

entry = {"timeStamp": "2026-03-02T09:00:00", "length": 60, "comment": "a minute, by Python"}
session.post(f"{url}/api/rest/workLogs", params={"api-version": "3.2"}, json=entry).raise_for_status()
print("entered")
