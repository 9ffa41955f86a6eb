//! Addresses in answers: next links that repeat the whole request, and those of expanded collections.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::bound::{Form, Leaf, Resource, Step, Target};
use super::plan::Child;
use super::url::Pair;

/// What a query value may hold as it is. Quotes and blanks are written encoded, `$` and parentheses for the reader's sake
/// are not.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'$')
    .remove(b'(')
    .remove(b')')
    .remove(b',')
    .remove(b'/')
    .remove(b':')
    .remove(b'@')
    .remove(b'*');

/// The address of a request: service root, path and options.
pub(super) struct Address {
    root: String,
    path: String,
    options: Vec<Pair>,
    /// Under which the options are kept, where they are too long for a link.
    continuation: Option<String>,
}

impl Address {
    /// `path` is percent-encoded, `options` are decoded.
    pub fn new(root: &str, path: &str, options: Vec<Pair>, continuation: Option<&str>) -> Address {
        let path = path.trim_matches('/');
        let path = path.strip_suffix("/$query").or_else(|| path.strip_suffix("/%24query")).unwrap_or(path);
        Address { root: root.to_owned(), path: path.to_owned(), options, continuation: continuation.map(str::to_owned) }
    }

    /// What a skip token is bound to: path and options but for the token itself.
    pub fn binding(&self) -> String {
        let options: Vec<String> = self
            .options
            .iter()
            .filter(|(name, _)| !is(name, "skiptoken"))
            .map(|(name, value)| format!("{}={value}", name.trim_start_matches('$').to_ascii_lowercase()))
            .collect();
        format!("{}?{}", self.path, options.join("&"))
    }

    pub fn next(&self, token: &str) -> String {
        if let Some(id) = &self.continuation {
            return format!("{}{}?$skiptoken={id}.{token}", self.root, self.path);
        }
        let query = query_string(&self.options);
        let and = if query.is_empty() { "" } else { "&" };
        format!("{}{}?{query}{and}$skiptoken={token}", self.root, self.path)
    }

    /// An address below the service root.
    pub fn of(&self, path: &str) -> String {
        format!("{}{path}", self.root)
    }

    /// The address of the resource without its options, and of the entity where a reference to it is asked for.
    pub fn resource(&self) -> String {
        let path = self.path.strip_suffix("/$ref").or_else(|| self.path.strip_suffix("/%24ref")).unwrap_or(&self.path);
        self.of(path)
    }

    /// The rows of an expanded collection from `skip` on: the item's own options as those of a request.
    pub fn nested(&self, address: &str, child: &Child, skip: u64) -> String {
        let expand = self.options.iter().find(|(name, _)| is(name, "expand")).map_or("", |(_, value)| value);
        let expansion = &child.expansion;
        let item: String = expand.chars().skip(expansion.span.start).take(expansion.span.len()).collect();
        let inside = item.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')')).map_or("", |(inside, _)| inside);
        let mut query = Vec::new();
        let mut deeper = below(child, &item, inside);
        let mut hidden: Vec<&str> = Vec::new();
        for option in split_outside(inside) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            match name.trim() {
                name if ["skip", "top", "count", "levels"].iter().any(|left_out| is(name, left_out)) => {}
                name if is(name, "expand") => {
                    let items = deeper.take().map_or_else(|| value.to_owned(), |level| format!("{value},{level}"));
                    query.push(pair(name, &items));
                }
                name => {
                    query.push(pair(name, value));
                    hidden.push(name);
                }
            }
        }
        query.extend(deeper.map(|level| pair("$expand", &level)));
        if let Some(top) = child.top {
            query.push(format!("$top={}", top.saturating_sub(child.limit)));
        }
        // Extension parameters narrow the members too; of two aliases of a name the inner one counts.
        let kept = |name: &str| is(name, "schemaversion") || (!name.starts_with('$') && !is_system(name));
        let outer = self.options.iter().filter(|(name, _)| kept(name) && !hidden.contains(&name.as_str()));
        query.extend(outer.map(|(name, value)| pair(name, value)));
        query.push(format!("$skip={skip}"));
        let reference = if expansion.form == Form::References { "/$ref" } else { "" };
        format!("{address}{reference}?{}", query.join("&"))
    }

    /// The set as the request wrote it.
    pub fn set(&self) -> &str {
        self.path.split(['/', '(']).next().unwrap_or_default()
    }
}

/// The `$expand` item that goes on with the levels below a page of members.
fn below(child: &Child, item: &str, inside: &str) -> Option<String> {
    let levels = child.expansion.below;
    if levels == 0 {
        return None;
    }
    if item.trim_start().starts_with('*') {
        return Some(format!("*($levels={levels})"));
    }
    let mut options: Vec<&str> = split_outside(inside);
    options.retain(|option| !is(option.split('=').next().unwrap_or("").trim(), "levels"));
    let levels = format!("$levels={levels}");
    options.push(&levels);
    Some(format!("{}({})", child.nav.name, options.join(";")))
}

