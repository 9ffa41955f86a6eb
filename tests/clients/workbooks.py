"""Files as Excel reads them: openpyxl over `$format=xlsx`, against JSON and against the sum of the database."""

import datetime
import io
import sys

import openpyxl
import requests

address, token = sys.argv[1:3]
session = requests.Session()
session.auth = ("", token)


def get(target):
    reply = session.get(address + target)
    assert reply.status_code == 200, f"{target}: {reply.status_code} {reply.text[:500]}"
    return reply


def sheet(target):
    reply = get(target)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    assert reply.headers["Content-Type"] == kind, reply.headers
    assert ".xlsx" in reply.headers["Content-Disposition"], reply.headers
    return openpyxl.load_workbook(io.BytesIO(reply.content)).worksheets[0]


def table(ws):
    lines = [[cell.value for cell in line] for line in ws.iter_rows()]
    return lines[0], [dict(zip(lines[0], line)) for line in lines[1:]]


for root, name in [("/api/odata/v3.3", "workLogsOnly"), ("/api/odata/v4.0", "Worklogs"), ("/api/odata/v4.0", "WorklogsFlat")]:
    feed = f"{root}/{name}"
    rows = get(f"{feed}?$orderby=Id").json()["value"]
    ws = sheet(f"{feed}?$orderby=Id&$format=xlsx")
    header, lines = table(ws)
    parts = {key: value for row in rows for key, value in row.items() if isinstance(value, dict)}
    columns = [name for key in rows[0] for name in ([f"{key}_{part}" for part in parts[key]] if key in parts else [key])]
    # Nobody has edited another's log, so JSON doesn't tell the parts of the editor.
    assert [name for name in header if not name.startswith("EditedByUser_")] == [name for name in columns if name != "EditedByUser"], header
    assert ws.freeze_panes == "A2", ws.freeze_panes
    assert len(lines) == len(rows) == 11, (len(lines), len(rows))
    total = sum(line["PeriodLength"] for line in lines)
    assert total == sum(row["PeriodLength"] for row in rows)
    summed = get(f"{feed}?$apply=aggregate(PeriodLength with sum as Total)").json()["value"][0]["Total"]
    assert total == summed == 2147505727, (total, summed)
    for row, line in zip(rows, lines):
        assert line["Id"] == row["Id"]
        assert line["Comment"] == (row["Comment"] or None), (line, row)
        moment = datetime.datetime.fromisoformat(row["Timestamp"].rstrip("Z"))
        assert line["Timestamp"] == moment, (line["Timestamp"], moment)
        assert line["IsBillable"] is row["IsBillable"]
    first = {cell.value: ws.cell(2, cell.column) for cell in ws[1]}
    assert first["PeriodLength"].number_format == "0", first["PeriodLength"].number_format
    assert first["Timestamp"].is_date
    if "Hours" in first:
        assert first["Hours"].number_format == "0.00"
        assert abs(sum(line["Hours"] for line in lines) - 596529.368611) < 1e-6
    formula = next(ws.cell(n, first["Comment"].column) for n in range(2, 13) if ws.cell(n, first["Comment"].column).value == "=1+1")
    assert formula.data_type == "s", formula.data_type

# By the Accept header, over all pages, and aggregated.
kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
reply = session.get(f"{address}/api/odata/v4.0/Worklogs?$select=Id", headers={"Accept": kind, "Prefer": "maxpagesize=2"})
assert openpyxl.load_workbook(io.BytesIO(reply.content)).worksheets[0].max_row == 12
header, lines = table(sheet("/api/odata/v4.0/Worklogs?$apply=groupby((User/Name),aggregate(PeriodLength with sum as T))&$orderby=User/Name&$format=xlsx"))
assert header == ["User_Name", "T"] and [line["T"] for line in lines] == [300, 2700, 2147489167, 7260, 6300], lines
