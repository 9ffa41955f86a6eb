//! Spoilt files, and what is said of each: the code, the cell, words that help. Nothing else comes of them: no error of the
//! server, no row behind the fault.

use timeledger::import::problem::Problem;
use timeledger::import::profile::Profile;
use timeledger::sheets::Limits;
use zip::CompressionMethod;

use super::book::{Book, compound, lie, records, renamed, texts};
use super::{mapped, rows_within};

/// A file and what is wrong with it: `code place`, as in `DateUnreadable B3`, and a part of the sentence.
struct Spoilt {
    name: &'static str,
    bytes: Vec<u8>,
    expected: &'static str,
    says: &'static str,
}

fn spoilt(name: &'static str, bytes: impl Into<Vec<u8>>, expected: &'static str, says: &'static str) -> Spoilt {
    Spoilt { name, bytes: bytes.into(), expected, says }
}

const HEADER: &[&str] = &["UserName", "TimeStamp", "Duration", "ActivityType", "Comment", "WorkItem"];

fn good() -> Book {
    Book::of_rows(&texts(&[HEADER, &["ann", "05/29/2024 09:30", "1:30", "Dev", "talk", "5"]]))
}

/// A header, and a row with this XML.
fn row(cells: &str) -> Vec<u8> {
    let header = texts(&[HEADER]);
    Book::of_rows(&format!(r#"{header}<row r="2">{cells}</row>"#)).zipped()
}

fn text(cell: &str, text: &str) -> String {
    format!(r#"<c r="{cell}" t="inlineStr"><is><t>{text}</t></is></c>"#)
}

/// What is said of each, a line a file: to be read in a row.
fn check(files: Vec<Spoilt>) -> String {
    let limits = small();
    let mut said = String::new();
    for Spoilt { name, bytes, expected, says } in &files {
        let of_file = rows_within(name, bytes, &limits).err();
        let problems: Vec<Problem> = match of_file {
            Some(problem) => vec![problem],
            None => mapped(name, bytes, &Profile::default()).1,
        };
        let [problem] = problems.as_slice() else { panic!("{name} ({says}): {problems:?}") };
        let place = problem.place();
        let found = format!("{}{}{place}", problem.code, if place.is_empty() { "" } else { " " });
        assert_eq!(found, *expected, "{name} ({says}): {problem:?}");
        assert!(problem.reason.contains(says), "{name} ({says}): {problem:?}");
        let suggestion = problem.suggestion.as_deref().unwrap_or_default();
        assert!(suggestion.len() > 5, "{problem:?}");
        said.push_str(&format!("{name}: {found}: {} ({suggestion})\n", problem.reason));
    }
    said
}

/// Bounds that a test reaches without making gigabytes.
fn small() -> Limits {
    Limits { rows: 1_000, cells: 20_000, held_cells: 20_000, ..Limits::default() }
}

#[test]
fn files_of_another_kind() {
    let book = good().zipped();
    let csv = b"UserName,Date,Duration\nann,2024-05-29,1:30\n";
    let word = Book::of_parts(&[("[Content_Types].xml", "<Types/>"), ("word/document.xml", "<x/>")]).zipped();
    let slides = Book::of_parts(&[("ppt/presentation.xml", "<x/>")]).zipped();
    let nested = Book::of_parts(&[]).with("times/may.xlsx", &book).zipped();
    let files = vec![
        spoilt("empty.xlsx", "", "FileFormat", "empty"),
        spoilt("text.xlsx", csv, "FileFormat", "named .xlsx, but it is a text file"),
        spoilt("book.csv", book.clone(), "FileFormat", "named .csv, but it is an Excel workbook"),
        spoilt("book.xls", book.clone(), "FileFormat", "named .xls, but it is an Excel workbook"),
        spoilt("book.docx", book.clone(), "FileFormat", "named .docx"),
        spoilt("sheet.xlsx", Book::ods("").zipped(), "FileFormat", "an OpenDocument spreadsheet"),
        spoilt("old.xlsx", compound("Workbook", b""), "FileFormat", "an Excel 97-2003 workbook"),
        spoilt("a.xlsx", "%PDF-1.7 ...", "FileFormat", "PDF"),
        spoilt("a.xlsx", "\u{89}PNG".replace('\u{89}', "\u{0}").into_bytes(), "FileFormat", "neither"),
        spoilt("a.png", [&b"\x89PNG\r\n"[..], &[0; 20]].concat(), "FileFormat", "PNG"),
        spoilt("a.xls", "<html><table><tr><td>1</td></tr></table></html>", "FileFormat", "HTML"),
        spoilt("a.xls", "\u{feff}<?xml version=\"1.0\"?><Workbook/>", "FileFormat", "XML"),
        spoilt("a.csv", "{\"a\": 1}", "FileFormat", "JSON"),
        spoilt("a.csv.gz", [0x1F, 0x8B, 8, 0, 0, 0], "FileFormat", "gzip"),
        spoilt("a.xlsx", word, "FileFormat", "Word"),
        spoilt("a.xlsx", slides, "FileFormat", "PowerPoint"),
        spoilt("a.zip", nested, "FileFormat", "holds may.xlsx"),
        spoilt("a.zip", Book::of_parts(&[("a.txt", "a")]).zipped(), "FileFormat", "without a spreadsheet"),
        spoilt("a.xlsb", Book::of_parts(&[("xl/workbook.bin", "a")]).zipped(), "FileFormat", "xlsb"),
        spoilt(
            "a.odt",
            Book::ods("").with("mimetype", "application/vnd.oasis.opendocument.text").zipped(),
            "FileFormat",
            "OpenDocument text",
        ),
        spoilt("a.csv", [&b"a,b\n"[..], &[0, 1, 2]].concat(), "FileFormat", "neither"),
    ];
    let said = check(files);
    assert_eq!(said.lines().count(), 21);
    insta::assert_snapshot!(said);
}

#[test]
fn damaged_and_hostile_workbooks() {
    let book = good().zipped();
    let sheet = "xl/worksheets/sheet1.xml";
    let padded = good().with("xl/media/a.bin", vec![0; 20 * 1024 * 1024]).zipped();
    let long = Book::of_rows(&format!("{}{}", texts(&[HEADER]), "<row/>".repeat(2_000_000))).zipped();
    let parts = (0..2_001).fold(good(), |book, n| book.with(&format!("xl/media/{n}"), "x"));
    let shared = |count: &str| {
        let table = format!(r#"<sst count="1" uniqueCount="{count}"><si><t>a</t></si></sst>"#);
        good().with("xl/sharedStrings.xml", table).zipped()
    };
    let two = good().with("xl/media/a.bin", "1").with("xl/media/b.bin", "2").zipped();
    let stored = good().packed(CompressionMethod::Stored);
    let files = vec![
        spoilt("half.xlsx", &book[..book.len() / 2], "FileFormat", "not sent to its end"),
        spoilt("bomb.xlsx", padded, "FileTooLarge", "100 times"),
        spoilt("bomb.xlsx", long, "FileTooLarge", "100 times"),
        spoilt("bomb.xlsx", lie(book.clone(), sheet, Some(600_000_000), None), "FileTooLarge", "512 MB"),
        spoilt("many.xlsx", parts.zipped(), "FileTooLarge", "2000 parts"),
        spoilt("lies.xlsx", lie(book.clone(), sheet, Some(20), None), "FileFormat", "damaged"),
        spoilt("twice.xlsx", renamed(two.clone(), "xl/media/b", "xl/media/a"), "FileFormat", "one name"),
        spoilt("overlap.xlsx", lie(two, "xl/media/b.bin", None, Some(0)), "FileFormat", ""),
        spoilt("texts.xlsx", shared("99999999999"), "FileFormat", "claims 99999999999 and holds 1"),
        spoilt("texts.xlsx", shared("9999999999999999999999"), "FileFormat", "and holds 1"),
        spoilt("texts.xlsx", shared("2"), "FileFormat", "claims 2 and holds 1"),
        spoilt(
            "texts.xlsx",
            lie(shared("1"), "xl/sharedStrings.xml", Some(70_000_000), None),
            "FileTooLarge",
            "texts of the workbook",
        ),
        spoilt("texts.xlsx", row(r#"<c r="A2" t="s"><v>7</v></c>"#), "FileFormat", "shared strings"),
        spoilt("names.xlsx", good().without("xl/workbook.xml").zipped(), "FileFormat", "list of its sheets"),
        spoilt(
            "names.xlsx",
            good().with("xl/workbook.xml", "<workbook/>").zipped(),
            "FileFormat",
            "no sheet that is shown",
        ),
        spoilt("names.xlsx", good().with("xl/workbook.xml", "junk").zipped(), "FileFormat", ""),
        spoilt("gone.xlsx", good().without(sheet).zipped(), "FileFormat", "listed but missing"),
        spoilt("hidden.xlsx", good().with("xl/workbook.xml", HIDDEN).zipped(), "FileFormat", "no sheet that is shown"),
        spoilt(
            "cut.xlsx",
            good().with(sheet, "<worksheet><sheetData><row r=\"1\"><c").zipped(),
            "FileFormat",
            "damaged",
        ),
        spoilt("cut.xlsx", good().with(sheet, "").zipped(), "FileFormat", "damaged"),
        spoilt(
            "order.xlsx",
            row(r#"<c r="B2"><v>1</v></c></row><row r="1"><c r="A1"><v>1</v></c>"#),
            "FileFormat 1",
            "behind row 2",
        ),
        spoilt("twice.xlsx", row(r#"<c r="B2"><v>1</v></c><c r="B2"><v>2</v></c>"#), "FileFormat B2", "twice"),
        spoilt("type.xlsx", row(r#"<c r="A2" t="zz"><v>1</v></c>"#), "FileFormat", "damaged"),
        spoilt("bits.xlsx", flipped(stored), "FileFormat", "damaged"),
        spoilt("far.xlsx", row(r#"<c r="XFD2"><v>1</v></c>"#), "FileTooLarge XFD2", "beyond column IV"),
        spoilt("far.xlsx", row(r#"<c r="ZZZZZ2"><v>1</v></c>"#), "FileTooLarge 2", "beyond column IV"),
        spoilt("cells.xlsx", row(&r#"<c r="A2"/>"#.repeat(20_001)), "FileTooLarge 2", "20000 cells"),
        spoilt("long.xlsx", row(&text("E2", &"x".repeat(32_768))), "FileTooLarge E2", "32767"),
        spoilt("error.xlsx", row(r##"<c r="A2" t="e"><v>#SPILL!</v></c>"##), "FileFormat", "#SPILL!"),
        spoilt("nul.xlsx", row(&text("E2", "a\0b")), "FileFormat E2", "NUL"),
        spoilt("entities.xlsx", entities(), "FileFormat", "damaged"),
        spoilt("lock.xlsx", compound("EncryptedPackage", b"secret"), "FileFormat", "password"),
        spoilt("a.xls", compound("WordDocument", b"text"), "FileFormat", "a Word document"),
    ];
    let said = check(files);
    assert_eq!(said.lines().count(), 33);
    insta::assert_snapshot!(said);
}

const HIDDEN: &str = r#"<workbook xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Times" sheetId="1" state="hidden" r:id="rId1"/></sheets></workbook>"#;

/// Entities that double with each level: none is replaced.
fn entities() -> Vec<u8> {
    let levels: String = (1..30).map(|n| format!(r#"<!ENTITY e{n} "&e{};&e{};">"#, n - 1, n - 1)).collect();
    let cell = text("A1", "&e29;");
    let sheet = format!(
        r#"<!DOCTYPE w [<!ENTITY e0 "laugh">{levels}]><worksheet><sheetData><row r="1">{cell}</row></sheetData></worksheet>"#
    );
    Book::of_sheet(&sheet).zipped()
}

/// A bit of the sheet's content turned over: the check sum of its part is wrong.
fn flipped(mut stored: Vec<u8>) -> Vec<u8> {
    let at = stored.windows(4).position(|bytes| bytes == b"talk").expect("the comment");
    stored[at] ^= 1;
    stored
}

#[test]
fn rows_without_end() {
    let many: Vec<&[&str]> = vec![&["a", "b"]; 1_002];
    let repeated = r#"<table:table table:name="S"><table:table-row table:number-rows-repeated="1000000"><table:table-cell office:value-type="float" office:value="1" table:number-columns-repeated="16000"/></table:table-row></table:table>"#;
    let endless = r#"<table:table table:name="S"><table:table-row>"#;
    let cut = Book::of_parts(&[
        ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
        ("META-INF/manifest.xml", "<manifest:manifest/>"),
        ("content.xml", endless),
    ]);
    let locked = r#"<manifest:manifest><manifest:file-entry><manifest:encryption-data/></manifest:file-entry></manifest:manifest>"#;
    let files = vec![
        spoilt("rows.xlsx", Book::of_rows(&texts(&many)).zipped(), "FileTooLarge 1002", "1000 rows"),
        spoilt("rows.csv", "a,b\n".repeat(1_002), "FileTooLarge 1002", "1000 rows"),
        spoilt("cells.csv", ",".repeat(30_000), "FileTooLarge 1", "20000 cells"),
        spoilt("wide.csv", format!("{}x", ",".repeat(300)), "FileTooLarge KO1", "beyond column IV"),
        spoilt("open.csv", "a,b\n1,\"2\n3,4\n", "FileFormat 2", "no quote closes"),
        spoilt("wide.csv", format!("a,{}", "x".repeat(40_000)), "FileTooLarge B1", "32767"),
        spoilt("row.csv", format!("a,b\n{}", "x,".repeat(900_000)), "FileTooLarge 2", "1048576 bytes"),
        spoilt("nul.csv", format!("{}1,\0\n", "a,b\n".repeat(900)), "FileFormat", "neither"),
        spoilt("half.csv", &"ä,ö\nü,ß\n".as_bytes()[..10], "FileFormat 2", "broken letter"),
        spoilt("wide.csv", b"\xFF\xFEa\0,".to_vec(), "FileFormat", "UTF-16"),
        spoilt("repeats.ods", Book::ods(repeated).zipped(), "FileTooLarge", "20000 cells"),
        spoilt("endless.ods", cut.zipped(), "FileFormat", "cannot be read"),
        spoilt("locked.ods", Book::ods("").with("META-INF/manifest.xml", locked).zipped(), "FileFormat", "password"),
        spoilt("none.ods", Book::ods("").zipped(), "FileFormat", "no sheet"),
        spoilt("junk.xls", compound("Workbook", &records(&[(0x0809, &[1])])), "FileFormat", ""),
        spoilt("mail.xls", compound("__properties", b"mail"), "FileFormat", "old Office format"),
        spoilt("cut.xls", &compound("Workbook", b"x")[..700], "FileFormat", "damaged"),
    ];
    let said = check(files);
    assert_eq!(said.lines().count(), 17);
    insta::assert_snapshot!(said);
}

#[test]
fn headers_and_cells() {
    let csv = |text: &str| text.replace('|', "\n");
    let formula = format!(r#"{}{}<c r="C2"><f>1+1</f></c>"#, text("A2", "ann"), text("B2", "2024-05-29"));
    let broken =
        format!(r##"{}{}<c r="C2" t="e"><f>1/0</f><v>#DIV/0!</v></c>"##, text("A2", "ann"), text("B2", "2024-05-29"));
    let files = vec![
        spoilt("no.csv", csv("this,is|not,a sheet"), "HeaderMissing 1", "no row names"),
        spoilt("no.xlsx", Book::of_rows("").zipped(), "HeaderMissing", "empty"),
        spoilt("no.csv", csv("UserName,TimeStamp,Comment|ann,2024-05-29,x"), "HeaderMissing 1", "no column Duration"),
        spoilt("no.csv", csv("UserName,Duration,Comment|ann,1,x"), "HeaderMissing 1", "no column TimeStamp or Date"),
        spoilt(
            "slip.csv",
            csv("UserName,Date,Duration,Commment|ann,2024-05-29,1,x"),
            "ColumnUnknown D1",
            "\"Commment\"",
        ),
        spoilt("twice.csv", csv("UserName,Date,Duration,duration|ann,2024-05-29,1,2"), "ColumnUnknown D1", "C and D"),
        spoilt("formula.xlsx", row(&formula), "FormulaWithoutValue C2", "no stored value"),
        spoilt("formula.xlsx", row(&broken), "FormulaWithoutValue C2", "#DIV/0!"),
        spoilt("a.csv", csv("UserName,Date,Start,Duration|ann,2024-05-29,24:00,1"), "DateUnreadable C2", "24:00"),
        spoilt("a.csv", csv("UserName,TimeStamp,Duration|ann,05/29/2024 24:00,1"), "DateUnreadable B2", "24:00"),
        spoilt("a.csv", csv("UserName,TimeStamp,Duration|ann,31.12.2024 10:00,1"), "DateUnreadable B2", "no month 31"),
        spoilt("a.csv", csv("UserName,TimeStamp,Duration|ann,2023-02-29,1"), "DateUnreadable B2", "no such day"),
        spoilt("a.csv", csv("UserName,TimeStamp,Duration|ann,yesterday,1"), "DateUnreadable B2", "no date"),
        spoilt("a.csv", csv("UserName,TimeStamp,Duration|ann,,1"), "DateUnreadable B2", "no date"),
        spoilt("a.csv", csv("UserName,Date,Duration|ann,2024-05-29,1:60"), "DurationUnreadable C2", "59"),
        spoilt("a.csv", csv("UserName,Date,Duration|ann,2024-05-29,much"), "DurationUnreadable C2", "no length"),
        spoilt("a.csv", csv("UserName,Date,Duration|ann,2024-05-29,"), "DurationUnreadable C2", "no length"),
        spoilt("a.csv", csv("UserName;Date;Duration|ann;2024-05-29;1.234,5"), "DurationUnreadable C2", "decimal mark"),
        spoilt(
            "a.csv",
            csv("UserName,Date,Duration,WorkItem|ann,2024-05-29,1,task"),
            "WorkItemUnknown D2",
            "no number",
        ),
        spoilt(
            "a.csv",
            csv("UserName,Date,Duration,WorkItem|ann,2024-05-29,1,99999999999"),
            "WorkItemUnknown D2",
            "no number",
        ),
        spoilt(
            "a.csv",
            csv("UserName,Date,Duration,Billable|ann,2024-05-29,1,maybe"),
            "DurationUnreadable D2",
            "no length",
        ),
        spoilt(
            "a.csv",
            csv("UserName,Date,Hours|ann,2024-05-29,1|,2024-05-30,1"),
            "PersonUnknown A3",
            "names no person",
        ),
        spoilt("a.csv", csv("Date,Hours,Billable|2024-05-29,1,1"), "DurationUnreadable C2", "or a yes"),
        spoilt(
            "a.csv",
            csv("Date,Hours,Minutes|2024-05-29,1,30"),
            "DurationUnreadable C2",
            "lengths of the row differ",
        ),
        spoilt("a.csv", csv("TimeStamp,Date,Hours|2024-05-29,2024-05-30,1"), "DateUnreadable B2", "not that of"),
    ];
    let said = check(files);
    assert_eq!(said.lines().count(), 25);
    insta::assert_snapshot!(said);
}

/// What a sheet claims of itself is not asked for anything.
#[test]
fn lies_that_do_no_harm() {
    for dimension in ["A1:XFD1048576", "A1"] {
        let sheet = format!(
            r#"<worksheet><dimension ref="{dimension}"/><sheetData>{}</sheetData></worksheet>"#,
            texts(&[HEADER, &["ann", "2024-05-29", "1"]])
        );
        let (good, bad) = mapped("claims.xlsx", &Book::of_sheet(&sheet).zipped(), &Profile::default());
        assert_eq!((good.len(), bad), (1, vec![]), "{dimension}");
    }
    // Macros are not run, links not followed: they are parts that nobody opens.
    let book = good()
        .with("xl/vbaProject.bin", "junk")
        .with("xl/externalLinks/externalLink1.xml", "<externalLink")
        .with("xl/embeddings/inner.xlsx", good().zipped());
    let (good, bad) = mapped("macros.xlsm", &book.zipped(), &Profile::default());
    assert_eq!((good.len(), bad), (1, vec![]));
}
