//! Tokens: their form, their making, and what is kept of them (AU-10 to AU-14).
//!
//! `tlt_` (or `tla_`, `tlr_`: [`Kind`]), 33 characters of full entropy, 6 of checksum. The database keeps the SHA-256: neither salt nor slow hash is
//! needed for a secret of 196 bits, and the look-up by digest tells nothing by its timing.

use std::fmt;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use sha2::Digest as _;
use subtle::ConstantTimeEq;

/// Sixty-two digits; a token's random part and its checksum are written in them.
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What a token of ours is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Api,
    /// Of a paired client, for an hour.
    Access,
    /// Of a paired client, good for new ones.
    Refresh,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Api, Kind::Access, Kind::Refresh];

    fn prefix(self) -> &'static str {
        match self {
            Kind::Api => "tlt_",
            Kind::Access => "tla_",
            Kind::Refresh => "tlr_",
        }
    }

    /// The kind that a text claims to be; none: it is not ours.
    pub fn of(text: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| text.starts_with(kind.prefix()))
    }
}

/// Characters of a prefix.
const PREFIX: usize = 4;
const RANDOM: usize = 33;
const CHECKSUM: usize = 6;
const LENGTH: usize = PREFIX + RANDOM + CHECKSUM;
/// Characters of a token that may be shown, to tell one from another.
pub(super) const SHOWN: usize = 8;

/// Days that a token may live (AU-13).
pub const LIFETIME_DAYS: std::ops::RangeInclusive<u32> = 1..=366;
pub const DEFAULT_LIFETIME_DAYS: u32 = 365;
/// Living tokens that a person may have (AU-13).
pub const TOKENS_A_PERSON: i64 = 50;

/// A token just made. It is shown once and never kept.
#[derive(Debug)]
pub struct Minted {
    secret: SecretString,
}

impl Minted {
    /// Draws a token from the operating system's random source.
    pub fn draw(kind: Kind) -> Result<Minted, getrandom::Error> {
        let mut text = String::with_capacity(LENGTH);
        text.push_str(kind.prefix());
        let mut bytes = [0u8; 64];
        while text.len() < PREFIX + RANDOM {
            getrandom::fill(&mut bytes)?;
            // Below 248 = 4 · 62 every digit is equally likely; bytes above are thrown away.
            let digits =
                bytes.iter().filter(|byte| **byte < 248).map(|byte| char::from(ALPHABET[usize::from(*byte % 62)]));
            text.extend(digits.take(PREFIX + RANDOM - text.len()));
        }
        text.push_str(&checksum(&text));
        Ok(Minted { secret: SecretString::from(text) })
    }

    /// The token, to be shown to its owner.
    pub fn expose(&self) -> &str {
        self.secret.expose_secret()
    }

    /// What the database keeps.
    pub fn digest(&self) -> Digest {
        Digest::of(self.expose())
    }

    /// The first characters, by which its owner knows it again.
    pub fn prefix(&self) -> &str {
        &self.expose()[..SHOWN]
    }
}

/// CRC-32 (IEEE) of the text in base 62, padded with `0`.
fn checksum(text: &str) -> String {
    let mut rest = crc32fast::hash(text.as_bytes());
    let mut digits = [b'0'; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

/// SHA-256 of a token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    pub fn of(token: &str) -> Digest {
        Digest(sha2::Sha256::digest(token.as_bytes()).into())
    }

    /// The digest of a text that may be a token. Ours must have the right checksum; others are opaque, of a form that
    /// former servers issued (AU-11).
    pub fn recognise(text: &str) -> Option<Digest> {
        let plausible = if Kind::of(text).is_some() {
            text.len() == LENGTH
                && text.bytes().skip(PREFIX).all(|byte| byte.is_ascii_alphanumeric())
                && text.ends_with(&checksum(&text[..LENGTH - CHECKSUM]))
        } else {
            (20..=128).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._~+/=-".contains(&byte))
        };
        plausible.then(|| Digest::of(text))
    }

    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether a stored digest is this one, in constant time.
    pub fn is(&self, stored: &[u8]) -> bool {
        self.0.as_slice().ct_eq(stored).into()
    }
}

impl fmt::Debug for Digest {
    /// Enough to follow one credential through a log, not enough to look it up.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({:02x}{:02x}{:02x}…)", self.0[0], self.0[1], self.0[2])
    }
}

