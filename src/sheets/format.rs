//! What a file is, by its first bytes and, for a zip, by its directory.
//!
//! In: a file and the name that it was sent under. Out: one of four formats, or a problem that says what the file is
//! instead. A name that says otherwise is a problem too: whoever renamed a file should know.

use std::io::{Read, Seek, SeekFrom};

use serde::{Deserialize, Serialize};

use super::archive::{self, Archive};
use super::limits::megabytes;
use super::{FileProblem, Limits, Request, compound, unreadable};

/// A format that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Xlsx,
    Xls,
    Ods,
    Csv,
}

impl Format {
    /// What it is called in a sentence.
    pub const fn described(self) -> &'static str {
        match self {
            Format::Xlsx => "an Excel workbook (.xlsx)",
            Format::Xls => "an Excel 97-2003 workbook (.xls)",
            Format::Ods => "an OpenDocument spreadsheet (.ods)",
            Format::Csv => "a text file (.csv)",
        }
    }

    pub const fn extension(self) -> &'static str {
        match self {
            Format::Xlsx => "xlsx",
            Format::Xls => "xls",
            Format::Ods => "ods",
            Format::Csv => "csv",
        }
    }

    /// Extensions under which a file of this format may come. A workbook with macros is a workbook: they are not run.
    const fn extensions(self) -> &'static [&'static str] {
        match self {
            Format::Xlsx => &["xlsx", "xlsm", "xltx", "xltm"],
            Format::Xls => &["xls", "xlt"],
            Format::Ods => &["ods", "ots"],
            Format::Csv => &["csv", "txt", "tsv"],
        }
    }
}

const ZIP: &[u8] = b"PK\x03\x04";
const EMPTY_ZIP: &[u8] = b"PK\x05\x06";
const COMPOUND: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";

/// What to do with a file of another kind.
#[derive(Clone, Copy)]
pub(super) enum Instead {
    /// A spreadsheet program opens it.
    SaveAs,
    Unpack,
    SendAnother,
}

/// Beginnings of files that people take for spreadsheets, or send by mistake.
const OTHERS: &[(&[u8], &str, Instead)] = &[
    (b"%PDF", "a PDF document", Instead::SendAnother),
    (b"{\\rtf", "a rich text document", Instead::SendAnother),
    (b"\x89PNG", "a picture (PNG)", Instead::SendAnother),
    (b"\xFF\xD8\xFF", "a picture (JPEG)", Instead::SendAnother),
    (b"GIF8", "a picture (GIF)", Instead::SendAnother),
    (b"\x1F\x8B", "a gzip archive", Instead::Unpack),
    (b"7z\xBC\xAF\x27\x1C", "a 7-Zip archive", Instead::Unpack),
    (b"Rar!", "a RAR archive", Instead::Unpack),
    (b"\x7FELF", "a program", Instead::SendAnother),
    (b"SQLite format 3\0", "an SQLite database", Instead::SendAnother),
    (b"{", "a JSON file", Instead::SendAnother),
    (b"PAR1", "a Parquet file", Instead::SendAnother),
];

/// Detects the format, and checks the size that is allowed for it.
pub(super) fn detect<R: Read + Seek>(file: &mut R, request: &Request) -> Result<Format, FileProblem> {
    let size = file.seek(SeekFrom::End(0)).map_err(unreadable)?;
    if size == 0 {
        return Err(FileProblem::format("the file is empty", "save the workbook and send it again"));
    }
    let limits = &request.limits;
    fits(size, limits.file_bytes, "", "split it")?;
    let head = head(file)?;
    let format = of(file, &head, limits)?;
    named_so(request.file_name.as_deref(), format)?;
    if matches!(format, Format::Xls | Format::Ods) {
        let suggestion = "save it as .xlsx or .csv, which are read row by row";
        fits(size, limits.held_file_bytes, &format!(", as {} may not", format.described()), suggestion)?;
    }
    Ok(format)
}

fn fits(size: u64, most: u64, what: &str, suggestion: &str) -> Result<(), FileProblem> {
    if size <= most {
        return Ok(());
    }
    let reason = format!("the file has more than {}{what}", megabytes(most));
    Err(FileProblem::too_large(reason, suggestion))
}

fn head<R: Read + Seek>(file: &mut R) -> Result<Vec<u8>, FileProblem> {
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let mut head = Vec::new();
    file.by_ref().take(4096).read_to_end(&mut head).map_err(unreadable)?;
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    Ok(head)
}

fn of<R: Read + Seek>(file: &mut R, head: &[u8], limits: &Limits) -> Result<Format, FileProblem> {
    if head.starts_with(ZIP) || head.starts_with(EMPTY_ZIP) {
        return archive::check(file, limits).map(|archive| match archive {
            Archive::Xlsx => Format::Xlsx,
            Archive::Ods => Format::Ods,
        });
    }
    if head.starts_with(COMPOUND) {
        compound::check(file, head)?;
        return Ok(Format::Xls);
    }
    if let Some((_, what, instead)) = OTHERS.iter().find(|(start, ..)| head.starts_with(start)) {
        return Err(no_spreadsheet(what, *instead));
    }
    let text = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
    let begins = |word: &[u8]| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    if begins(b"<!doctype html") || begins(b"<html") || begins(b"<table") || begins(b"<meta") {
        return Err(no_spreadsheet("a web page (HTML), whatever its name", Instead::SaveAs));
    }
    if begins(b"<?xml") || begins(b"<workbook") {
        return Err(no_spreadsheet("an XML file", Instead::SaveAs));
    }
    let wide = head.starts_with(b"\xFF\xFE") || head.starts_with(b"\xFE\xFF");
    if !wide && head.contains(&0) {
        let suggestion = "save it as .xlsx, or as .csv in UTF-8";
        return Err(FileProblem::format("the file is neither a spreadsheet nor text", suggestion));
    }
    Ok(Format::Csv)
}

/// A file of another kind.
pub(super) fn no_spreadsheet(what: &str, instead: Instead) -> FileProblem {
    let suggestion = match instead {
        Instead::SaveAs => "open it in a spreadsheet program and save it as .xlsx, .ods or .csv",
        Instead::Unpack => "unpack it and send what is in it",
        Instead::SendAnother => "send a spreadsheet: .xlsx, .xls, .ods or .csv",
    };
    FileProblem::format(format!("the file is {what}"), suggestion)
}

fn named_so(name: Option<&str>, format: Format) -> Result<(), FileProblem> {
    let extension = name.and_then(|name| name.rsplit_once('.')).map(|(_, extension)| extension.to_ascii_lowercase());
    match extension {
        Some(extension) if !format.extensions().contains(&extension.as_str()) => {
            let shown: String = extension.chars().filter(|c| c.is_alphanumeric()).take(12).collect();
            let reason = format!("the file is named .{shown}, but it is {}", format.described());
            Err(FileProblem::format(reason, format!("name it .{}", format.extension())))
        }
        _ => Ok(()),
    }
}
