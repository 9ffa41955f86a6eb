//! SQL text for people to read.

/// A clause a line, sub-selects indented, long lists wrapped.
pub fn laid_out(sql: &str) -> String {
    const CLAUSES: [&str; 8] =
        [" FROM ", " LEFT JOIN ", " JOIN ", " WHERE ", " GROUP BY ", " ORDER BY ", " LIMIT ", " OFFSET "];
    let mut out = String::new();
    // Whether each open parenthesis holds a SELECT; the statement itself does.
    let mut open = vec![true];
    let mut rest = sql;
    while let Some(c) = rest.chars().next() {
        let selects = open.iter().filter(|select| **select).count();
        let line = |depth: usize| format!("\n{}", "  ".repeat(depth));
        let in_select = open.last() == Some(&true);
        let width = out.len() - out.rfind('\n').map_or(0, |at| at + 1);
        let clause = CLAUSES.iter().find(|clause| rest.starts_with(**clause) && !out.ends_with(" DISTINCT"));
        if let Some(clause) = clause.filter(|_| in_select) {
            out += &line(selects - 1);
            out += clause.trim_start();
            rest = &rest[clause.len()..];
            continue;
        }
        if in_select && rest.starts_with(" AND ") || in_select && width > 100 && out.ends_with(',') && c == ' ' {
            out += &line(selects);
            rest = &rest[1..];
            continue;
        }
        match c {
            '\'' => {
                let end = rest[1..].find('\'').map_or(rest.len(), |at| at + 2);
                out += &rest[..end];
                rest = &rest[end..];
                continue;
            }
            '(' if rest.starts_with("(SELECT") => {
                open.push(true);
                out += "(";
                out += &line(selects);
            }
            '(' => {
                open.push(false);
                out.push('(');
            }
            ')' => {
                if open.pop() == Some(true) {
                    out += &line(selects - 2);
                }
                out.push(')');
            }
            other => out.push(other),
        }
        rest = &rest[c.len_utf8()..];
    }
    out
}
