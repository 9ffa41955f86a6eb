"""requests-ntlm over TLS: ntlm_tls.py ADDRESS DOMAIN\\USER PASSWORD CA. It says which TLS channel its answer is for (RFC 5929)."""

import sys

import requests
import requests_ntlm

address, user, password, authority = sys.argv[1:]
report = address + "/api/odata/v3.2/workLogsOnly?$top=2"


def status(**options):
    session = requests.Session()
    session.auth = requests_ntlm.HttpNtlmAuth(user, password, **options)
    # Given with the request, it counts more than what the environment says.
    return session.get(report, verify=authority).status_code


print(status(send_cbt=True), status(send_cbt=False))