/// The options as a query string, but for the skip token.
pub(super) fn query_string(options: &[Pair]) -> String {
    let kept = options.iter().filter(|(name, _)| !is(name, "skiptoken"));
    kept.map(|(name, value)| pair(name, value)).collect::<Vec<_>>().join("&")
}

fn pair(name: &str, value: &str) -> String {
    format!("{}={}", utf8_percent_encode(name, QUERY), utf8_percent_encode(value, QUERY))
}

fn is(name: &str, option: &str) -> bool {
    name.strip_prefix('$').unwrap_or(name).eq_ignore_ascii_case(option)
}

fn is_system(name: &str) -> bool {
    const SYSTEM: [&str; 13] = [
        "filter",
        "select",
        "expand",
        "orderby",
        "top",
        "skip",
        "count",
        "apply",
        "search",
        "compute",
        "skiptoken",
        "format",
        "id",
    ];
    SYSTEM.iter().any(|known| is(name, known))
}

/// Splits at semicolons outside quotes and parentheses.
fn split_outside(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut quoted) = (Vec::new(), 0, 0usize, false);
    // Where an option may begin, and where a search ends: its words and phrases have quotes of their own.
    let (mut begins, mut skip) = (true, 0);
    for (n, c) in text.char_indices() {
        if n < skip {
            continue;
        }
        if begins && !quoted && !c.is_whitespace() {
            skip = search_end(text, n);
            begins = false;
            if skip > n {
                continue;
            }
        }
        begins |= !quoted && matches!(c, '(' | ';');
        match c {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            ';' if !quoted && depth == 0 => {
                parts.push(&text[start..n]);
                start = n + 1;
            }
            _ => {}
        }
    }
    if start < text.len() {
        parts.push(&text[start..]);
    }
    parts
}

/// Where the value of a `$search=…` that begins at `start` ends; `start` itself for anything else.
fn search_end(text: &str, start: usize) -> usize {
    let option = &text[start..];
    let Some((name, _)) = option.split_once('=').filter(|(name, _)| is(name.trim(), "search")) else { return start };
    let (mut depth, mut phrase, mut escaped) = (0usize, false, false);
    for (n, c) in option.char_indices().skip(name.chars().count() + 1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if phrase => escaped = true,
            '"' => phrase = !phrase,
            _ if phrase => {}
            '(' => depth += 1,
            ')' if depth > 0 => depth -= 1,
            ')' | ';' => return start + n,
            _ => {}
        }
    }
    text.len()
}

/// `workItems(42)/System_Title`: the context of a property.
pub(super) fn unescaped_path(resource: &Resource) -> String {
    let mut path = resource.set.name.to_owned();
    for hop in &resource.hops {
        if let Some(key) = &hop.key {
            let values: Vec<String> = key.iter().map(|(_, value)| literal(value)).collect();
            path.push_str(&format!("({})", values.join(",")));
        }
        if let Some(nav) = hop.nav {
            path.push('/');
            path.push_str(nav.name);
        }
    }
    if let Target::Property { steps, leaf, .. } = &resource.target {
        for name in steps.iter().map(Step::name) {
            path.push('/');
            path.push_str(name);
        }
        path.push('/');
        path.push_str(match leaf {
            Leaf::Prop(prop) => prop.name,
            Leaf::Complex(complex) => complex.name,
            Leaf::Dynamic(field) => &field.name,
        });
    }
    path
}

fn literal(value: &super::bound::Expr) -> String {
    use super::bound::Kind;
    use crate::sql::Value;
    match &value.kind {
        Kind::Literal(Value::Int64(n)) => n.to_string(),
        Kind::Literal(Value::Guid(guid)) => guid.to_string(),
        Kind::Literal(Value::Text(text)) => format!("'{}'", text.replace('\'', "''")),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_split_where_they_end() {
        for (text, parts) in [
            ("$select=A;$top=5", vec!["$select=A", "$top=5"]),
            ("$filter=A eq ';';$top=5", vec!["$filter=A eq ';'", "$top=5"]),
            ("$expand=B($top=1;$skip=2);$top=5", vec!["$expand=B($top=1;$skip=2)", "$top=5"]),
            (r#"$search="a;b" O'Neil;$top=5"#, vec![r#"$search="a;b" O'Neil"#, "$top=5"]),
            (r#"$search=(a OR "x\";)" ) b;$top=5"#, vec![r#"$search=(a OR "x\";)" ) b"#, "$top=5"]),
            (
                r#"$expand=B( search=O'Neil ")";$top=1);$top=5"#,
                vec![r#"$expand=B( search=O'Neil ")";$top=1)"#, "$top=5"],
            ),
        ] {
            assert_eq!(split_outside(text), parts);
        }
    }
}
