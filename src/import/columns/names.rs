//! What columns are called: the contract's names, those of our own exports and of other time trackers', English and
//! German.
//!
//! In: a header's text. Out: the field, how well the name says it, and the unit that it names. Names are compared by
//! their letters and digits alone.

use crate::import::durations::Unit;

use super::Field;

/// A name that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    pub field: Field,
    /// Of several columns for one field the lowest that is filled counts.
    pub rank: u8,
    pub unit: Option<Unit>,
}

const fn known(field: Field, rank: u8) -> Known {
    Known { field, rank, unit: None }
}

const fn counting(field: Field, rank: u8, unit: Unit) -> Known {
    Known { field, rank, unit: Some(unit) }
}

/// The rank of a column that may say yes or no.
pub const FLAG: u8 = 3;

/// The rank of a column of links, of which some are work items'.
pub const LINK: u8 = 2;

/// Names as small letters and digits. A name of several fields stands once, for the one that it means in such files.
const NAMES: &[(&[&str], Known)] = &[
    (&["externalid", "externekennung", "externeid"], known(Field::ExternalId, 0)),
    (&["worklogid"], known(Field::Id, 0)),
    (&["id"], known(Field::Id, 1)),
    // Contract, then what tells a person surely, then what people are called.
    (&["username", "useruniquename", "uniquename", "benutzername", "login"], known(Field::Person, 0)),
    (&["useremail", "email", "mail", "emailadresse"], known(Field::Person, 1)),
    (&["userid"], known(Field::Person, 2)),
    (
        &["user", "person", "benutzer", "mitarbeiter", "mitarbeiterin", "member", "employee", "name"],
        known(Field::Person, 3),
    ),
    (&["firstname", "vorname"], known(Field::FirstName, 0)),
    (&["lastname", "surname", "nachname"], known(Field::LastName, 0)),
    (&["timestamp", "zeitstempel"], known(Field::TimeStamp, 0)),
    (&["startdatetime", "startedat", "datetime"], known(Field::TimeStamp, 1)),
    (&["date", "datum", "startdate", "startdatum", "recorddate"], known(Field::Date, 0)),
    (&["start", "starttime", "beginn", "startzeit", "from", "von", "uhrzeit"], known(Field::Start, 0)),
    (
        &["periodlength", "lengthseconds", "durationseconds", "sekunden", "seconds"],
        counting(Field::Duration, 0, Unit::Seconds),
    ),
    (&["duration", "dauer", "length", "tracked", "aufwand", "arbeitszeit", "timespent"], known(Field::Duration, 1)),
    (
        &["hours", "stunden", "durationh", "durationhours", "durationdecimal", "dauerh", "dauerstd", "dauerinstunden"],
        counting(Field::Duration, 2, Unit::Hours),
    ),
    (
        &["minutes", "minuten", "durationmin", "durationminutes", "dauermin", "dauerinminuten"],
        counting(Field::Duration, 3, Unit::Minutes),
    ),
    (
        &[
            "activitytype",
            "activitytypename",
            "activitytypeactivitytypename",
            "activity",
            "aktivitat",
            "aktivitaet",
            "tatigkeit",
            "taetigkeit",
            "tatigkeitsart",
        ],
        known(Field::Activity, 0),
    ),
    (&["activitytypeid"], known(Field::Activity, 1)),
    (&["comment", "comments", "kommentar", "kommentare", "bemerkung", "bemerkungen"], known(Field::Comment, 0)),
    (&["description", "beschreibung", "notes", "note", "notiz", "notizen"], known(Field::Comment, 1)),
    (&["workitem", "workitemid", "arbeitselement", "ticket", "vorgang"], known(Field::WorkItem, 0)),
    (&["workitemsystemid"], known(Field::WorkItem, 1)),
    (&["externalreferenceurl"], known(Field::WorkItem, LINK)),
    (
        &["billableperiodlength", "billablelengthseconds", "billableseconds"],
        counting(Field::Billable, 0, Unit::Seconds),
    ),
    (&["billableduration", "billablelength", "abrechenbaredauer", "abrechenbarezeit"], known(Field::Billable, 1)),
    (&["billablehours", "abrechenbarestunden"], counting(Field::Billable, 2, Unit::Hours)),
    (&["billable", "abrechenbar", "isbillable"], known(Field::Billable, FLAG)),
    (&["budget"], known(Field::Budget, 0)),
    // Known, and of no use: one organisation, and what reports of our own add.
    (&["organization", "organisation", "problem", "problems"], known(Field::Ignore, 0)),
];

/// The field of a header.
pub fn known_as(header: &str) -> Option<Known> {
    let plain = plain(header);
    NAMES.iter().find(|(names, _)| names.contains(&plain.as_str())).map(|(_, known)| *known)
}

/// A known name that the header is a slip of: `Commment`.
pub fn nearest(header: &str) -> Option<(&'static str, Known)> {
    let plain = plain(header);
    // Short names are near to everything.
    if !(5..=40).contains(&plain.len()) {
        return None;
    }
    let all = NAMES.iter().flat_map(|(names, known)| names.iter().map(move |name| (*name, *known)));
    all.filter(|(name, known)| {
        let letters = strsim::damerau_levenshtein(name, &plain);
        known.field != Field::Ignore && letters <= if name.len() > 8 { 2 } else { 1 }
    })
    .min_by_key(|(name, _)| strsim::damerau_levenshtein(name, &plain))
}

/// Letters and digits, small, without marks: `Tätigkeit` and `Work Item` are `tatigkeit` and `workitem`.
pub fn plain(header: &str) -> String {
    let letters = header.chars().take(80).flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric());
    letters
        .map(|letter| match letter {
            'ä' => 'a',
            'ö' => 'o',
            'ü' => 'u',
            letter => letter,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_name_stands_once_and_plain() {
        let mut seen = HashSet::new();
        for name in NAMES.iter().flat_map(|(names, _)| *names) {
            assert!(seen.insert(*name), "{name}");
            assert_eq!(plain(name), *name);
        }
    }

    #[test]
    fn headers_and_their_slips() {
        for (header, field) in [
            ("UserName", Field::Person),
            ("User_UniqueName", Field::Person),
            ("Work Item", Field::WorkItem),
            ("Tätigkeit", Field::Activity),
            ("Duration (h)", Field::Duration),
            ("BILLABLE DURATION", Field::Billable),
        ] {
            assert_eq!(known_as(header).map(|known| known.field), Some(field), "{header}");
        }
        assert_eq!(known_as("PeriodLength").and_then(|known| known.unit), Some(Unit::Seconds));
        for (header, slip) in [("Commment", "comment"), ("Duraton", "duration"), ("UserNmae", "username")] {
            assert_eq!(nearest(header).map(|(name, _)| name), Some(slip), "{header}");
        }
        for header in ["EditedTimestamp", "CreatedTimestamp", "Budget_Name", "IsTracked", "Project", "Tags", ""] {
            assert_eq!((known_as(header), nearest(header)), (None, None), "{header}");
        }
    }
}
