//! What commands print: data on standard output, as a table for people or JSON for programs.

use std::io::{self, IsTerminal, Write};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::failure::Result;

/// Writes a line. A reader that has seen enough (`| head`) is no failure.
pub fn line(text: impl AsRef<str>) -> Result {
    written(writeln!(anstream::stdout(), "{}", text.as_ref()))
}

/// Writes a value as indented JSON.
pub fn json(value: &impl Serialize) -> Result {
    line(serde_json::to_string_pretty(value).map_err(io::Error::from)?)
}

/// Writes rows under a heading; ruled on a terminal, bare columns elsewhere.
pub fn table<const N: usize>(heading: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> Result {
    let mut table = grid();
    table.set_header(heading);
    table.add_rows(rows);
    line(table.trim_fmt())
}

/// An empty table: ruled and as wide as the terminal, or bare columns where there is none.
pub fn grid() -> Table {
    let mut table = Table::new();
    if io::stdout().is_terminal() {
        table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    } else {
        table.load_style(presets::NOTHING);
    }
    table
}

fn written(outcome: io::Result<()>) -> Result {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => Ok(outcome?),
    }
}

/// A day and minute in UTC, for lists.
pub fn moment(instant: crate::sql::Instant) -> String {
    match jiff::Timestamp::from_microsecond(instant.0) {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => instant.0.to_string(),
    }
}

/// The same as JSON has it.
pub fn timestamp(instant: crate::sql::Instant) -> String {
    jiff::Timestamp::from_microsecond(instant.0).map_or_else(|_| instant.0.to_string(), |at| at.to_string())
}
