#!/bin/sh
# Who spent how long, and a minute of one's own. With a token, or with a Windows account.
set -eu

if [ -n "${TIMELEDGER_TOKEN:-}" ]; then
    sign_in() { curl -fsS -H "Authorization: Bearer $TIMELEDGER_TOKEN" "$@"; }
else
    # --ntlm, not --anyauth: that prefers Negotiate and fails without a Kerberos ticket.
    sign_in() { curl -fsS --ntlm -u "$TIMELEDGER_WINDOWS_USER:$TIMELEDGER_WINDOWS_PASSWORD" "$@"; }
fi

# As CSV there are no pages.
sign_in -G "$TIMELEDGER_URL/api/odata/v4.0/Worklogs" \
    --data-urlencode '$apply=groupby((User/Name),aggregate(PeriodLength with sum as Seconds))' \
    --data-urlencode '$orderby=User/Name' \
    --data-urlencode '$format=csv'

sign_in "$TIMELEDGER_URL/api/rest/workLogs?api-version=3.2" \
    -H 'Content-Type: application/json' \
    -d '{"timeStamp": "2026-03-02T09:00:00", "length": 60, "comment": "a minute, by curl"}' >/dev/null
echo "entered"
