//! What the rows of a file become: by the contract's columns, by names, by a mapping.

use timeledger::domain::wall;
use timeledger::import::columns::{Field, ImportRow};
use timeledger::import::profile::Profile;

use super::book::{Book, excel_97, texts};
use super::mapped;

/// `person when seconds activity comment item billable`, `-` for what is not there.
fn shown(row: &ImportRow) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let number = |number: Option<i64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
    format!(
        "{} {} {} {} {} {} {}",
        text(&row.person),
        wall::written(row.when.wall),
        row.length_seconds,
        text(&row.activity),
        text(&row.comment),
        number(row.work_item),
        number(row.billable_seconds)
    )
}

#[track_caller]
fn check(name: &str, bytes: impl AsRef<[u8]>, profile: &str, expected: &[&str]) -> Vec<ImportRow> {
    let profile = Profile::from_json(profile).expect("a profile");
    let (good, bad) = mapped(name, bytes.as_ref(), &profile);
    assert_eq!(bad, vec![]);
    assert_eq!(good.iter().map(shown).collect::<Vec<_>>(), expected);
    good
}

#[test]
fn contract_6_7_with_and_without_a_header() {
    let row = "ann@x,05/29/2024 09:30,1.5,Dev,talk,5,0.5";
    let expected = ["ann@x 2024-05-29T09:30:00 5400 Dev talk 5 1800"];
    let header = "UserName,TimeStamp,Duration,ActivityType,Comment,WorkItem,BillableDuration,Organization";
    check("a.csv", format!("{header}\n{row},acme\n"), "{}", &expected);
    check("a.csv", format!("{row}\n"), "{}", &expected);
    check("a.csv", format!("\n\n{row}\n"), "{}", &expected);
    check("a.csv", "UserName,Date,Duration\nann,05/29/2024,\"1,1\"\n", "{}", &["ann 2024-05-29T00:00:00 3960 - - - -"]);
    check(
        "a.csv",
        "UserName,Date,Start,Duration\nann,05.29.2024,9:30 PM,0.25\n",
        "{}",
        &["ann 2024-05-29T21:30:00 900 - - - -"],
    );
}

#[test]
fn headers_below_titles_in_german_and_of_others() {
    let german = "Zeiten im Mai;;\n;;\nBenutzer;Datum;Beginn um;Dauer;Tätigkeit;Kommentar;Arbeitselement\n\
                  ann;2024-05-29;;1,5;Dev;talk;#12\n";
    let rows = check("a.csv", german, "{}", &["ann 2024-05-29T00:00:00 5400 Dev talk 12 -"]);
    assert_eq!((rows[0].row_number, rows[0].places.of(Field::WorkItem)), (4, Some(6)));
    let toggl = "User,Email,Client,Project,Task,Description,Billable,Start date,Start time,End date,End time,Duration,Tags\n\
                 Ann,ann@x,c,p,,talk,Yes,2024-05-29,09:30:00,2024-05-29,11:00:00,01:30:00,\n";
    check("a.csv", toggl, "{}", &["ann@x 2024-05-29T09:30:00 5400 - talk - 5400"]);
    let harvest = "Date,Client,Project,Notes,Hours,Billable?,First Name,Last Name,External Reference URL\n\
                   2024-05-29,c,p,talk,\"20,0\",No,Ann,Lee,https://dev.azure.com/o/p/_workitems/edit/77?x=1\n";
    check("a.csv", harvest, "{}", &["Ann Lee 2024-05-29T00:00:00 72000 - talk 77 0"]);
    let clockify = "\"Project\",\"Description\",\"User\",\"Email\",\"Tags\",\"Billable\",\"Start Date\",\"Start Time\",\"End Time\",\"Duration (h)\",\"Duration (decimal)\"\n\
                    \"p\",\"talk\",\"Ann\",\"ann@x\",\"\",\"Yes\",\"05/29/2024\",\"09:30:00 PM\",\"11:00:00 PM\",\"01:30:00\",\"1.50\"\n";
    check("a.csv", clockify, "{}", &["ann@x 2024-05-29T21:30:00 5400 - talk - 5400"]);
    // A start without a date beside it is a moment.
    let generic = "description,billable,start,end,user_name,user_email,work_item_id,duration\n\
                   talk,no,2024-05-29T09:30:00Z,2024-05-29T10:00:00Z,ann,,5,0:30\n";
    check("a.csv", generic, "{}", &["ann 2024-05-29T09:30:00 1800 - talk 5 0"]);
    // Words of rows are not names of columns.
    check(
        "a.csv",
        "ann,2024-05-29,1,Start,Date\nann,2024-05-30,1,User,Comment\n",
        "{}",
        &["ann 2024-05-29T00:00:00 3600 Start Date - -", "ann 2024-05-30T00:00:00 3600 User Comment - -"],
    );
}

