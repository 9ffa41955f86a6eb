//! What inputs are made from: questions of `fixtures/queries`, the standard's grammar cases where they are at hand, texts
//! written here, and the words of the language.

use std::path::Path;

use super::targets::Target;

/// Words, operators and signs that mean something somewhere.
pub const WORDS: &[&str] = &[
    "(",
    ")",
    ",",
    ";",
    "=",
    "/",
    "'",
    "\"",
    "%",
    "%27",
    "%00",
    "%ff",
    "+",
    " ",
    "\t",
    "@a",
    "@",
    "$",
    "$it",
    "$root",
    "$this",
    "$these",
    "$count",
    "$ref",
    "$value",
    "$all",
    "$each",
    "$filter",
    "$select",
    "$expand",
    "$levels=max",
    "$search=",
    "null",
    "true",
    "false",
    "and ",
    " or ",
    "not ",
    "not",
    "-",
    " eq ",
    " ne ",
    " gt ",
    " in ",
    " has ",
    " add ",
    " sub ",
    " mul ",
    " div ",
    " divby ",
    " mod ",
    "any(x:",
    "all(x:",
    "any()",
    "contains(",
    "concat(",
    "case(",
    "cast(",
    "isof(",
    "Edm.String",
    "Edm.Decimal",
    "matchesPattern(Comment,'",
    "substring(",
    "round(",
    "year(",
    "now()",
    "duration'P1D'",
    "P1D",
    "INF",
    "NaN",
    "-INF",
    "2024-02-29",
    "2024-02-30",
    "2024-01-01T00:00:00Z",
    "23:59:60",
    "00000000-0000-4000-8000-000000000001",
    "Timeledger.",
    "BudgetAssignmentType'NoBudget'",
    "binary'AA'",
    "geography'POINT(1 1)'",
    "aggregate(",
    "groupby((",
    "filter(",
    "compute(",
    "search(",
    "topcount(",
    "rollup(",
    "concat(",
    "identity",
    " with sum",
    " with average",
    " as X",
    " from ",
    "with countdistinct",
    "Comment",
    "PeriodLength",
    "Hours",
    "Timestamp",
    "User/Name",
    "User",
    "WorkItem",
    "Worklogs",
    "Children",
    "Parent",
    "Custom_Team",
    "Custom_Score",
    "Id",
    "*",
    " asc",
    " desc",
    ":",
    "::",
    "[",
    "]",
    "{",
    "}",
    "[1,2]",
    "ß",
    "\u{1f389}",
    "\u{0}",
    "\u{202e}",
    "\u{feff}",
    "İ",
    "ﬁ",
    "e\u{301}",
    "q=0.5",
    "W/\"",
    "*/*",
    ";q=",
    "maxpagesize=",
    "Bearer ",
    "Basic ",
    "application/json",
    "AND",
    "OR",
    "NOT",
    "\\",
    "\r\n",
    "&",
    "?",
    "#",
    "<",
    ">",
    "--",
    "1=1",
];

/// What can hold itself.
pub const NESTS: &[(&str, &str)] = &[
    ("(", ")"),
    ("not ", ""),
    ("not(", ")"),
    ("-", ""),
    ("trim(", ")"),
    ("[", "]"),
    ("{\"a\":", "}"),
    ("Children($expand=", ")"),
    ("User($select=", ")"),
    ("Children/any(x:", ")"),
    ("concat('a',", ")"),
    ("case(true:", ")"),
    ("filter(", ")"),
    ("a and ", ""),
    ("a or(", ")"),
    ("groupby((Id),", ")"),
    ("concat(identity,", ")"),
    ("'", "'"),
    ("Parent/", ""),
    ("1 add ", ""),
    ("NOT ", ""),
    ("\"", "\""),
    ("($filter=", ")"),
    ("Worklogs/$count($filter=", ")"),
    ("%", ""),
    ("%25", ""),
    ("((1),", ")"),
];

pub const NUMBERS: &[&str] = &[
    "0",
    "-1",
    "1",
    "2147483647",
    "2147483648",
    "-2147483649",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "99999999999999999999999999999",
    "1e400",
    "1e-400",
    "0.0000001",
    "1.",
    ".5",
    "00",
    "1e",
    "123456789012345678901234567890.5",
    "18446744073709551616",
    "4294967296",
    "1E308",
];

pub fn of(target: &Target) -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = target.seeds.iter().map(|seed| seed.as_bytes().to_vec()).collect();
    for address in questions().into_iter().chain(cases()) {
        seeds.extend((target.part)(&address).map(|part| part.into_bytes()));
    }
    seeds.sort();
    seeds.dedup();
    seeds
}

fn folder(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Addresses of `fixtures/queries`, without their version.
fn questions() -> Vec<String> {
    let entries = std::fs::read_dir(folder("fixtures/queries")).into_iter().flatten().flatten();
    let texts = entries.filter_map(|entry| std::fs::read_to_string(entry.path()).ok());
    let address = |text: String| -> Option<String> {
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with(['#']) && !line.starts_with("as "));
        let lines = lines.filter(|line| !line.starts_with("after "));
        Some(lines.collect::<String>().split_once('/')?.1.to_owned())
    };
    texts.filter_map(address).collect()
}

/// Texts of the standard's grammar cases that stand on one line.
fn cases() -> Vec<String> {
    let files = ["odata-abnf-testcases.yaml", "odata-aggregation-testcases.yaml"];
    let texts = files.iter().filter_map(|file| std::fs::read_to_string(folder("../shared/odata-abnf").join(file)).ok());
    let inputs = |text: String| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.trim_start().strip_prefix("Input: "));
        lines.map(|line| line.trim_matches(['"', '\'']).to_owned()).collect()
    };
    texts.flat_map(inputs).collect()
}
