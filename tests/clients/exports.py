"""The Times Explorer's file and the time report as Excel reads them: openpyxl, against the rows of OData."""

import datetime
import io
import re
import sys

import openpyxl
import requests

address, token = sys.argv[1:3]
session = requests.Session()
session.auth = ("", token)


def get(target, **options):
    reply = session.get(address + target, params=options)
    assert reply.status_code == 200, f"{target}: {reply.status_code} {reply.text[:500]}"
    return reply


def book(target, **options):
    reply = get(f"/api/v1/exports/{target}", **options)
    name = reply.headers["Content-Disposition"]
    assert re.search(r'"timetracker_\d{4}-\d\d-\d\d-\d{6}\.xlsx"', name), name
    both = [openpyxl.load_workbook(io.BytesIO(reply.content), data_only=values) for values in (False, True)]
    assert [ws.title for ws in both[0].worksheets] == ["Times", "Data", "Query"]
    return both


def lines(ws):
    return [[cell.value for cell in line] for line in ws.iter_rows()]


def seconds(value):
    return round((value or datetime.timedelta()).total_seconds())


rows = get("/api/odata/v4.0/Worklogs?$expand=User,WorkItem&$orderby=User/Name,Date,Timestamp").json()["value"]
assert len(rows) == 11

# Two groups: an outline, and subtotals that are formulas with their values.
formulas, values = book("times", groupBy="User/Name as Person,Date", columns="Comment,PeriodLength as Tracked,Hours")
ws, shown = formulas["Times"], values["Times"]
assert [cell.value for cell in ws[1]] == ["Person", "Date", "Comment", "Tracked", "Hours"]
assert ws.freeze_panes == "A2" and ws.auto_filter.ref == f"A1:E{ws.max_row - 1}"
details, level = [], lambda n: ws.row_dimensions[n].outlineLevel
for n in range(2, ws.max_row):
    if level(n) == 3:
        details.append(n)
        assert ws.cell(n, 4).number_format == "[h]:mm" and ws.cell(n, 5).number_format == "0.00"
        assert ws.cell(n, 2).is_date and ws.cell(n, 2).number_format.replace("\\", "") == "yyyy-mm-dd"
assert [ws.cell(n, 1).value for n in details] == [row["User"]["Name"] for row in rows]
assert [seconds(shown.cell(n, 4).value) for n in details] == [row["PeriodLength"] for row in rows]
assert [ws.cell(n, 3).value for n in details] == [row["Comment"] for row in rows]
for n in range(2, ws.max_row + 1):
    if n in details:
        continue
    first, last = re.fullmatch(r"=SUBTOTAL\(9,D(\d+):D(\d+)\)", ws.cell(n, 4).value).groups()
    inside = [m for m in details if int(first) <= m <= int(last)]
    assert int(last) == n - 1 and inside, (n, first, last)
    assert seconds(shown.cell(n, 4).value) == sum(seconds(shown.cell(m, 4).value) for m in inside)
    label = ws.cell(n, 1).value or ws.cell(n, 2).value
    if level(n) == 0:
        assert label == "Total" and inside == details and n == ws.max_row
    else:
        column = {1: 1, 2: 2}[level(n)]
        of_group = {str(shown.cell(m, column).value)[: len(label) - 6] for m in inside}
        assert of_group == {label.removesuffix(" Total")}, (label, of_group)

# The second sheet is a table of the rows, the third says where they come from.
data = formulas["Data"]
assert data.tables["Table1"].ref == "A1:E12"
assert lines(data)[0] == ["Person", "Date", "Comment", "Tracked", "Hours"] and data.max_row == 12
record = dict(lines(formulas["Query"]))
assert record["User"] == "ada@example.com" and record["Rows"] == "11" and record["Grouped by"] == "Person, Date", record
assert record["Time zone"] == "UTC" and record["Query"] == "Worklogs"

# Filtered, searched and sorted as any query.
formulas, _ = book("times", **{"$filter": "PeriodLength gt 1000", "$orderby": "PeriodLength desc", "columns": "PeriodLength,WorkItem/Custom_Team"})
lengths = [seconds(line[0]) for line in lines(formulas["Data"])[1:]]
assert lengths == sorted((row["PeriodLength"] for row in rows if row["PeriodLength"] > 1000), reverse=True), lengths
assert [line[1] for line in lines(formulas["Data"])[1:]].count("Red") == 1
assert dict(lines(formulas["Query"]))["Query"] == "Worklogs?$filter=PeriodLength gt 1000&$orderby=PeriodLength desc"
formulas, _ = book("times", **{"$filter": "false"})
assert formulas["Data"].tables["Table1"].ref.startswith("A1:") and formulas["Times"].max_row == 2

# What is no formula stays a text.
formulas, _ = book("times", **{"$filter": "startswith(Comment,'=')", "columns": "Comment"})
assert formulas["Data"]["A2"].data_type == "s" and formulas["Data"]["A2"].value == "=1+1"

# The time report, with each of its options.
span = {"from": "2024-01-01", "to": "2030-12-31"}
formulas, values = book("time-report", **span)
header = lines(values["Data"])[0]
assert {"Start", "End", "Tracked", "Parent Work Item Story Point"} <= set(header)
assert not {"Record Date", "Top Work Item Story Point", "Is Billable", "Billable Period Length"} & set(header)
report = [dict(zip(header, line)) for line in lines(values["Data"])[1:]]
assert sum(seconds(row["Tracked"]) for row in report) == sum(row["PeriodLength"] for row in rows)
for row in report:
    assert row["End"] - row["Start"] == row["Tracked"], row
of_parent = {row["Work Item Id"]: row["Parent Work Item Story Point"] for row in report}
assert of_parent[4] == 3 and of_parent[5] is None

formulas, values = book("time-report", **span, sumStoryPointsToTopParent="true", billable="true")
header = lines(values["Data"])[0]
assert header.index("Top Work Item Story Point") == header.index("Parent Work Item Story Point") + 1
report = [dict(zip(header, line)) for line in lines(values["Data"])[1:]]
tops = {row["Work Item Id"]: row["Top Work Item Story Point"] for row in report}
assert tops[5] == tops[1] == tops[7] == 3 and tops[6] is None and tops[None] is None, tops
for row in report:
    assert row["Is Billable"] in (True, False)
    assert row["Is Billable"] or seconds(row["Billable Period Length"]) == 0, row
billed = sum(seconds(row["Billable Period Length"]) for row in report)
assert billed == sum(row["BillablePeriodLength"] or 0 for row in rows if row["IsBillable"])

formulas, values = book("time-report", **span, groupPerDayAndItem="true", billable="true")
header = lines(values["Data"])[0]
assert header[0] == "Record Date" and not {"Start", "End", "User"} & set(header), header
report = [dict(zip(header, line)) for line in lines(values["Data"])[1:]]
sums = {}
for row in rows:
    key = (row["Date"], row["WorkItemId"])
    sums[key] = sums.get(key, 0) + row["PeriodLength"]
assert {(str(row["Record Date"].date()), row["Work Item Id"]): seconds(row["Tracked"]) for row in report} == sums
assert sum(seconds(row["Billable Period Length"]) for row in report) == billed

formulas, values = book("time-report", **span, projects="Beta, O'Hara")
assert {line[0] for line in lines(values["Data"])[1:]} == {"Beta"}
formulas, values = book("time-report", **{"from": "2024-02-29", "to": "2024-02-29"})
assert len(lines(values["Data"])) == 3
