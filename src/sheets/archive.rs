//! The directory of a zip, before anything of it is unpacked; then the parts that a reader holds whole, counted.
//!
//! In: a file that begins as a zip. Out: which spreadsheet it is, or a problem: an archive of other things, a bomb, a
//! damaged download. What the directory says is checked here (number, sizes, ratio, overlaps); that parts keep to it is
//! enforced by the zip reader, which stops at the size that the directory names. Shared texts and the one part of an
//! `.ods` are walked through once, for calamine reserves what they claim and repeats what they ask for.

use std::io::{self, BufReader, Read, Seek};

use quick_xml::events::{BytesStart, Event};
use zip::ZipArchive;
use zip::result::ZipError;

use super::format::{Instead, no_spreadsheet};
use super::limits::megabytes;
use super::{FileProblem, Limits};

/// A zip that is read.
pub(super) enum Archive {
    Xlsx,
    Ods,
}

const WORKBOOK: &str = "xl/workbook.xml";
const SHEETS: &str = "xl/worksheets/";
const CONTENT: &str = "content.xml";

/// Checks the archive; nothing of it has been unpacked before that.
pub(super) fn check<R: Read + Seek>(file: &mut R, limits: &Limits) -> Result<Archive, FileProblem> {
    let mut zip = ZipArchive::new(BufReader::new(file)).map_err(damaged)?;
    let parts = directory(&mut zip, limits)?;
    let kind = kind(&mut zip, &parts)?;
    match kind {
        Archive::Xlsx => {
            held_parts(&parts, limits)?;
            sizes(&parts, limits, limits.unpacked_bytes)?;
            shared_texts(&mut zip, &parts)?;
            intact(&mut zip, &parts)?;
        }
        Archive::Ods => {
            sizes(&parts, limits, limits.held_unpacked_bytes)?;
            repeats(&mut zip, limits)?;
        }
    }
    Ok(kind)
}

/// A part as the directory lists it.
struct Part {
    /// Small letters and slashes.
    name: String,
    packed: u64,
    size: u64,
    encrypted: bool,
}

impl Part {
    fn is_xml(&self) -> bool {
        self.name.ends_with(".xml") || self.name.ends_with(".rels")
    }

    fn is_shared_texts(&self) -> bool {
        self.name.ends_with("sharedstrings.xml")
    }
}

/// A zip that cannot be opened: cut off, or never one.
fn damaged(error: ZipError) -> FileProblem {
    let reason = match error {
        ZipError::UnsupportedArchive(what) if what.contains("assword") => return locked(),
        ZipError::Io(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
            format!("the workbook is damaged ({error})")
        }
        _ => "the workbook is damaged, or was not sent to its end".to_owned(),
    };
    FileProblem::format(reason, "open it in a spreadsheet program, save it and send it again")
}

pub(super) fn locked() -> FileProblem {
    FileProblem::format("the workbook is locked with a password", "save it without one")
}

fn bomb(reason: String) -> FileProblem {
    FileProblem::too_large(reason, "save it anew with a spreadsheet program, or split it")
}

fn directory<R: Read + Seek>(zip: &mut ZipArchive<R>, limits: &Limits) -> Result<Vec<Part>, FileProblem> {
    if zip.len() > limits.parts {
        return Err(bomb(format!("the workbook has more than {} parts", limits.parts)));
    }
    let mut parts = Vec::with_capacity(zip.len());
    for n in 0..zip.len() {
        let entry = zip.by_index_data(n).map_err(damaged)?;
        let name = String::from_utf8_lossy(entry.name_raw()).replace('\\', "/").to_ascii_lowercase();
        let (packed, size) = (entry.compressed_size(), entry.size());
        parts.push(Part { name, packed, size, encrypted: entry.encrypted() });
    }
    if zip.has_duplicate_names() {
        return Err(FileProblem::format("two parts of the workbook have one name", "save it anew"));
    }
    if zip.has_overlapping_entries().map_err(damaged)? {
        return Err(FileProblem::format("parts of the workbook lie over each other", "save it anew"));
    }
    Ok(parts)
}