/// What a token may be used for; narrows the person's role, never widens it (AU-14). Kept as a bit set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scopes(i32);

impl Scopes {
    pub const REPORTS_READ: Scopes = Scopes(1);
    pub const TIME_WRITE: Scopes = Scopes(2);
    pub const ADMIN: Scopes = Scopes(4);
    /// `reports.read` and `time.write`.
    pub const DEFAULT: Scopes = Scopes(3);
    pub const ALL: Scopes = Scopes(7);
    const NAMES: [(&'static str, Scopes); 3] =
        [("reports.read", Scopes::REPORTS_READ), ("time.write", Scopes::TIME_WRITE), ("admin", Scopes::ADMIN)];

    pub fn from_bits(bits: i32) -> Scopes {
        Scopes(bits)
    }

    pub fn bits(self) -> i32 {
        self.0
    }

    pub fn admit(self, needed: Scopes) -> bool {
        self.0 & needed.0 == needed.0
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held: Vec<&str> =
            Scopes::NAMES.iter().filter(|(_, scope)| self.admit(*scope)).map(|(name, _)| *name).collect();
        f.write_str(&held.join(" "))
    }
}

impl FromStr for Scopes {
    type Err = String;

    /// Names with commas or blanks between.
    fn from_str(text: &str) -> Result<Scopes, String> {
        let mut scopes = Scopes(0);
        for word in text.split([',', ' ']).filter(|word| !word.is_empty()) {
            let known = Scopes::NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
            let names = Scopes::NAMES.map(|(name, _)| name).join(", ");
            scopes.0 |= known.ok_or_else(|| format!("`{word}` is no scope; the scopes are {names}"))?.1.0;
        }
        if scopes.0 == 0 { Err("a token without a scope is good for nothing".to_owned()) } else { Ok(scopes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AU-10's vector.
    #[test]
    fn au_10_the_checksum_of_the_specification() {
        assert_eq!(crc32fast::hash(b"tlt_0123456789ABCDEFGHIJKLMNOPQRSTUVW"), 0x60d4_ebb2);
        assert_eq!(checksum("tlt_0123456789ABCDEFGHIJKLMNOPQRSTUVW"), "1lwW0o");
        assert!(Digest::recognise("tlt_0123456789ABCDEFGHIJKLMNOPQRSTUVW1lwW0o").is_some());
    }

    #[test]
    fn au_10_a_token_is_recognised_and_a_changed_one_is_not() {
        let token = Minted::draw(Kind::Api).unwrap();
        let text = token.expose();
        assert_eq!(text.len(), 43);
        assert_eq!(Digest::recognise(text), Some(token.digest()));
        assert!(text.starts_with(token.prefix()));
        for at in PREFIX..LENGTH {
            let mut changed = text.as_bytes().to_vec();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(Digest::recognise(&changed), None, "{at}");
        }
        assert_ne!(Minted::draw(Kind::Api).unwrap().expose(), text);
        assert!(!format!("{token:?}").contains(&text[4..]));
    }

    #[test]
    fn au_11_foreign_tokens_are_opaque() {
        let long = "a".repeat(129);
        let cases = [
            ("abcdefghijklmnopqrst", true),
            ("abcdefghijklmnopqrs", false),
            (&long[..128], true),
            (&long, false),
            ("abcdefghij._~+/=-klmnop", true),
            ("abcdefghij klmnopqrstuv", false),
            ("abcdefghijklmnopqrstü", false),
            ("tlt_abcdefghijklmnopqrstuvwxyz", false),
            ("tlr_0123456789ABCDEFGHIJKLMNOPQRSTUVW1lwW0o", false),
        ];
        for (text, looked_up) in cases {
            assert_eq!(Digest::recognise(text).is_some(), looked_up, "{text}");
        }
    }

    #[test]
    fn scopes_narrow() {
        assert!(Scopes::DEFAULT.admit(Scopes::REPORTS_READ));
        assert!(!Scopes::DEFAULT.admit(Scopes::ADMIN));
        assert_eq!(Scopes::DEFAULT.to_string(), "reports.read time.write");
        for scopes in [Scopes::DEFAULT, Scopes::ALL, Scopes::ADMIN] {
            assert_eq!(scopes.to_string().parse(), Ok(scopes));
        }
        assert_eq!("Admin,reports.read".parse(), Ok(Scopes(5)));
        assert!("everything".parse::<Scopes>().is_err() && ",".parse::<Scopes>().is_err());
    }
}