#[test]
fn work_items_and_what_is_billed_in_their_forms() {
    for (item, billable, expected) in [
        ("12", "0:30", "12 1800"),
        ("12.0", "no", "12 0"),
        ("#12", "yes", "12 3600"),
        ("AB#12", "Nein", "12 0"),
        ("https://tfs/tfs/C/p/_workitems/edit/12/", "0", "12 0"),
        ("", "", "- -"),
    ] {
        let text = format!("UserName,Date,Duration,WorkItem,Billable\nann,2024-05-29,1,{item},{billable}\n");
        check("a.csv", text, "{}", &[&format!("ann 2024-05-29T00:00:00 3600 - - {expected}")]);
    }
}

#[test]
fn a_comment_mentions_an_item_where_no_column_names_one() {
    let expected = ["ann 2024-05-29T00:00:00 3600 - AB#12 done 12 -"];
    check("a.csv", "UserName,Date,Duration,Comment\nann,2024-05-29,1,AB#12 done\n", "{}", &expected);
    let with_column = "UserName,Date,Duration,Comment,WorkItem\nann,2024-05-29,1,AB#12 done,\n";
    check("a.csv", with_column, "{}", &["ann 2024-05-29T00:00:00 3600 - AB#12 done - -"]);
    let links = "User,Date,Hours,Notes,External Reference URL\nann,2024-05-29,1,x,https://github.com/o/r/issues/5\n";
    check("a.csv", links, "{}", &["ann 2024-05-29T00:00:00 3600 - x - -"]);
}

#[test]
fn a_mapping_says_what_names_do_not() {
    let text = "Wer,Wann,Wieviel,Datum\nann,03.04.2024 9:30,90,x\n";
    let profile = r#"{"columns": {"Wer": "person", "Wann": "timeStamp", "C": {"field": "duration", "unit": "minutes"},
                      "Datum": "ignore"}, "dateFormat": "dd.MM.yyyy HH:mm"}"#;
    check("a.csv", text, profile, &["ann 2024-04-03T09:30:00 5400 - - - -"]);
    // The contract's order where nobody says another.
    check("a.csv", "UserName,TimeStamp,Duration\nann,03.04.2024,1\n", "{}", &["ann 2024-03-04T00:00:00 3600 - - - -"]);
    let by_letter = r#"{"headerRow": 0, "columns": {"A": "timeStamp", "B": "duration", "C": "person"}}"#;
    check("a.csv", "2024-05-29,2h,ann\n", by_letter, &["ann 2024-05-29T00:00:00 7200 - - - -"]);
    let (good, bad) = mapped(
        "a.csv",
        b"UserName,Date,Wieviel\nann,2024-05-29,1\n",
        &Profile::from_json(r#"{"columns": {"Dauer": "duration"}}"#).unwrap(),
    );
    assert_eq!((good.len(), bad.len(), bad[0].code.as_str()), (0, 1, "ColumnUnknown"));
    assert!(bad[0].suggestion.as_ref().is_some_and(|text| text.contains("Wieviel")), "{bad:?}");
}