fn kind<R: Read + Seek>(zip: &mut ZipArchive<R>, parts: &[Part]) -> Result<Archive, FileProblem> {
    let has = |name: &str| parts.iter().any(|part| part.name == name);
    let under = |folder: &str| parts.iter().any(|part| part.name.starts_with(folder));
    if parts.iter().any(|part| part.encrypted) {
        return Err(locked());
    }
    if has("xl/workbook.bin") {
        return Err(no_spreadsheet("a binary workbook (.xlsb)", Instead::SaveAs));
    }
    if has(WORKBOOK) {
        return Ok(Archive::Xlsx);
    }
    if has("mimetype") && has(CONTENT) {
        let mut kind = String::new();
        let part = zip.by_name("mimetype").map_err(damaged)?;
        part.take(200).read_to_string(&mut kind).map_err(|error| damaged(error.into()))?;
        return match kind.trim() {
            "application/vnd.oasis.opendocument.spreadsheet" => Ok(Archive::Ods),
            "application/vnd.oasis.opendocument.text" => {
                Err(no_spreadsheet("an OpenDocument text", Instead::SendAnother))
            }
            _ => Err(no_spreadsheet("an OpenDocument file, but no spreadsheet", Instead::SendAnother)),
        };
    }
    Err(match () {
        () if under("word/") => no_spreadsheet("a Word document", Instead::SendAnother),
        () if under("ppt/") => no_spreadsheet("a PowerPoint presentation", Instead::SendAnother),
        // A workbook's folder without its main part.
        () if under("xl/") => FileProblem::format("the workbook has no list of its sheets", "save it anew"),
        () => match parts.iter().find(|part| is_archive_or_sheet(&part.name)) {
            Some(part) => {
                let inner: String = part.name.rsplit('/').next().unwrap_or_default().chars().take(60).collect();
                let reason = format!("the file is a zip archive that holds {inner}");
                FileProblem::format(reason, "unpack it and send what is in it")
            }
            None => no_spreadsheet("a zip archive without a spreadsheet in it", Instead::SendAnother),
        },
    })
}

fn is_archive_or_sheet(name: &str) -> bool {
    [".xlsx", ".xlsm", ".xls", ".ods", ".csv", ".zip"].iter().any(|extension| name.ends_with(extension))
}

/// What the directory says of sizes.
fn sizes(parts: &[Part], limits: &Limits, most: u64) -> Result<(), FileProblem> {
    let total = parts.iter().fold(0_u64, |sum, part| sum.saturating_add(part.size));
    if total > most {
        return Err(bomb(format!("the workbook has more than {} when unpacked", megabytes(most))));
    }
    match parts.iter().find(|part| part.size > Limits::RATIO_FROM && part.size / limits.ratio > part.packed) {
        Some(_) => Err(bomb(format!("a part of the workbook unpacks to more than {} times its size", limits.ratio))),
        None => Ok(()),
    }
}

/// All parts but the sheets are held whole by the reader.
fn held_parts(parts: &[Part], limits: &Limits) -> Result<(), FileProblem> {
    let held = parts.iter().filter(|part| part.is_xml() && !part.name.starts_with(SHEETS));
    match held.into_iter().find(|part| part.size > limits.part_bytes) {
        Some(part) if part.is_shared_texts() => {
            Err(bomb(format!("the texts of the workbook have more than {}", megabytes(limits.part_bytes))))
        }
        Some(_) => Err(bomb(format!("a part of the workbook has more than {}", megabytes(limits.part_bytes)))),
        None => Ok(()),
    }
}

/// The parts unpack to what the directory says, and their check sums are right. The reader of a sheet stops at the last
/// row and would not notice. (Shared texts have been read to their end.)
fn intact<R: Read + Seek>(zip: &mut ZipArchive<R>, parts: &[Part]) -> Result<(), FileProblem> {
    for n in (0..parts.len()).filter(|n| parts[*n].is_xml() && !parts[*n].is_shared_texts()) {
        let mut part = zip.by_index(n).map_err(damaged)?;
        io::copy(&mut part, &mut io::sink()).map_err(|error| damaged(error.into()))?;
    }
    Ok(())
}

type Xml<R> = quick_xml::Reader<BufReader<R>>;

fn xml<R: Read>(part: R) -> Xml<R> {
    let mut reader = quick_xml::Reader::from_reader(BufReader::with_capacity(64 * 1024, part));
    reader.config_mut().expand_empty_elements = true;
    reader
}

fn broken(what: &str) -> FileProblem {
    FileProblem::format(format!("{what} cannot be read"), "open it in a spreadsheet program and save it anew")
}

