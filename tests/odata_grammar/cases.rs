//! The YAML subset of the OASIS files: a list of maps of scalars. One scalar holds a raw TAB, which strict YAML readers
//! refuse, so the files are read line by line.

pub struct Case {
    pub name: String,
    pub rule: String,
    pub input: String,
    /// Whether the case says where the text goes wrong (`FailAt`).
    pub negative: bool,
}

pub fn read(text: &str) -> Vec<Case> {
    let body = text.split_once("\nTestCases:\n").map_or("", |(_, body)| body);
    let mut cases = Vec::new();
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in body.lines() {
        if line.starts_with('#') {
            continue;
        }
        let (opens, rest) = match line.strip_prefix("  - ") {
            Some(rest) => (true, rest),
            None => (false, line.strip_prefix("    ").unwrap_or(line)),
        };
        if opens && !fields.is_empty() {
            cases.push(case(&fields));
            fields.clear();
        }
        let key = ["Name:", "Rule:", "Input:", "FailAt:", "Expect:"].into_iter().find(|key| rest.starts_with(key));
        match (key, fields.last_mut()) {
            (Some(key), _) => fields.push((key.to_owned(), rest[key.len()..].to_owned())),
            (None, Some((_, value))) => {
                value.push('\n');
                value.push_str(line);
            }
            (None, None) => {}
        }
    }
    if !fields.is_empty() {
        cases.push(case(&fields));
    }
    cases
}

fn case(fields: &[(String, String)]) -> Case {
    let raw = |key: &str| fields.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
    let text = |key: &str| raw(key).map(scalar).unwrap_or_default();
    Case { name: text("Name:"), rule: text("Rule:"), input: text("Input:"), negative: raw("FailAt:").is_some() }
}

/// A scalar, plain or quoted, folded over several lines.
fn scalar(raw: &str) -> String {
    let raw = raw.trim();
    match raw.chars().next() {
        Some('"') => double_quoted(&raw[1..]),
        Some('\'') => {
            let inner = raw[1..].strip_suffix('\'').unwrap_or(&raw[1..]);
            folded(inner.lines(), str::trim).replace("''", "'")
        }
        _ => folded(raw.lines(), plain_line),
    }
}

fn plain_line(line: &str) -> &str {
    let line = line.trim();
    if line.starts_with('#') { "" } else { line.split_once(" #").map_or(line, |(text, _)| text.trim_end()) }
}

fn folded<'a>(lines: impl Iterator<Item = &'a str>, clean: impl Fn(&'a str) -> &'a str) -> String {
    lines.map(clean).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

fn double_quoted(raw: &str) -> String {
    let mut text = String::new();
    let mut chars = raw.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => match chars.next() {
                Some('\n') => while chars.next_if(|c| c.is_whitespace()).is_some() {},
                Some('r') => text.push('\r'),
                Some('t') => text.push('\t'),
                Some(other) => text.push(other),
                None => {}
            },
            '\n' => {
                while chars.next_if(|c| c.is_whitespace()).is_some() {}
                text.push(' ');
            }
            other => text.push(other),
        }
    }
    text
}
