//! Query options of REST and `/api/v1` (contract §0.2, §0.3, §4.2).
//!
//! In: a query string. Out: options by their names, in any letter case, with or without `$`. What a route does not know is
//! ignored; a value that cannot be read is a refusal that names the option.

use std::borrow::Cow;

use percent_encoding::percent_decode;
use uuid::Uuid;

use super::shape;
use crate::domain::refusal::Refusal;
use crate::domain::wall::Written;
use crate::sql::{Day, Guid};

/// Rows of a page at most, and unless a request says otherwise.
pub const PAGE: i64 = 500;

/// The options of a request.
#[derive(Clone, Debug, Default)]
pub struct Options(Vec<(String, String)>);

impl Options {
    pub fn parse(query: &str) -> Options {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name).trim().trim_start_matches('$').to_ascii_lowercase(), decoded(value))
        };
        Options(pairs.map(pair).collect())
    }

    /// The first option of this name that says something.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(given, value)| given.eq_ignore_ascii_case(name) && !value.trim().is_empty());
        found.map(|(_, value)| value.trim())
    }

    /// As `get`, under any of these spellings.
    fn any(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.get(name))
    }

    fn read<T>(&self, name: &str, expected: &str, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let wrong = || Refusal::malformed(name, format!("{name} must be {expected}."));
        read(text).map(Some).ok_or_else(wrong)
    }

    pub fn bool(&self, name: &str) -> Result<bool, Refusal> {
        let read = |text: &str| match text.to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        };
        Ok(self.read(name, "true or false", read)?.unwrap_or(false))
    }

    pub fn guid(&self, name: &str) -> Result<Option<Guid>, Refusal> {
        self.read(name, "a GUID", |text| Uuid::try_parse(text).ok().map(Guid))
    }

    pub fn time(&self, name: &str) -> Result<Option<Written>, Refusal> {
        self.read(name, "a time such as 2024-03-01T09:30:00", Written::parse)
    }

    pub fn day(&self, name: &str) -> Result<Option<Day>, Refusal> {
        self.read(name, "a day such as 2024-03-01", shape::day)
    }

    /// `$skip` and `$count`, the size of a page: above the most it means the most.
    pub fn page(&self) -> Result<(i64, i64), Refusal> {
        let whole = |text: &str| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse().unwrap_or(i64::MAX))
        };
        let skip = self.read("skip", "a whole number", whole)?.unwrap_or(0);
        let count = self.read("count", "a whole number", whole)?.unwrap_or(PAGE);
        Ok((skip, count.min(PAGE)))
    }

    /// Whether people come with their display names.
    pub fn expands_names(&self) -> bool {
        let items = self.get("expand").unwrap_or_default();
        items.split(',').any(|item| item.trim().eq_ignore_ascii_case("user.displayName"))
    }

    /// Ids of work items, a list with commas (contract §4.2: at most 100).
    pub fn work_items(&self) -> Result<Option<Vec<i64>>, Refusal> {
        let Some(text) = self.any(&["workItemIds", "workItemId"]) else { return Ok(None) };
        let ids = text.split(',').map(str::trim).filter(|id| !id.is_empty()).map(str::parse);
        let ids: Result<Vec<i64>, _> = ids.collect();
        let wrong = |_| Refusal::malformed("workItemIds", "workItemIds must be whole numbers with commas between.");
        ids.map(Some).map_err(wrong)
    }
}

/// `+` is a blank; a byte that is no UTF-8 is a replacement character, which no option takes.
fn decoded(text: &str) -> String {
    let text: Cow<'_, str> = if text.contains('+') { text.replace('+', " ").into() } else { text.into() };
    percent_decode(text.as_bytes()).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contract_0_2_spellings_of_options() {
        for query in ["$count=7", "%24count=7", "COUNT=7", "count=+7+", "$top=1&$Count=7&$count=8", "$count=&count=7"] {
            assert_eq!(Options::parse(query).page(), Ok((0, 7)), "{query}");
        }
        assert_eq!(Options::parse("$count=501&$skip=3").page(), Ok((3, 500)));
        assert_eq!(Options::parse("$count=99999999999999999999").page(), Ok((0, 500)));
        assert_eq!(Options::parse("_count=1&$top=2").page(), Ok((0, 500)));
        for query in ["$count=true", "$skip=-1", "$count=1.5"] {
            assert!(Options::parse(query).page().is_err(), "{query}");
        }
        assert_eq!(Options::parse("$workItemIds=1, 2,&x").work_items(), Ok(Some(vec![1, 2])));
        assert!(Options::parse("workItemId=x").work_items().is_err());
        assert!(Options::parse("$expand=User.DisplayName").expands_names());
        let time = |query: &str| Options::parse(query).time("fromTimestamp").unwrap().unwrap();
        assert_eq!(time("$fromTimestamp=2021-11-06T10:28:00%2B02:00"), time("fromtimestamp=2021-11-06T10:28:00+02:00"));
        assert_eq!(time("fromTimestamp=2021-11-06T10%3A28%3A00").offset, None);
    }
}
