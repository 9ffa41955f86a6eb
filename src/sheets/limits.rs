//! Every bound on a file that comes in, and on the process that reads it.
//!
//! docs/import.md states them; a reader that meets one answers `FileTooLarge`.

use serde::{Deserialize, Serialize};

/// The bounds. The defaults leave room for a year of a large team: 200,000 rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of a `.xlsx` or `.csv`, which are streamed.
    pub file_bytes: u64,
    /// Bytes of a `.xls` or `.ods`, which are held whole.
    pub held_file_bytes: u64,
    /// Bytes of all parts of a zip together, unpacked.
    pub unpacked_bytes: u64,
    /// The same for `.ods`, whose one part is held whole.
    pub held_unpacked_bytes: u64,
    /// Bytes of a part that is held whole: shared texts, styles.
    pub part_bytes: u64,
    /// How many times its packed size a part may unpack to, once it is past [`Limits::RATIO_FROM`].
    pub ratio: u64,
    /// Parts of a zip.
    pub parts: usize,
    /// Rows that hold something.
    pub rows: u32,
    /// Cells, the empty ones that a file bothers to write among them.
    pub cells: u64,
    /// The same of a file that is held whole.
    pub held_cells: u64,
    pub columns: u16,
    /// UTF-16 units of a cell, Excel's own bound.
    pub text_units: usize,
    /// Bytes of a row.
    pub row_bytes: usize,
    /// Memory of the child.
    pub memory_bytes: u64,
    /// Seconds of computing of the child.
    pub cpu_seconds: u64,
    /// How long the parent waits for the next bytes.
    pub silence_seconds: u64,
}

impl Limits {
    /// Small parts may be as regular as they like.
    pub const RATIO_FROM: u64 = 8 * 1024 * 1024;
}

const MIB: u64 = 1024 * 1024;

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            file_bytes: 64 * MIB,
            held_file_bytes: 8 * MIB,
            unpacked_bytes: 512 * MIB,
            held_unpacked_bytes: 128 * MIB,
            part_bytes: 64 * MIB,
            ratio: 100,
            parts: 2_000,
            rows: 200_000,
            cells: 5_000_000,
            held_cells: 1_000_000,
            columns: 256,
            text_units: 32_767,
            row_bytes: 1_048_576,
            memory_bytes: 512 * MIB,
            cpu_seconds: 60,
            silence_seconds: 90,
        }
    }
}

/// `64 MB`, for a sentence.
pub fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes / MIB)
}
