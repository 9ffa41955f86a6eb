//! `api-version` of REST and tracking (contract §1).

use actix_web::http::StatusCode;

use crate::http::Problem;

/// A level of the API; `-preview` and `-beta` are the same level as the bare number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    V2_1,
    V3_0,
    V3_1,
    V3_2,
    V3_3,
}

const LEVELS: [(&str, Level); 5] =
    [("2.1", Level::V2_1), ("3.0", Level::V3_0), ("3.1", Level::V3_1), ("3.2", Level::V3_2), ("3.3", Level::V3_3)];

/// The level that a request names. A missing one is 3.2, unless the site is strict; an unreadable one is 400.
pub fn check(sent: Option<&str>, strict: bool) -> Result<Level, Problem> {
    let Some(sent) = sent else {
        return if strict { Err(refused("api-version is missing")) } else { Ok(Level::V3_2) };
    };
    let lower = sent.to_ascii_lowercase();
    let number = lower.strip_suffix("-preview").or_else(|| lower.strip_suffix("-beta")).unwrap_or(&lower);
    let found = LEVELS.iter().find(|(name, _)| *name == number.trim_start_matches('v'));
    found.map(|(_, level)| *level).ok_or_else(|| refused("api-version is not known"))
}

fn refused(what: &str) -> Problem {
    let names = LEVELS.map(|(name, _)| name).join(", ");
    Problem::new(StatusCode::BAD_REQUEST, "ApiVersionError", format!("{what}; it is one of {names}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contract_1_versions() {
        for (sent, expected) in [
            (Some("2.1"), Some(Level::V2_1)),
            (Some("3.0-preview"), Some(Level::V3_0)),
            (Some("3.1-beta"), Some(Level::V3_1)),
            (Some("3.2"), Some(Level::V3_2)),
            (Some("3.3-beta"), Some(Level::V3_3)),
            (Some("3.3-Beta"), Some(Level::V3_3)),
            (Some("4.0"), None),
            (Some("latest"), None),
            (None, Some(Level::V3_2)),
        ] {
            assert_eq!(check(sent, false).ok(), expected, "{sent:?}");
        }
        assert_eq!(check(None, true).map_err(|problem| problem.code()), Err("ApiVersionError"));
    }
}
