//! Mapping profiles: what a person says of a file that its header does not.
//!
//! In: JSON that somebody saved. Out: a [`Profile`] whose patterns have been read. Unknown members are refused: a profile
//! that is half understood maps wrongly.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::columns::Field;
use super::dates::{Pattern, Patterns};
use super::durations::{Form, Grammar, Unit};

/// The profile as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Profile {
    /// The sheet; the first that is shown without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    /// The row of the header; looked for without. 0: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header_row: Option<u32>,
    /// By the header's text or the column's letter. What is not named is guessed from its name.
    pub columns: BTreeMap<String, Rule>,
    /// Patterns as .NET writes them: `dd.MM.yyyy`, `HH:mm`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_format: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_format: Option<String>,
    /// What plain numbers count; a column whose name says it keeps its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_unit: Option<Unit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decimal_mark: Option<char>,
    /// Hours of a `1d`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours_per_day: Option<u32>,
}

/// What a column is: a field's name alone, or with how it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Rule {
    Field(Field),
    Detailed(Detail),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Detail {
    pub field: Field,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimal_mark: Option<char>,
}

impl Rule {
    pub fn field(&self) -> Field {
        match self {
            Rule::Field(field) => *field,
            Rule::Detailed(detail) => detail.field,
        }
    }

    pub fn unit(&self) -> Option<Unit> {
        match self {
            Rule::Field(_) => None,
            Rule::Detailed(detail) => detail.unit,
        }
    }
}

/// Columns that a profile may name.
const MOST_COLUMNS: usize = 256;

impl Profile {
    /// Reads a profile, and every pattern in it.
    pub fn from_json(text: &str) -> Result<Profile, String> {
        let mut from = serde_json::Deserializer::from_str(text);
        let profile: Profile = serde_path_to_error::deserialize(&mut from).map_err(|error| error.to_string())?;
        profile.check()?;
        Ok(profile)
    }

    /// What is wrong with it, in words.
    pub fn check(&self) -> Result<(), String> {
        if self.columns.len() > MOST_COLUMNS {
            return Err(format!("a profile names at most {MOST_COLUMNS} columns"));
        }
        self.way(None)?;
        for (name, rule) in &self.columns {
            self.way(Some(rule)).map_err(|error| format!("column {name:?}: {error}"))?;
        }
        Ok(())
    }

    /// How the cells of a column are written.
    pub fn way(&self, rule: Option<&Rule>) -> Result<Way, String> {
        let detail = match rule {
            Some(Rule::Detailed(detail)) => Some(detail),
            _ => None,
        };
        let own = detail.and_then(|detail| detail.format.as_deref());
        let own = own.map(|text| pattern(text, Pattern::has_date).or_else(|_| pattern(text, Pattern::has_time)));
        let own = own.transpose()?;
        let (own_date, own_time) = match own {
            Some(own) if own.has_date() => (Some(own), None),
            own => (None, own),
        };
        let date = self.date_format.as_deref().map(|text| pattern(text, Pattern::has_date)).transpose()?;
        let time = self.time_format.as_deref().map(|text| pattern(text, Pattern::has_time)).transpose()?;
        let mark = detail.and_then(|detail| detail.decimal_mark).or(self.decimal_mark);
        if mark.is_some_and(|mark| !matches!(mark, '.' | ',')) {
            return Err("the decimal mark is . or ,".to_owned());
        }
        let hours = self.hours_per_day.unwrap_or(8);
        if !(1..=24).contains(&hours) {
            return Err("a day has 1 to 24 hours".to_owned());
        }
        let unit = detail.and_then(|detail| detail.unit).or(self.duration_unit).unwrap_or_default();
        let grammar = Grammar { form: Form::Import, unit, mark, day_seconds: hours * 3600 };
        Ok(Way { patterns: Patterns { date: own_date.or(date), time: own_time.or(time) }, grammar })
    }
}

fn pattern(text: &str, has: fn(&Pattern) -> bool) -> Result<Pattern, String> {
    let pattern = Pattern::parse(text).map_err(|bad| format!("{text:?}: {bad}"))?;
    if has(&pattern) { Ok(pattern) } else { Err(format!("{text:?} is a pattern of the other kind")) }
}

/// How a column's texts are read.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    pub patterns: Patterns,
    pub grammar: Grammar,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_read_whole_or_refused() {
        let profile = Profile::from_json(
            r#"{"columns": {"Wer": "person", "C": {"field": "duration", "unit": "minutes"}, "X": "ignore"},
                "dateFormat": "dd.MM.yyyy", "timeFormat": "HH:mm", "decimalMark": ","}"#,
        )
        .expect("a profile");
        assert_eq!(profile.columns["C"].unit(), Some(Unit::Minutes));
        let text = serde_json::to_string(&profile).expect("JSON");
        assert_eq!(Profile::from_json(&text), Ok(profile));
        for (text, part) in [
            ("", "EOF"),
            (r#"{"dateformat": "dd"}"#, "unknown field"),
            (r#"{"columns": {"A": "nobody"}}"#, "columns"),
            (r#"{"columns": {"A": {"field": "date", "unit": "years"}}}"#, "columns"),
            (r#"{"dateFormat": "dd.mm.yyyy"}"#, "month"),
            (r#"{"dateFormat": "HH:mm"}"#, "other kind"),
            (r#"{"columns": {"A": {"field": "date", "format": "Q"}}}"#, "\"A\""),
            (r#"{"decimalMark": "x"}"#, "decimal mark"),
            (r#"{"hoursPerDay": 0}"#, "hours"),
        ] {
            let error = Profile::from_json(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
