//! Values that must not be seen: they serialise for the layers of the configuration, and print masked.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A secret setting. `Debug` and `Display` mask it; [`Secret::expose`] is the only way to its text.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What may be shown. Of a database's address only the password is secret: the rest is what an operator looks for.
    pub fn masked(&self) -> String {
        let Some((scheme, rest)) = self.0.split_once(':') else {
            return if self.0.is_empty() { String::new() } else { "***".to_owned() };
        };
        match scheme {
            "sqlite" => self.0.clone(),
            "postgres" | "postgresql" => format!("{scheme}:{}", masked_authority(rest)),
            _ => "***".to_owned(),
        }
    }
}

/// `//user:secret@host/db?password=secret` → `//user:***@host/db?…`.
fn masked_authority(rest: &str) -> String {
    let (address, options) = match rest.split_once('?') {
        Some((address, _)) => (address, "?…"),
        None => (rest, ""),
    };
    let (slashes, address) = address.strip_prefix("//").map_or(("", address), |address| ("//", address));
    // The last `@` ends the credentials: a password may itself hold one.
    let shown = match address.rsplit_once('@') {
        Some((credentials, host)) => match credentials.split_once(':') {
            Some((user, _)) => format!("{user}:***@{host}"),
            None => format!("{credentials}@{host}"),
        },
        None => address.to_owned(),
    };
    format!("{slashes}{shown}{options}")
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_masked_and_the_rest_of_an_address_is_not() {
        let cases = [
            ("sqlite:/var/lib/timeledger.sqlite", "sqlite:/var/lib/timeledger.sqlite"),
            ("postgres://ann:s3cret@db:5432/time", "postgres://ann:***@db:5432/time"),
            ("postgres://ann:s3c@ret@db/time?sslmode=require", "postgres://ann:***@db/time?…"),
            ("postgres://ann@db/time", "postgres://ann@db/time"),
            ("postgresql://db/time?password=s3cret", "postgresql://db/time?…"),
            ("just-a-secret", "***"),
            ("other:s3cret", "***"),
            ("", ""),
        ];
        for (text, shown) in cases {
            assert_eq!(Secret::new(text).to_string(), shown);
            assert_eq!(format!("{:?}", Secret::new(text)), shown);
        }
    }
}
