//! What tells a row of a file from others (UX-82).
//!
//! In: a row whose names are resolved. Out: its key, and a digest of all that it says. A row with an external id is that
//! person's row of that id, whatever else it says; a row without is its person, day, work item, kind of work, start, length
//! and comment, and the how-manieth of its like it is. A person's two files may use the same ids: the ids are the person's.

use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};

use super::columns::ImportRow;
use crate::domain::worklogs::Draft;
use crate::sql::{Guid, Instant};

/// A row's key and content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    pub key: Guid,
    pub content: Guid,
}

/// The keys of a file so far.
#[derive(Debug, Default)]
pub struct Keys {
    seen: HashSet<Guid>,
    alike: HashMap<Guid, u32>,
}

impl Keys {
    /// The marks of the next row; none where its external id came in a row before.
    pub fn of(&mut self, row: &ImportRow, owner: Guid, start: Instant, draft: &Draft) -> Option<Marks> {
        let length = draft.length.unwrap_or_default();
        let item = draft.work_item.unwrap_or(-1);
        let kind = draft.activity_type.map_or([0; 16], |kind| *kind.0.as_bytes());
        let comment = draft.comment.as_deref().unwrap_or_default();
        let plain = digest(&[
            b"row",
            owner.0.as_bytes(),
            // The start holds the day.
            &start.0.to_le_bytes(),
            &length.to_le_bytes(),
            &item.to_le_bytes(),
            &kind,
            comment.as_bytes(),
        ]);
        let billable = draft.billable.unwrap_or(-1);
        let budget = draft.budget.unwrap_or(-1);
        let content = digest(&[plain.0.as_bytes(), &billable.to_le_bytes(), &budget.to_le_bytes()]);
        let key = match (&row.worklog_id, &row.external_id) {
            (Some(id), _) => self.once(digest(&[b"log", owner.0.as_bytes(), id.as_bytes()]))?,
            (None, Some(id)) => self.once(digest(&[b"external", owner.0.as_bytes(), id.as_bytes()]))?,
            (None, None) => {
                let before = self.alike.entry(plain).or_default();
                let number = *before;
                *before += 1;
                if number == 0 { plain } else { digest(&[plain.0.as_bytes(), &number.to_le_bytes()]) }
            }
        };
        Some(Marks { key, content })
    }

    fn once(&mut self, key: Guid) -> Option<Guid> {
        self.seen.insert(key).then_some(key)
    }
}

/// The parts with their lengths, so that no two lists of parts read alike.
fn digest(parts: &[&[u8]]) -> Guid {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Guid(uuid::Uuid::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::wall::Written;
    use crate::import::problem::Places;

    fn row(external_id: Option<&str>) -> ImportRow {
        ImportRow {
            row_number: 1,
            external_id: external_id.map(str::to_owned),
            worklog_id: None,
            person: None,
            when: Written { wall: Instant(0), offset: None },
            length_seconds: 60,
            activity: None,
            comment: None,
            work_item: None,
            billable_seconds: None,
            budget: None,
            places: Places::default(),
        }
    }

    #[test]
    fn ux_82_rows_alike_are_counted_and_external_ids_come_once() {
        let ann = Guid(uuid::Uuid::from_u128(1));
        let draft = |length: i64| Draft { length: Some(length), comment: Some("x".into()), ..Draft::default() };
        let mut keys = Keys::default();
        let mut of = |id: Option<&str>, who: Guid, length: i64| keys.of(&row(id), who, Instant(0), &draft(length));
        let first = of(None, ann, 60).unwrap();
        let second = of(None, ann, 60).unwrap();
        assert!(first.key != second.key && first.content == second.content);
        let with_id = of(Some("7"), ann, 60).unwrap();
        assert_eq!(of(Some("7"), ann, 90), None);
        let other = of(Some("7"), Guid(uuid::Uuid::from_u128(2)), 60).unwrap();
        assert!(other.key != with_id.key);
        // Another file.
        let mut keys = Keys::default();
        let edited = keys.of(&row(Some("7")), ann, Instant(0), &draft(90)).unwrap();
        assert!(edited.key == with_id.key && edited.content != with_id.content);
        assert_eq!(keys.of(&row(None), ann, Instant(0), &draft(60)), Some(first));
        assert_eq!(keys.of(&row(None), ann, Instant(0), &draft(60)), Some(second));
    }
}
