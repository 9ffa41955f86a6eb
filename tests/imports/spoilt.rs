//! Hostile and damaged files through HTTP: the listed code with its cell, and nothing written.

use serde_json::Value;

use super::{over, problems, upload};
use crate::backend::{Backend, for_each_backend};
use crate::rest::bad_input::written;
use crate::rest::{ADA, server};
use crate::sheets::book::{Book, lie, texts};
use crate::support::server::Server;

const HEADER: &[&str] = &["UserName", "Date", "Duration", "Comment"];
const GOOD: &[&str] = &["tim@example.com", "2024-05-02", "1", "spoilt"];

fn good() -> Book {
    Book::of_rows(&texts(&[HEADER, GOOD]))
}

/// A good row, and one with this XML for its duration.
fn duration(cell: &str) -> Vec<u8> {
    let bad = r#"<row r="3"><c r="A3" t="inlineStr"><is><t>tim@example.com</t></is></c><c r="B3" t="inlineStr"><is><t>2024-05-02</t></is></c>"#;
    let text = r#"<c r="D3" t="inlineStr"><is><t>spoilt</t></is></c></row>"#;
    Book::of_rows(&format!("{}{bad}{cell}{text}", texts(&[HEADER, GOOD]))).zipped()
}

fn import(server: &Server, name: &str, bytes: &[u8]) -> Value {
    over(server, ADA, &upload(server, ADA, &format!("fileName={name}"), bytes))
}

#[test]
fn spoilt_files_are_refused_whole() {
    for_each_backend(|backend| {
        let server = server(backend);
        let before = written(&server);
        let book = good().zipped();
        let bomb = good().with("xl/media/a.bin", vec![0; 20 * 1024 * 1024]).zipped();
        let claims = r#"<sst count="1" uniqueCount="99999999999"><si><t>a</t></si></sst>"#;
        let rows = |row: &str| format!("UserName,Date,Start,Duration,Comment\n{row}\n").into_bytes();
        for (name, bytes, code, cell) in [
            ("bomb.xlsx", bomb, "FileTooLarge", "null"),
            (
                "lie.xlsx",
                lie(book.clone(), "xl/worksheets/sheet1.xml", Some(600_000_000), None),
                "FileTooLarge",
                "null",
            ),
            ("texts.xlsx", good().with("xl/sharedStrings.xml", claims).zipped(), "FileFormat", "null"),
            ("half.xlsx", book[..book.len() / 2].to_vec(), "FileFormat", "null"),
            ("book.csv", book.clone(), "FileFormat", "null"),
            ("book.xls", book.clone(), "FileFormat", "null"),
            ("text.xlsx", rows(""), "FileFormat", "null"),
            ("formula.xlsx", duration(r#"<c r="C3"><f>1+1</f></c>"#), "FormulaWithoutValue", "C3"),
            ("hours.csv", rows("tim@example.com,2024-05-02,24:00,1,spoilt"), "DateUnreadable", "C2"),
            ("leap.csv", rows("tim@example.com,2023-02-29,10:00,1,spoilt"), "DateUnreadable", "B2"),
            ("zero.csv", rows("tim@example.com,2024-05-02,10:00,0,spoilt"), "LengthMustBePositive", "D2"),
            ("year.csv", rows("tim@example.com,2024-05-02,10:00,8760,spoilt"), "MaxLengthExceeded", "D2"),
            ("nobody.csv", rows("nobody@example.com,2024-05-02,10:00,1,spoilt"), "PersonUnknown", "A2"),
        ] {
            let job = import(&server, name, &bytes);
            assert_eq!(job["state"], "failed", "{name}: {job}");
            let found = problems(&server, ADA, &job);
            assert_eq!(found, [(code.to_owned(), cell.to_owned())], "{name}: {job}");
        }
        assert_eq!(written(&server), before);
        // Macros are not run and links not followed: the rows come in all the same.
        let book = good()
            .with("xl/vbaProject.bin", "junk")
            .with("xl/externalLinks/externalLink1.xml", "<externalLink")
            .with("xl/externalLinks/_rels/externalLink1.xml.rels", "http://127.0.0.1:1/a");
        let job = import(&server, "macros.xlsm", &book.zipped());
        assert_eq!((job["state"].as_str(), job["result"]["new"].as_i64()), (Some("succeeded"), Some(1)), "{job}");
    });
}

/// Ten million cells, twice what is read.
#[test]
fn a_sheet_of_ten_million_cells_is_too_large() {
    let server = server(Backend::Sqlite);
    let before = written(&server);
    let line = format!("{}\n", ",".repeat(249));
    let file = format!("{}{}\n{}", HEADER.join(","), ",".repeat(246), line.repeat(40_000));
    let job = import(&server, "cells.csv", file.as_bytes());
    assert_eq!(job["state"], "failed", "{job}");
    assert_eq!(problems(&server, ADA, &job)[0].0, "FileTooLarge", "{job}");
    assert_eq!(written(&server), before);
}
