//! What a column may be, by what stands in it: for whoever has to map it.
//!
//! In: the first rows, those of the header left out. Out: a field for each column whose cells all fit one. A guess is
//! shown, never taken: a number that looks like hours may be anything.

use super::Field;
use crate::import::dates::{self, Patterns};
use crate::import::durations::{self, Form, Grammar};
use crate::sheets::{Cell, Row};

/// Cells that have to agree.
const AT_LEAST: usize = 2;

/// The field that the cells of a column look like.
pub fn guess(rows: &[Row], column: u16) -> Option<Field> {
    const TELLING: [Field; 5] = [Field::TimeStamp, Field::Date, Field::Start, Field::Duration, Field::Person];
    let cells: Vec<&Cell> = rows.iter().filter_map(|row| row.cell(column)).collect();
    let enough = cells.len() >= AT_LEAST.min(rows.len().max(1));
    TELLING.into_iter().find(|field| enough && cells.iter().all(|cell| fits(*field, cell)))
}

fn fits(field: Field, cell: &Cell) -> bool {
    match (field, cell) {
        (Field::Date, Cell::Serial(days, _)) => *days >= 1.0 && days.fract() == 0.0,
        (Field::TimeStamp, Cell::Serial(days, _)) => *days >= 1.0 && days.fract() != 0.0,
        (Field::Start | Field::Duration, Cell::Serial(days, _)) => *days < 1.0,
        (Field::TimeStamp, Cell::IsoDate(text)) => text.contains('T'),
        (Field::Date, Cell::IsoDate(_)) | (Field::Duration, Cell::IsoSpan(_)) => true,
        (Field::Duration, Cell::Number(hours)) => *hours > 0.0 && *hours <= 24.0 && hours.fract() != 0.0,
        (field, Cell::Text(text)) => text_fits(field, text.trim()),
        _ => false,
    }
}

fn text_fits(field: Field, text: &str) -> bool {
    let moment = || match dates::moment(text, &Patterns::default()) {
        Ok(_) => true,
        Err(fault) => fault.day_first,
    };
    match field {
        Field::TimeStamp => text.contains(':') && moment(),
        Field::Date => !text.contains(':') && moment(),
        Field::Start => {
            let clock = text.len() >= 5 && text.contains(':') && dates::clock(text, &Patterns::default()).is_ok();
            // Lengths look alike; few of them have an hour of two digits.
            clock && !text.starts_with('0') && !text.starts_with("1:")
        }
        Field::Duration => {
            let marked = text.contains([':', '.', ',', 'h', 'm']);
            let grammar = Grammar { form: Form::Entry, ..Grammar::default() };
            marked && durations::parse(text, &grammar).is_ok()
        }
        Field::Person => text.contains('@') && text.contains('.') && !text.contains(' ') || is_account(text),
        _ => false,
    }
}

/// `DOMAIN\name`
fn is_account(text: &str) -> bool {
    text.split_once('\\').is_some_and(|(domain, name)| {
        let plain = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || "._-".contains(c));
        plain(domain) && plain(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sheets::SerialKind;

    fn column(cells: Vec<Cell>) -> Vec<Row> {
        (1..).zip(cells).map(|(number, cell)| Row { number, cells: vec![(0, cell)] }).collect()
    }

    #[test]
    fn contents_tell_what_a_column_may_be() {
        let texts = |list: &[&str]| column(list.iter().map(|text| Cell::Text((*text).to_owned())).collect());
        for (list, expected) in [
            (&["2024-05-29", "31.12.2024"][..], Some(Field::Date)),
            (&["2024-05-29 09:30", "05/29/2024 9:30 PM"], Some(Field::TimeStamp)),
            (&["1:30", "0:45"], Some(Field::Duration)),
            (&["1,5", "2h"], Some(Field::Duration)),
            (&["10:30", "14:15"], Some(Field::Start)),
            (&["ann@example.org", "bob@example.org"], Some(Field::Person)),
            (&["CORP\\ann", "CORP\\bob"], Some(Field::Person)),
            (&["8", "7"], None),
            (&["talk", "2024-05-29"], None),
            (&["2024-05-29"], None),
        ] {
            let mut rows = texts(list);
            rows.push(Row { number: 9, cells: vec![(1, Cell::Bool(true))] });
            assert_eq!(guess(&rows, 0), expected, "{list:?}");
        }
        let serial = |days: f64| Cell::Serial(days, SerialKind::Date);
        assert_eq!(guess(&column(vec![serial(45_000.0), serial(45_001.0)]), 0), Some(Field::Date));
        assert_eq!(guess(&column(vec![serial(45_000.5), serial(45_001.5)]), 0), Some(Field::TimeStamp));
        assert_eq!(guess(&column(vec![Cell::Number(1.5), Cell::Number(0.25)]), 0), Some(Field::Duration));
        assert_eq!(guess(&[], 0), None);
    }
}
