//! What an Office file of the old form (MS-CFB) holds, by the names in its first directory sector.
//!
//! In: a file that begins as one. Out: nothing, if it may be a workbook; else the problem: a document, a mail, or a
//! workbook that is locked, which Office wraps into such a file under the workbook's own extension.

use std::io::{Read, Seek, SeekFrom};

use super::format::{Instead, no_spreadsheet};
use super::{FileProblem, archive, unreadable};

/// Streams by which a file is known.
const STREAMS: &[(&str, &str)] = &[
    ("WordDocument", "a Word document (.doc)"),
    ("PowerPoint Document", "a PowerPoint presentation (.ppt)"),
    ("__properties_version1.0", "a mail (.msg)"),
    ("VisioDocument", "a Visio drawing"),
];

/// Bytes of the directory that are looked at: 32 names.
const LOOKED_AT: u64 = 4096;

pub(super) fn check<R: Read + Seek>(file: &mut R, head: &[u8]) -> Result<(), FileProblem> {
    let (Some(shift), Some(first)) = (head.get(30..32), head.get(48..52)) else { return Ok(()) };
    let shift = u16::from_le_bytes([shift[0], shift[1]]);
    let first = u32::from_le_bytes([first[0], first[1], first[2], first[3]]);
    // Sectors have 512 or 4096 bytes; the reader says what is wrong with any other.
    if shift != 9 && shift != 12 {
        return Ok(());
    }
    file.seek(SeekFrom::Start((u64::from(first) + 1) << shift)).map_err(unreadable)?;
    let mut directory = Vec::new();
    file.by_ref().take(LOOKED_AT).read_to_end(&mut directory).map_err(unreadable)?;
    let names: Vec<String> = directory.chunks_exact(128).map(name).collect();
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    if has("EncryptedPackage") {
        return Err(archive::locked());
    }
    match STREAMS.iter().find(|(stream, _)| has(stream)) {
        Some((_, what)) => Err(no_spreadsheet(what, Instead::SendAnother)),
        None => Ok(()),
    }
}

/// The name of a directory entry: UTF-16, up to a zero.
fn name(entry: &[u8]) -> String {
    let units = entry[..64].chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let units: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
    String::from_utf16_lossy(&units)
}
