//! The path of a request → which API it means (wire contract §0.1, §1).
//!
//! Segments match in any letter case, and `/api/{Collection}/odata/…` is `/api/odata/…` of a collection. actix matches
//! exact letters, so that its routes catch all of `/api/` and this module tells them apart.

use percent_encoding::percent_decode_str;

/// APIs below `/api/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    OData,
    Rest,
    Tracking,
    Pin,
    V1,
}

impl Api {
    const ALL: [Api; 5] = [Api::OData, Api::Rest, Api::Tracking, Api::Pin, Api::V1];

    /// Its segment of a path.
    pub fn name(self) -> &'static str {
        match self {
            Api::OData => "odata",
            Api::Rest => "rest",
            Api::Tracking => "tracking",
            Api::Pin => "pin",
            Api::V1 => "v1",
        }
    }

    fn named(segment: &str) -> Option<Api> {
        Api::ALL.into_iter().find(|api| api.name().eq_ignore_ascii_case(segment))
    }
}

/// A path below `/api/`, taken apart; every part as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address<'p> {
    /// Percent-encoded.
    pub collection: Option<&'p str>,
    pub api: Api,
    /// `/api/odata` or `/api/{Collection}/odata`: what links to the API begin with.
    pub root: &'p str,
    /// What follows, empty or with its slash: `/v3.1/workItems(42)`.
    pub rest: &'p str,
}

impl<'p> Address<'p> {
    /// Takes a path apart. `None`: it is no API's.
    pub fn of(path: &'p str) -> Option<Address<'p>> {
        let (first, after) = segment(path)?;
        if first.eq_ignore_ascii_case("api-internal") {
            let (second, rest) = segment(after)?;
            let api = Api::named(second).filter(|api| *api == Api::Rest)?;
            return Some(Address { collection: None, api, root: &path[..path.len() - rest.len()], rest });
        }
        if !first.eq_ignore_ascii_case("api") {
            return None;
        }
        let (second, rest) = segment(after)?;
        let (collection, api, rest) = match Api::named(second) {
            Some(api) => (None, api, rest),
            None => {
                let (third, rest) = segment(rest)?;
                (Some(second), Api::named(third)?, rest)
            }
        };
        Some(Address { collection, api, root: &path[..path.len() - rest.len()], rest })
    }

    /// Whether the site has this collection: any name will do where it has one organization (contract §1).
    pub fn collection_is_known(&self, organizations: &[String]) -> bool {
        self.collection.is_none() || organizations.is_empty() || self.configured(organizations).is_some()
    }

    /// The name of the organization that is asked: as configured, else as it was sent, else that of the only one.
    pub fn organization(&self, organizations: &[String]) -> Option<String> {
        match self.collection {
            Some(sent) => self.configured(organizations).cloned().or_else(|| Some(decoded(sent))),
            None => organizations.first().cloned(),
        }
    }

    fn configured<'o>(&self, organizations: &'o [String]) -> Option<&'o String> {
        let name = decoded(self.collection?).to_lowercase();
        organizations.iter().find(|known| known.to_lowercase() == name)
    }
}

fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

/// `/first/rest` → `first`, `/rest`.
fn segment(path: &str) -> Option<(&str, &str)> {
    let path = path.strip_prefix('/')?;
    let end = path.find('/').unwrap_or(path.len());
    (end > 0).then(|| path.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_taken_apart() {
        let cases = [
            ("/api/odata/v3.1/workItems(42)/Parent", None, Api::OData, "/api/odata", "/v3.1/workItems(42)/Parent"),
            ("/API/OData/V4.0/", None, Api::OData, "/API/OData", "/V4.0/"),
            ("/api/odata", None, Api::OData, "/api/odata", ""),
            ("/api/odata/", None, Api::OData, "/api/odata", "/"),
            ("/api/My%20Team/odata/v3.0", Some("My%20Team"), Api::OData, "/api/My%20Team/odata", "/v3.0"),
            // A segment named like an API is never a collection.
            ("/api/rest/odata/v3.0", None, Api::Rest, "/api/rest", "/odata/v3.0"),
            // What web pages of the original call.
            ("/api-internal/rest/worklogs", None, Api::Rest, "/api-internal/rest", "/worklogs"),
        ];
        for (path, collection, api, root, rest) in cases {
            assert_eq!(Address::of(path), Some(Address { collection, api, root, rest }), "{path}");
        }
        for path in [
            "",
            "/api-internal/odata/v3.0",
            "/",
            "/api",
            "/api/",
            "/api//odata",
            "/api/Team",
            "/api/Team/other",
            "/odata/v3.0",
            "/apiary/odata",
        ] {
            assert_eq!(Address::of(path), None, "{path}");
        }
    }

    #[test]
    fn a_collection_is_looked_for_only_where_several_are_configured() {
        let known = ["My Team".to_owned(), "Other".to_owned()];
        let cases = [("/api/odata/v3.0", true), ("/api/my%20team/odata/v3.0", true), ("/api/Third/odata/v3.0", false)];
        for (path, expected) in cases {
            let address = Address::of(path).unwrap();
            assert_eq!(address.collection_is_known(&known), expected, "{path}");
            assert!(address.collection_is_known(&[]));
        }
    }
}
