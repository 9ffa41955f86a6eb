//! JSON whose numbers stay the text that was sent: nothing is lost on the way to the comparison.

use std::str::Chars;

#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// A well-formed document; anything else is a defect of the server.
    pub fn parse(text: &str) -> Json {
        let mut rest = text.chars();
        let value = value(&mut rest);
        assert!(rest.as_str().trim().is_empty(), "more than one value in {text}");
        value
    }

    /// A member of an object.
    pub fn get(&self, name: &str) -> Option<&Json> {
        match self {
            Json::Object(members) => members.iter().find(|(known, _)| known == name).map(|(_, value)| value),
            _ => None,
        }
    }

    pub fn text(&self) -> Option<&str> {
        match self {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }
}

fn value(rest: &mut Chars) -> Json {
    blanks(rest);
    match rest.as_str().chars().next() {
        Some('{') => Json::Object(items(rest, '}', |rest| {
            let name = string(rest);
            expect(rest, ':');
            (name, value(rest))
        })),
        Some('[') => Json::Array(items(rest, ']', value)),
        Some('"') => Json::Text(string(rest)),
        _ => match word(rest).as_str() {
            "null" => Json::Null,
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            number => {
                assert!(number.parse::<f64>().is_ok(), "{number} is no value");
                Json::Number(number.to_owned())
            }
        },
    }
}

fn blanks(rest: &mut Chars) {
    *rest = rest.as_str().trim_start().chars();
}

fn expect(rest: &mut Chars, sign: char) {
    blanks(rest);
    assert_eq!(rest.next(), Some(sign), "before {}", rest.as_str());
}

fn items<T>(rest: &mut Chars, end: char, item: impl Fn(&mut Chars) -> T) -> Vec<T> {
    let mut items = Vec::new();
    rest.next();
    blanks(rest);
    if rest.as_str().starts_with(end) {
        rest.next();
        return items;
    }
    loop {
        blanks(rest);
        items.push(item(rest));
        blanks(rest);
        match rest.next() {
            Some(',') => {}
            Some(sign) if sign == end => return items,
            other => panic!("{other:?} between items"),
        }
    }
}

fn string(rest: &mut Chars) -> String {
    let text = rest.as_str();
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|(_, sign)| {
        let ends = *sign == '"' && !escaped;
        escaped = *sign == '\\' && !escaped;
        ends
    });
    let (end, _) = end.unwrap_or_else(|| panic!("{text} has no end"));
    *rest = text[end + 1..].chars();
    serde_json::from_str(&text[..=end]).unwrap_or_else(|error| panic!("{error}: {}", &text[..=end]))
}

fn word(rest: &mut Chars) -> String {
    let text = rest.as_str();
    let end = text.find([',', '}', ']', ' ', '\n']).unwrap_or(text.len());
    *rest = text[end..].chars();
    text[..end].to_owned()
}
