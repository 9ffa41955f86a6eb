//! Bytes of a URL or of a `$query` body → decoded options, in the order of the request (OD-15, OD-16, OD-21).
//!
//! Splitting comes first and decoding once after it, so an encoded `&` or `/` is text. A `+` of a query string is a
//! blank; in a path it is itself.

use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};

use super::error::{Code, ODataError, Result};

/// A decoded option: name as written (perhaps with `$` or `@`) and value.
pub type Pair = (String, String);

/// The options of a raw query string, decoded, in order. Pieces without a name and a value are skipped.
pub fn split_options(raw_query: &str) -> Result<Vec<Pair>> {
    let mut pairs = Vec::new();
    for piece in raw_query.split('&').filter(|piece| !piece.is_empty()) {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        let name = decode_query(name)?;
        let value = decode_query(value).map_err(|e| e.in_option(&name))?;
        pairs.push((name, value));
    }
    Ok(pairs)
}

/// The options of a `text/plain` body: a query string that may be unencoded but for `%`, `&` and `+`, and whose line
/// breaks are ignored (contract §3.8).
pub fn split_text_body(body: &[u8]) -> Result<Vec<Pair>> {
    let text = utf8(body)?.trim_start_matches('\u{feff}');
    let text: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    split_options(text.strip_prefix('?').unwrap_or(&text))
}

/// The options of a JSON body: an object from option names to texts, numbers, Booleans or, for a parameter alias, any
/// JSON. Duplicate members stay, so that they can be refused like any other duplicate.
pub fn split_json_body(body: &[u8]) -> Result<Vec<Pair>> {
    let text = utf8(body)?.trim_start_matches('\u{feff}');
    let mut reader = serde_json::Deserializer::from_str(text);
    let members = reader.deserialize_map(Members).and_then(|members| reader.end().map(|()| members)).map_err(|e| {
        ODataError::new(Code::SyntaxError, format!("The body is not a JSON object of query options: {e}."))
    })?;
    members.into_iter().map(|(name, value)| option_of_json(name, value)).collect()
}

fn option_of_json(name: String, value: serde_json::Value) -> Result<Pair> {
    use serde_json::Value;
    let is_alias = name.starts_with('@');
    let text = match value {
        Value::String(text) if is_alias => format!("'{}'", text.replace('\'', "''")),
        Value::String(text) => text,
        Value::Null | Value::Array(_) | Value::Object(_) if !is_alias => {
            let message = "The value in the JSON body must be a string, a number or a Boolean.";
            return Err(ODataError::new(Code::InvalidValue, message).in_option(&name));
        }
        other => other.to_string(),
    };
    if name.contains('\0') || text.contains('\0') {
        return Err(nul().in_option(&name));
    }
    Ok((name, text))
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, serde_json::Value)>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object of query options")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}

/// Decodes a name or value of a query string, `+` being a blank.
pub fn decode_query(raw: &str) -> Result<String> {
    decode(raw, b' ')
}

/// Decodes a path segment.
pub fn decode_segment(raw: &str) -> Result<String> {
    decode(raw, b'+')
}

fn decode(raw: &str, plus: u8) -> Result<String> {
    let bytes = raw.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'%' => {
                let pair = hex_digit(bytes.get(at)).zip(hex_digit(bytes.get(at + 1)));
                let (high, low) = pair.ok_or_else(|| broken_escape(raw, at - 1))?;
                decoded.push(high << 4 | low);
                at += 2;
            }
            b'+' => decoded.push(plus),
            other => decoded.push(other),
        }
    }
    let text = String::from_utf8(decoded).map_err(|_| {
        ODataError::new(
            Code::InvalidEncoding,
            "The percent-encoded bytes are not UTF-8. Encode the text as UTF-8 first.",
        )
    })?;
    if text.contains('\0') { Err(nul()) } else { Ok(text) }
}

fn hex_digit(byte: Option<&u8>) -> Option<u8> {
    byte.and_then(|&b| char::from(b).to_digit(16)).and_then(|d| u8::try_from(d).ok())
}

fn utf8(body: &[u8]) -> Result<&str> {
    std::str::from_utf8(body).map_err(|_| ODataError::new(Code::InvalidEncoding, "The body is not UTF-8."))
}

fn broken_escape(raw: &str, at: usize) -> ODataError {
    let shown: String = raw.get(at..).unwrap_or_default().chars().take(3).collect();
    let message =
        format!("`{shown}` is no percent-encoding: two hexadecimal digits must follow `%`. Write a plain % as %25.");
    ODataError::new(Code::InvalidEncoding, message)
}

fn nul() -> ODataError {
    ODataError::new(Code::InvalidEncoding, "The character NUL (%00) is not allowed.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str, expected: &[(&str, &str)]) {
        let pairs = split_options(raw).unwrap();
        let pairs: Vec<_> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(pairs, expected, "{raw}");
    }

    #[test]
    fn decodes_once_after_splitting() {
        check("$filter=BudgetName eq 'A%26B'", &[("$filter", "BudgetName eq 'A&B'")]);
        check("%24top=1&x=%2525", &[("$top", "1"), ("x", "%25")]);
        check("$filter=a+eq+1%2B1", &[("$filter", "a eq 1+1")]);
        check("a=b=c&&d", &[("a", "b=c"), ("d", "")]);
        check("", &[]);
    }

    #[test]
    fn refuses_broken_encoding() {
        for raw in ["$filter=%zz", "a=%4", "a=%", "a=%ff", "%00=1", "a=x%00", "a=%ED%A0%80"] {
            assert_eq!(split_options(raw).unwrap_err().code, Code::InvalidEncoding, "{raw}");
        }
    }

    #[test]
    fn bodies() {
        let text = split_text_body(b"filter=Comment eq 'a%26b'\r\n&$top=\n5").unwrap();
        assert_eq!(text, [("filter".into(), "Comment eq 'a&b'".into()), ("$top".into(), "5".into())]);
        let json = split_json_body(br#"{"$top":5,"count":true,"@ids":[1,2],"@s":"it's","filter":"a eq 1+1"}"#).unwrap();
        let json: Vec<_> = json.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let expected = [("$top", "5"), ("count", "true"), ("@ids", "[1,2]"), ("@s", "'it''s'"), ("filter", "a eq 1+1")];
        assert_eq!(json, expected);
        for broken in [&b"[]"[..], b"{", b"{} x", br#"{"filter":{}}"#, b"\xff", br#"{"a":"\u0000"}"#] {
            assert_eq!(split_json_body(broken).unwrap_err().status(), 400);
        }
        assert_eq!(split_json_body(br#"{"top":1,"top":2}"#).unwrap().len(), 2);
    }
}
