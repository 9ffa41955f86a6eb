//! Numbers of work items as files name them.
//!
//! In: the text of a cell, or a comment. Out: the number. `123`, `#123`, `AB#123` and the address of an item name one; a
//! comment does only by `AB#123`, the form in which Azure DevOps itself links.

const ADDRESS: &str = "/_workitems/edit/";
const MENTION: &str = "AB#";

/// The item that a cell names.
pub fn named(text: &str) -> Option<i64> {
    let number = match text.rsplit_once(ADDRESS) {
        Some((_, rest)) => rest.split(['/', '?', '#']).next().unwrap_or_default(),
        None => text.rsplit_once('#').map_or(text, |(_, number)| number),
    };
    // Programs that know no empty integers write 12.0.
    number_of(number.trim().strip_suffix(".0").unwrap_or(number.trim()))
}

/// The first item that a comment mentions.
pub fn mentioned(comment: &str) -> Option<i64> {
    comment.match_indices(MENTION).find_map(|(at, _)| {
        let before = comment[..at].chars().next_back();
        let rest = &comment[at + MENTION.len()..];
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let alone = !before.is_some_and(char::is_alphanumeric) && !rest[end..].starts_with(char::is_alphanumeric);
        alone.then(|| number_of(&rest[..end]))?
    })
}

/// Whether a cell holds an address that is no item's.
pub fn is_other_address(text: &str) -> bool {
    (text.starts_with("http://") || text.starts_with("https://")) && !text.contains(ADDRESS)
}

fn number_of(digits: &str) -> Option<i64> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse::<i32>().ok())?.filter(|id| *id > 0).map(i64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_by_number_link_and_mention() {
        for (text, item) in [
            ("12", Some(12)),
            ("12.0", Some(12)),
            (" #12 ", Some(12)),
            ("AB#12", Some(12)),
            ("https://dev.azure.com/o/p/_workitems/edit/12?x=3#c", Some(12)),
            ("2147483647", Some(i64::from(i32::MAX))),
            ("2147483648", None),
            ("0", None),
            ("-1", None),
            ("12.5", None),
            ("ABC-12", None),
            ("", None),
            ("#", None),
        ] {
            assert_eq!(named(text), item, "{text:?}");
        }
        for (comment, item) in [
            ("fixed AB#12, then AB#13", Some(12)),
            ("(AB#12)", Some(12)),
            ("see #12", None),
            ("CAB#12", None),
            ("AB#12b", None),
            ("AB# and AB#7", Some(7)),
            ("ab#12", None),
        ] {
            assert_eq!(mentioned(comment), item, "{comment:?}");
        }
        assert!(is_other_address("https://github.com/o/r/issues/5"));
        assert!(!is_other_address("https://tfs/_workitems/edit/5") && !is_other_address("5"));
    }
}
