"""requests-ntlm: ntlm.py ADDRESS DOMAIN\\USER PASSWORD. Reads a report and posts 1 MiB, by NTLM and by Negotiate."""

import sys

import requests
import requests_ntlm

address, user, password = sys.argv[1:]
report = address + "/api/odata/v3.2/workLogsOnly?$top=2"
enter = address + "/api/rest/workLogs?api-version=3.2"
log = b'{"timeStamp":"2024-05-02T09:30:00","length":60,"comment":"1 MiB"}'
body = log + b" " * (1024 * 1024 - len(log))


def session(password):
    made = requests.Session()
    made.auth = requests_ntlm.HttpNtlmAuth(user, password)
    return made


with session(password) as signed_in:
    answer = signed_in.get(report)
    assert answer.status_code == 200 and len(answer.json()["value"]) == 2, answer.text
    answer = signed_in.post(enter, data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text
    answer = signed_in.get(report)
    assert answer.status_code == 200, answer.text

# A new connection whose first request has the body.
with session(password) as signed_in:
    answer = signed_in.post(enter, data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text

with session(password + "x") as refused:
    answer = refused.get(report)
    assert answer.status_code == 401 and "value" not in answer.json(), answer.text

# SPNEGO, as Windows clients wrap it: pyspnego puts NTLM alone into its list, signs it, and checks our signature.
import base64
import http.client

import spnego

domain, _, name = user.partition("\\")
host = address.removeprefix("http://")
connection = http.client.HTTPConnection(host)
context = spnego.client(f"{domain}\\{name}", password, hostname="timeledger", protocol="negotiate",
                        options=spnego.NegotiateOptions.use_negotiate)
token, status, answer = context.step(), 401, None
for _ in range(4):
    connection.request("GET", "/api/odata/v3.2/workLogsOnly?$top=2",
                       headers={"Authorization": "Negotiate " + base64.b64encode(token).decode()})
    answer = connection.getresponse()
    text = answer.read()
    line = answer.getheader("WWW-Authenticate", "")
    if " " in line and line.startswith("Negotiate "):
        token = context.step(base64.b64decode(line.split(" ")[1]))
    if answer.status == 200:
        break
assert answer.status == 200, (answer.status, line, text)
assert context.complete, "the server's signature is due"
