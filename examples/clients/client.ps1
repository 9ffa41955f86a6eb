# Who spent how long, and a minute of one's own. With a token, or as whoever runs it. PowerShell 7.

$url = $env:TIMELEDGER_URL
$how = if ($env:TIMELEDGER_TOKEN) {
    @{ Authentication = 'Bearer'; Token = ConvertTo-SecureString $env:TIMELEDGER_TOKEN -AsPlainText -Force }
} else {
    @{ UseDefaultCredentials = $true }
}

$query = '$apply=groupby((User/Name),aggregate(PeriodLength with sum as Seconds))&$orderby=User/Name'
$page = "$url/api/odata/v4.0/Worklogs?$query"
while ($page) {
    $answer = Invoke-RestMethod $page @how
    $answer.value | ForEach-Object { "$($_.User.Name),$($_.Seconds)" }
    $page = $answer.'@odata.nextLink'
}

$entry = @{ timeStamp = '2026-03-02T09:00:00'; length = 60; comment = 'a minute, by PowerShell' } | ConvertTo-Json
Invoke-RestMethod "$url/api/rest/workLogs?api-version=3.2" @how -Method Post -ContentType 'application/json' -Body $entry | Out-Null
'entered'