/// A table of shared texts holds at least as many as it claims: its reader reserves room for the claim. Wherever the
/// workbook's own relations put it.
fn shared_texts<R: Read + Seek>(zip: &mut ZipArchive<R>, parts: &[Part]) -> Result<(), FileProblem> {
    const WHAT: &str = "the table of texts in the workbook";
    for n in (0..parts.len()).filter(|n| parts[*n].is_shared_texts()) {
        let mut xml = xml(zip.by_index(n).map_err(damaged)?);
        let (mut claimed, mut held) = (None, 0_u64);
        let mut buffer = Vec::new();
        loop {
            buffer.clear();
            match xml.read_event_into(&mut buffer).map_err(|_| broken(WHAT))? {
                Event::Start(tag) if tag.local_name().as_ref() == "sst" && claimed.is_none() => {
                    claimed = Some(number(&tag, "uniqueCount").unwrap_or_default());
                }
                Event::Start(tag) if tag.local_name().as_ref() == "si" => held += 1,
                Event::Eof => break,
                _ => {}
            }
        }
        if let Some(claimed) = claimed.filter(|claimed| *claimed > held) {
            let claimed = if claimed == u64::MAX { "no number".to_owned() } else { claimed.to_string() };
            let reason = format!("{WHAT} claims {claimed} and holds {held}");
            return Err(FileProblem::format(reason, "open it in a spreadsheet program and save it anew"));
        }
    }
    Ok(())
}

/// A number of an attribute. What is none that can be read counts as endless.
fn number(tag: &BytesStart<'_>, name: &str) -> Option<u64> {
    match tag.try_get_attribute(name) {
        Ok(None) => None,
        Ok(Some(attribute)) => Some(attribute.value.trim().parse().unwrap_or(u64::MAX)),
        Err(_) => Some(u64::MAX),
    }
}

/// Whether a cell of an `.ods` holds something: a value of any kind, or a formula.
fn holds_something(tag: &BytesStart<'_>) -> bool {
    tag.attributes().any(|attribute| match attribute {
        Ok(attribute) => {
            let name = attribute.key.as_ref();
            name.starts_with("office:") || name == "table:formula" || name.starts_with("calcext:")
        }
        Err(_) => true,
    })
}

/// The cells that an `.ods` becomes when its repetitions are written out, as its reader does; and that it ends.
fn repeats<R: Read + Seek>(zip: &mut ZipArchive<R>, limits: &Limits) -> Result<(), FileProblem> {
    const WHAT: &str = "the content of the spreadsheet";
    let mut xml = xml(zip.by_name(CONTENT).map_err(damaged)?);
    let mut spread = Spread::default();
    let mut buffer = Vec::new();
    let mut depth = 0_u64;
    loop {
        buffer.clear();
        match xml.read_event_into(&mut buffer).map_err(|_| broken(WHAT))? {
            Event::Start(tag) => {
                depth += 1;
                match tag.local_name().as_ref() {
                    "table" => spread = Spread { cells: spread.cells, ..Spread::default() },
                    "table-row" => spread.begin_row(number(&tag, "table:number-rows-repeated").unwrap_or(1)),
                    "table-cell" | "covered-table-cell" => {
                        let repeated = number(&tag, "table:number-columns-repeated").unwrap_or(1);
                        spread.cell(repeated, holds_something(&tag));
                    }
                    _ => {}
                }
            }
            Event::End(tag) => {
                depth = depth.saturating_sub(1);
                if tag.local_name().as_ref() == "table-row" {
                    spread.end_row();
                }
            }
            Event::Eof => break,
            _ => {}
        }
        if spread.cells > limits.held_cells {
            let reason = format!("the sheet has more than {} cells", limits.held_cells);
            return Err(FileProblem::too_large(reason, "delete rows and columns that hold nothing, or split the file"));
        }
    }
    // A reader that waits for the end of a table waits for ever.
    if depth == 0 { Ok(()) } else { Err(broken(WHAT)) }
}

#[derive(Default)]
struct Spread {
    cells: u64,
    empty_rows: u64,
    widest: u64,
    repeated: u64,
    column: u64,
    filled_to: u64,
}

impl Spread {
    fn begin_row(&mut self, repeated: u64) {
        (self.repeated, self.column, self.filled_to) = (repeated, 0, 0);
    }

    fn cell(&mut self, repeated: u64, filled: bool) {
        self.column = self.column.saturating_add(repeated);
        if filled {
            self.filled_to = self.column;
        }
    }

    fn end_row(&mut self) {
        if self.filled_to == 0 {
            self.empty_rows = self.empty_rows.saturating_add(self.repeated);
            return;
        }
        self.widest = self.widest.max(self.filled_to);
        let rows = self.empty_rows.saturating_add(self.repeated);
        self.cells = self.cells.saturating_add(rows.saturating_mul(self.widest));
        self.empty_rows = 0;
    }
}
