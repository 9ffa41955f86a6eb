//! How a caller proves who it is.
//!
//! In: the `Authorization` headers of a request. Out: what they carry ([`presented`]), and what the database says of a
//! credential ([`lookup`]). AU-3: one credential a request. A further way to sign in is a further module here and a further
//! variant of [`Credential`]; the challenge list of a 401 stands in [`CHALLENGES`].

pub mod audit;
mod basic;
mod bearer;
mod door;
pub mod grants;
pub mod identities;
mod issue;
mod keys;
pub mod links;
pub mod local;
mod lookup;
pub mod notices;
pub mod ntlm;
pub mod oidc;
pub mod outbound;
pub mod outgoing;
pub mod sealed;
pub mod secret;
pub mod sessions;
pub mod throttle;
pub mod tokens;
pub mod vault;
pub mod windows;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub use door::{Door, Use, Used, write_uses};
pub use issue::{NewToken, Token, TokenError, create, end, import, list, make, of_person, revoke, revoke_held, rotate};
pub use keys::{NEXT_LINKS, UNSUBSCRIBE, find_key, make_key};
pub use lookup::{Admitted, lookup};
pub use tokens::{Digest, Scopes};

use crate::sql::Instant;

/// What a 401 offers, each in its own header line and in this order: a list that begins with Basic makes Power BI's
/// organizational sign-in fail (OD-185).
pub const CHALLENGES: [&str; 2] = ["Bearer", "Basic realm=\"timetracker\""];

/// A credential as sent, not yet looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Credential {
    /// An API token, by its digest: the token itself goes no further.
    Token(Digest),
    /// What a paired client was given, by its digest.
    Access(Digest),
    /// An identity in whose name a provider made a token, until that ends.
    Provider { identity: i32, scopes: Scopes, expires_at: Instant },
    /// An identity that has proven itself on this connection, or by a proxy's word, by its id.
    Identity(i32),
    /// A browser's cookie, by its digest.
    Session(Digest),
}

/// What the headers of a request carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presented {
    Credential(Credential),
    /// A message of a handshake, decoded.
    Handshake(ntlm::Scheme, Vec<u8>),
}

/// Why a request is not let in. Clients get one text for all of 401 (AU-100).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("no credential was sent")]
    Missing,
    #[error("the credential is malformed, unknown, revoked or expired, or its person is disabled")]
    Unknown,
    #[error("two credentials were sent")]
    Several,
    /// Role None, or a token without the scope.
    #[error("the role or the token's scopes do not admit this")]
    Denied,
    /// AU-74.
    #[error("the person signed in too long ago for this")]
    Stale,
}

/// Longest message of a handshake, in base64.
const LONGEST_MESSAGE: usize = ntlm::spnego::LONGEST_PASSED_ON.div_ceil(3) * 4;

/// Reads the values of all `Authorization` headers. No database is asked: a token whose checksum is wrong ends here.
pub fn presented<'h>(mut authorization: impl Iterator<Item = &'h [u8]>) -> Result<Presented, Refusal> {
    let value = authorization.next().ok_or(Refusal::Missing)?;
    if authorization.next().is_some() {
        return Err(Refusal::Several);
    }
    let value = std::str::from_utf8(value).map_err(|_| Refusal::Unknown)?.trim();
    let (scheme, rest) = value.split_once([' ', '\t']).unwrap_or((value, ""));
    let rest = rest.trim();
    let is = |name: &str| scheme.eq_ignore_ascii_case(name);
    let presented = if is("bearer") {
        bearer::credential(rest).map(Presented::Credential)
    } else if is("basic") {
        basic::token(rest).map(|digest| Presented::Credential(Credential::Token(digest)))
    } else {
        [ntlm::Scheme::Ntlm, ntlm::Scheme::Negotiate].into_iter().find(|known| is(known.name())).and_then(|scheme| {
            let message = STANDARD.decode(rest).ok().filter(|_| rest.len() <= LONGEST_MESSAGE);
            message.filter(|message| !message.is_empty()).map(|message| Presented::Handshake(scheme, message))
        })
    };
    presented.ok_or(Refusal::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "tlt_0123456789ABCDEFGHIJKLMNOPQRSTUVW1lwW0o";

    fn read(values: &[&str]) -> Result<Presented, Refusal> {
        presented(values.iter().map(|value| value.as_bytes()))
    }

    #[test]
    fn every_form_of_the_contract_carries_the_token() {
        let basic = |text: String| format!("Basic {}", STANDARD.encode(text));
        let good = Ok(Presented::Credential(Credential::Token(Digest::of(TOKEN))));
        let forms = [
            format!("Bearer {TOKEN}"),
            format!("bEARER   {TOKEN} "),
            basic(format!(":{TOKEN}")),
            basic(format!("user:{TOKEN}")),
            basic(format!("DOMAIN\\ann@example.com:{TOKEN}")),
            basic(format!(":{TOKEN}")).replace("Basic", "BASIC"),
            basic(format!(":{TOKEN}")).trim_end_matches('=').to_owned(),
            format!("Basic {TOKEN}"),
        ];
        for form in &forms {
            assert_eq!(read(&[form]), good, "{form}");
        }
    }

    #[test]
    fn what_carries_no_token_is_refused() {
        let refused = [
            "".to_owned(),
            "Bearer".to_owned(),
            "Bearer ".to_owned(),
            "Basic ".to_owned(),
            "Basic Og==".to_owned(),
            "Negotiate YII".to_owned(),
            "NTLM".to_owned(),
            "NTLM !!!!".to_owned(),
            format!("NTLM {}", "A".repeat(LONGEST_MESSAGE + 4)),
            TOKEN.to_owned(),
            // A wrong checksum, and a password with a colon of its own.
            format!("Bearer {}p", &TOKEN[..42]),
            format!("Basic {}", STANDARD.encode(format!("a:b:{TOKEN}"))),
            format!("Bearer {TOKEN} {TOKEN}"),
        ];
        for form in &refused {
            assert_eq!(read(&[form]), Err(Refusal::Unknown), "{form}");
        }
        assert_eq!(read(&["nTLM TlRM"]), Ok(Presented::Handshake(ntlm::Scheme::Ntlm, b"NTL".to_vec())));
        assert_eq!(read(&[]), Err(Refusal::Missing));
        let two = format!("Bearer {TOKEN}");
        assert_eq!(read(&[&two, &two]), Err(Refusal::Several));
        assert_eq!(presented([b"Bearer \xff\xfe".as_slice()].into_iter()), Err(Refusal::Unknown));
    }
}
