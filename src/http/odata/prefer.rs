//! `Prefer` (RFC 7240, Part 1 §8.2.8): what a client would like of the answer (OD-72, OD-114, OD-184).
//!
//! A preference never fails a request: what is not understood is none. `include-annotations` is understood and changes
//! nothing, since no answer carries an instance annotation; it is not echoed, for nothing was done about it.

use actix_web::http::header::{HeaderMap, HeaderName};

/// The preferences that change an answer, each with the words in which it is echoed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    /// The preferred page size and the name under which it came.
    pub page: Option<(u64, &'static str)>,
    /// What may be left out. No property has a default of its own, so that null is the default of each, and both words
    /// ask for the same.
    pub omit: Option<&'static str>,
}

impl Preferences {
    pub fn of(headers: &HeaderMap) -> Preferences {
        let lines = headers.get_all(HeaderName::from_static("prefer")).filter_map(|line| line.to_str().ok());
        let all: Vec<(String, String)> = lines.flat_map(split).collect();
        let value = |name: &str| all.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        // The un-prefixed one first (OD-114).
        let page = ["maxpagesize", "odata.maxpagesize"].into_iter().find_map(|name| {
            let size = value(name)?.parse::<u64>().ok().filter(|size| *size > 0)?;
            Some((size, name))
        });
        let omit = value("omit-values").and_then(|asked| {
            let words = [("nulls", "omit-values=nulls"), ("defaults", "omit-values=defaults")];
            words.into_iter().find(|(word, _)| asked.eq_ignore_ascii_case(word)).map(|(_, echo)| echo)
        });
        Preferences { page, omit }
    }
}

/// The preferences of a header line as names and values, without quotes; parameters behind a semicolon are left out.
fn split(line: &str) -> Vec<(String, String)> {
    outside_quotes(line, ',')
        .into_iter()
        .filter_map(|preference| outside_quotes(preference, ';').first().copied().map(str::trim))
        .filter(|preference| !preference.is_empty())
        .map(|preference| {
            let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
            (name.trim().to_owned(), unquoted(value.trim()))
        })
        .collect()
}

/// Splits at a separator that stands in no quoted string.
pub(super) fn outside_quotes(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (n, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if letter == separator && !quoted => {
                parts.push(&text[start..n]);
                start = n + letter.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return value.to_owned() };
    let mut text = String::new();
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        text.extend(if letter == '\\' { letters.next() } else { Some(letter) });
    }
    text
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(lines: &[&str], page: Option<(u64, &'static str)>, omit: Option<&'static str>) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(HeaderName::from_static("prefer"), HeaderValue::from_str(line).expect("a header"));
        }
        assert_eq!(Preferences::of(&headers), Preferences { page, omit }, "{lines:?}");
    }

    #[test]
    fn rfc_7240_preferences() {
        check(&[], None, None);
        check(&["maxpagesize=2"], Some((2, "maxpagesize")), None);
        check(&["  MaxPageSize = \"2\" ; x=1 , respond-async"], Some((2, "maxpagesize")), None);
        check(&["odata.maxpagesize=3", "omit-values=nulls"], Some((3, "odata.maxpagesize")), Some("omit-values=nulls"));
        check(&["Omit-Values=\"Defaults\""], None, Some("omit-values=defaults"));
        // The first of a name counts.
        check(&["omit-values=nulls,omit-values=defaults"], None, Some("omit-values=nulls"));
        check(&["omit-values=both,omit-values=nulls"], None, None);
        check(&["omit-values"], None, None);
    }

    #[test]
    fn quotes_hold_what_they_hold() {
        check(&["odata.include-annotations=\"a.*,maxpagesize=5\""], None, None);
        check(&["include-annotations=\"-*,d.*\\\",x\",maxpagesize=5"], Some((5, "maxpagesize")), None);
        check(&["include-annotations=\"*,maxpagesize=5"], None, None);
        check(&["maxpagesize=\"\\5\""], Some((5, "maxpagesize")), None);
        check(&[",,;,=,\"", "=", ";maxpagesize=5"], None, None);
    }
}
