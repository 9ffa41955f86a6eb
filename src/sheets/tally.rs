//! Bounds on texts and rows that every reader keeps.
//!
//! In: a row as it was read. Out: the same row, or a problem that names the cell.

use super::{Cell, FileProblem, Limits, Row};

/// Counts what a file holds against the limits.
#[derive(Debug, Default)]
pub(super) struct Tally {
    rows: u32,
    cells: u64,
}

impl Tally {
    /// Cells that a file writes, empty or not.
    pub fn cells(&mut self, more: u64, row: u32, limits: &Limits) -> Result<(), FileProblem> {
        self.cells = self.cells.saturating_add(more);
        if self.cells <= limits.cells {
            return Ok(());
        }
        let reason = format!("the sheet has more than {} cells", limits.cells);
        Err(FileProblem::too_large(reason, "delete rows and columns that hold nothing, or split the file").at_row(row))
    }

    /// A row that holds something.
    pub fn row(&mut self, row: &Row, limits: &Limits) -> Result<(), FileProblem> {
        self.rows = self.rows.saturating_add(1);
        if self.rows > limits.rows.saturating_add(1) {
            let reason = format!("the sheet has more than {} rows", limits.rows);
            return Err(FileProblem::too_large(reason, "split the file").at_row(row.number));
        }
        let mut bytes = 0_usize;
        for (column, cell) in &row.cells {
            if *column >= limits.columns {
                let reason = format!("there is a value beyond column {}", super::column_name(limits.columns - 1));
                let problem = FileProblem::too_large(reason, "move or delete it");
                // Beyond the last column of any spreadsheet a name would be made up.
                let real = *column < super::SPREADSHEET_COLUMNS;
                return Err(if real { problem.at(row.number, *column) } else { problem.at_row(row.number) });
            }
            let text = match cell {
                Cell::Text(text) | Cell::IsoDate(text) | Cell::IsoSpan(text) | Cell::Error(text) => text.as_str(),
                _ => "",
            };
            // No text has more units than bytes.
            if text.len() > limits.text_units && text.encode_utf16().count() > limits.text_units {
                let reason = format!("a text is longer than {} characters", limits.text_units);
                return Err(FileProblem::too_large(reason, "shorten it").at(row.number, *column));
            }
            // No spreadsheet program writes one, and databases do not take it.
            if text.contains('\0') {
                let problem = FileProblem::format("a text holds a NUL character", "delete it");
                return Err(problem.at(row.number, *column));
            }
            bytes = bytes.saturating_add(text.len() + 16);
        }
        if bytes > limits.row_bytes {
            let reason = format!("a row is longer than {} bytes", limits.row_bytes);
            return Err(FileProblem::too_large(reason, "shorten its texts").at_row(row.number));
        }
        Ok(())
    }
}