#[test]
fn cells_with_formats_of_dates_and_clocks() {
    // Styles: 1 a date, 2 h:mm, 3 [h]:mm:ss.
    let header = texts(&[&["UserName", "Date", "Start", "Duration"]]);
    let rows = r#"<row r="2"><c r="A2" t="str"><v>ann</v></c><c r="B2" s="1"><v>45441</v></c><c r="C2" s="2"><v>0.395833333333333</v></c><c r="D2" s="3"><v>1.0625</v></c></row>
                  <row r="3"><c r="A3" t="str"><v>ann</v></c><c r="B3" s="1"><v>45441.5</v></c><c r="D3" s="2"><v>0.0625</v></c></row>
                  <row r="4"><c r="A4" t="str"><v>ann</v></c><c r="B4" t="d"><v>2024-02-29T08:00:00</v></c><c r="D4"><f>1+0.1</f><v>1.1</v></c></row>"#;
    check(
        "a.xlsx",
        Book::of_rows(&format!("{header}{rows}")).zipped(),
        "{}",
        &[
            "ann 2024-05-29T09:30:00 91800 - - - -",
            "ann 2024-05-29T12:00:00 5400 - - - -",
            "ann 2024-02-29T08:00:00 3960 - - - -",
        ],
    );
    let cell = |kind: &str, text: &str| format!(r#"<table:table-cell office:value-type="{kind}" {text}/>"#);
    let text = |text: &str| {
        format!(r#"<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>"#)
    };
    let head = ["UserName", "Date", "Start", "Duration"].map(text).concat();
    let row = [
        text("ann"),
        cell("date", r#"office:date-value="2024-05-29""#),
        cell("time", r#"office:time-value="PT09H30M00S""#),
        cell("time", r#"office:time-value="PT25H30M00S""#),
    ]
    .concat();
    let no_value = [
        text("ann"),
        cell("date", r#"office:date-value="2024-05-29""#),
        "<table:table-cell/>".to_owned(),
        r#"<table:table-cell table:formula="of:=1+1"/>"#.to_owned(),
    ]
    .concat();
    let table = format!(
        r#"<table:table table:name="S"><table:table-row>{head}</table:table-row><table:table-row>{row}</table:table-row></table:table>"#
    );
    check("a.ods", Book::ods(&table).zipped(), "{}", &["ann 2024-05-29T09:30:00 91800 - - - -"]);
    let table = format!(
        r#"<table:table table:name="S"><table:table-row>{head}</table:table-row><table:table-row>{no_value}</table:table-row></table:table>"#
    );
    let (_, bad) = mapped("a.ods", &Book::ods(&table).zipped(), &Profile::default());
    assert_eq!(bad.iter().map(|problem| problem.code.as_str()).collect::<Vec<_>>(), ["FormulaWithoutValue"]);
}

#[test]
fn a_column_that_no_name_tells_is_guessed_but_not_taken() {
    let text = "Wer,Wann,Wieviel\nann@example.org,2024-05-29,1:30\nbob@example.org,2024-05-30,2:15\n";
    let (good, bad) = mapped("a.csv", text.as_bytes(), &Profile::default());
    assert_eq!((good.len(), bad.len(), bad[0].code.as_str()), (0, 1, "HeaderMissing"));
    let suggestion = bad[0].suggestion.as_deref().expect("a suggestion");
    for part in ["\"Wer\" looks like \"person\"", "\"Wann\" looks like \"date\"", "\"Wieviel\" looks like \"duration\""]
    {
        assert!(suggestion.contains(part), "{suggestion}");
    }
}

#[test]
fn dates_of_the_other_epoch() {
    let header = texts(&[&["UserName", "Date", "Start", "Duration"]]);
    let row = r#"<row r="2"><c r="A2" t="str"><v>ann</v></c><c r="B2" s="1"><v>43979</v></c><c r="C2" s="2"><v>0.375</v></c><c r="D2" s="3"><v>0.0625</v></c></row>"#;
    let epoch = r#"<workbook xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><workbookPr date1904="1"/><sheets><sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>"#;
    let book = Book::of_rows(&format!("{header}{row}")).with("xl/workbook.xml", epoch);
    check("a.xlsx", book.zipped(), "{}", &["ann 2024-05-29T09:00:00 5400 - - - -"]);
}

#[test]
fn workbooks_of_excel_97() {
    let texts = [(0, 0, "UserName"), (0, 1, "Date"), (0, 2, "Duration"), (0, 3, "WorkItem"), (1, 0, "ann")];
    let numbers = [(1, 1, 1, 45_441.375), (1, 2, 2, 1.0625), (1, 3, 0, 12.0)];
    check("a.xls", excel_97(&texts, &numbers), "{}", &["ann 2024-05-29T09:00:00 91800 - - 12 -"]);
}

/// A date whose format got lost may be anything, unless a pattern says what.
#[test]
fn numbers_are_no_dates() {
    let header = texts(&[&["UserName", "Date", "Duration"]]);
    let rows = format!(r#"{header}<row r="2"><c r="B2"><v>20240529</v></c><c r="C2"><v>1</v></c></row>"#);
    let book = Book::of_rows(&rows).zipped();
    let (_, bad) = mapped("a.xlsx", &book, &Profile::default());
    assert!(bad.len() == 1 && bad[0].reason.contains("not formatted as a date"), "{bad:?}");
    check("a.xlsx", &book, r#"{"dateFormat": "yyyyMMdd"}"#, &["- 2024-05-29T00:00:00 3600 - - - -"]);
}

#[test]
fn all_that_is_wrong_with_a_row_is_said_at_once() {
    let text = "UserName,Date,Duration,WorkItem\nann,2024-05-29,1,5\nann,soon,long,none\nbob,2024-05-30,2,6\n";
    let (good, bad) = mapped("a.csv", text.as_bytes(), &Profile::default());
    assert_eq!(good.len(), 2);
    let places: Vec<String> = bad.iter().map(|problem| format!("{} {}", problem.code, problem.place())).collect();
    assert_eq!(places, ["DateUnreadable B3", "DurationUnreadable C3", "WorkItemUnknown D3"]);
    assert_eq!(bad[0].value.as_deref(), Some("soon"));
}
