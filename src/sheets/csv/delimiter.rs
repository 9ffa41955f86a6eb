//! What parts the columns of a text file.
//!
//! In: its beginning. Out: one of `, ; tab |`. A first line `sep=;`, as Excel writes it, decides; else the candidate that
//! gives most columns in most rows.

const CANDIDATES: [u8; 4] = *b",;\t|";
/// Rows that are looked at.
const ROWS: usize = 60;

/// The delimiter that the file names in its first line.
pub fn declared(sample: &str) -> Option<u8> {
    let line = sample.lines().next()?.trim_matches('"');
    match line.as_bytes() {
        [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', delimiter] if delimiter.is_ascii() && *delimiter != b'"' => {
            Some(*delimiter)
        }
        _ => None,
    }
}

pub fn detect(sample: &str) -> u8 {
    let mut best = (b',', 0);
    for delimiter in CANDIDATES {
        let score = score(sample, delimiter);
        if score > best.1 {
            best = (delimiter, score);
        }
    }
    best.0
}

/// Columns beyond the first, times the share of rows that have so many, in thousandths.
fn score(sample: &str, delimiter: u8) -> usize {
    let mut records = super::reader(sample.as_bytes(), delimiter);
    let mut widths: Vec<usize> = Vec::new();
    let mut record = csv::ByteRecord::new();
    while widths.len() < ROWS && records.read_byte_record(&mut record).unwrap_or(false) {
        widths.push(record.len());
    }
    // The last row may be cut off.
    if widths.len() > 2 && widths.len() < ROWS {
        widths.pop();
    }
    let total = widths.len();
    let most = widths.iter().map(|width| (widths.iter().filter(|other| *other == width).count(), *width)).max();
    most.map_or(0, |(rows, width)| (width - 1) * 1000 * rows / total)
}
