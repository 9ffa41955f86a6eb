//! What a stranger may send to sign in: `Authorization`, messages of NTLM, tokens of SPNEGO and of a provider.
//!
//! Inputs are base64, as they arrive; what is none is taken as bytes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::Jwk;
use timeledger::auth::ntlm::spnego::{LONGEST_PASSED_ON, Token};
use timeledger::auth::ntlm::verify::session_base_key;
use timeledger::auth::ntlm::wire::{Authenticate, Negotiate};
use timeledger::auth::ntlm::{Connection, Demands, HalfOpen, Key, Names, Pass, Scheme, Setting, Step};
use timeledger::auth::oidc::{Rules, algorithms, claims};
use timeledger::auth::windows::Domains;
use timeledger::auth::{self, Presented};
use timeledger::sql::Instant;

use super::targets::{Outcome, Target};

pub static AUTHORIZATION: Target =
    Target { name: "authorization", check: authorization, seeds: HEADERS, part: |_| None };
pub static JWT: Target = Target { name: "jwt", check: jwt, seeds: JWTS, part: |_| None };
pub static NTLM: Target = Target { name: "ntlm", check: ntlm, seeds: MESSAGES, part: |_| None };
pub static SPNEGO: Target = Target { name: "spnego", check: spnego, seeds: TOKENS, part: |_| None };

const NEGOTIATE: &str = "TlRMTVNTUAABAAAAN4II4gAAAAAoAAAAAAAAACgAAAAADAQAAAAADw==";
const AUTHENTICATE: &str = "TlRMTVNTUAADAAAAGAAYAFgAAABuAG4AcAAAAAgACADeAAAACgAKAOYAAAAEAAQA8AAAABAAEAD0AAAAFYKJ4gAMBAAAAAAPl3EE\
     LAAJuRKQb0I/P9AXZwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAADnMLUYrsFOmQEBVVAo/8BsBAQAAAAAAAABAuhngW9sBqqqqqqqq\
     qqoAAAAAAgAIAEMATwBSAFAAAQAEAFQATAAHAAgAAEC6GeBb2wEJAA4AaAB0AHQAcAAvAHQAbAAGAAQAAgAAAAAAAAAAAAAAQwBP\
     AFIAUABhAGwAaQBjAGUAVwBTAMme4b2CJcc9srNiXMF47Lc=";
const MESSAGES: &[&str] = &[NEGOTIATE, AUTHENTICATE, "TlRMTVNTUAABAAAABoIIAAAAAAAAAAAAAAAAAAAAAAA="];
const TOKENS: &[&str] = &[
    "YEgGBisGAQUFAqA+MDygDjAMBgorBgEEAYI3AgIKoioEKE5UTE1TU1AAAQAAADeCCOIAAAAAKAAAAAAAAAAoAAAAAAwEAAAAAA8=",
    "YC0GBisGAQUFAqAjMCGgGTAXBgkqhkiG9xIBAgIGCisGAQQBgjcCAgqiBAQCAQI=",
    "oYIBKTCCASWgAwoBAaKCAQgEggEETlRMTVNTUAADAAAAGAAYAFgAAABuAG4AcAAAAAgACADeAAAACgAKAOYAAAAEAAQA8AAAABAA\
     EAD0AAAAFYKJ4gAMBAAAAAAPl3EELAAJuRKQb0I/P9AXZwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAADnMLUYrsFOmQEBVVAo/8BsB\
     AQAAAAAAAABAuhngW9sBqqqqqqqqqqoAAAAAAgAIAEMATwBSAFAAAQAEAFQATAAHAAgAAEC6GeBb2wEJAA4AaAB0AHQAcAAvAHQA\
     bAAGAAQAAgAAAAAAAAAAAAAAQwBPAFIAUABhAGwAaQBjAGUAVwBTAMme4b2CJcc9srNiXMF47LejEgQQAQAAAAAAAAAAAAAAAAAA\
     AA==",
];
const HEADERS: &[&str] = &[
    "NTLM TlRMTVNTUAABAAAABoIIAAAAAAAAAAAAAAAAAAAAAAA=",
    "negotiate YIIB",
    "Basic OnRsdF8wMTIzNDU2Nzg5QUJDREVGR0hJSktMTU5PUFFSU1RVVlcxbHdXMG8=",
    "Bearer tlt_0123456789ABCDEFGHIJKLMNOPQRSTUVW1lwW0o",
    "Basic tlt_0123456789ABCDEFGHIJKLMNOPQRSTUVW1lwW0o",
    "Bearer",
];

/// RFC 7515 A.3, A.2 and A.5, and a header that says too much.
const JWTS: &[&str] = &[
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
     DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
     cC4hiUPoj9Eetdgtv3hF80EGrhuB",
    "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLCJhdWQiOiJqb2UiLCJleHAiOjEzMDA4MTkzODAsInN1YiI6ImpvZSJ9.",
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImsiLCJqa3UiOiJodHRwOi8vYSIsImNyaXQiOlsiZXhwIl19.e30.AAAA",
];
/// The key of A.3, whose private part is in the RFC and not here.
const JWK: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;

/// 2025-01-01, as in the message above.
const NOW: Instant = Instant(1_735_689_600_000_000);

fn decoded(input: &[u8]) -> Vec<u8> {
    STANDARD.decode(input).unwrap_or_else(|_| input.to_vec())
}

fn authorization(input: &[u8]) -> Outcome {
    match auth::presented([input].into_iter()) {
        Ok(Presented::Handshake(_, message)) if message.is_empty() || message.len() > LONGEST_PASSED_ON => {
            Err(format!("a message of {} bytes", message.len()))
        }
        Ok(_) => Ok(true),
        Err(_) => Ok(false),
    }
}

/// Nobody but the holder of the key makes a token that is good, whatever its header says.
fn jwt(input: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(input) else { return Ok(false) };
    let Ok(header) = claims::header(text) else { return Ok(false) };
    let key: Jwk = serde_json::from_str(JWK).map_err(|error| error.to_string())?;
    let rules = Rules {
        issuer: "joe".to_owned(),
        audiences: vec!["joe".to_owned()],
        algorithms: algorithms(&["RS256", "PS256", "ES256"].map(str::to_owned))?,
        ..Rules::default()
    };
    let then = Instant(1_300_819_000_000_000);
    match claims::read(text, &header, &key, &rules, then) {
        Ok(claims) => Err(format!("a forged token is good: {claims:?}")),
        Err(_) => Ok(true),
    }
}

/// Any message, alone and as the last one of a handshake; no hash that was drawn at random makes it right.
fn ntlm(input: &[u8]) -> Outcome {
    let bytes = decoded(input);
    let first = Negotiate::read(&bytes).is_ok();
    let last = match Authenticate::read(&bytes) {
        Err(_) => false,
        Ok(read) => {
            if read.user.is_empty() || read.user.chars().chain(read.domain.chars()).any(char::is_control) {
                return Err(format!("a name: {:?} {:?}", read.user, read.domain));
            }
            if session_base_key(&Key([7; 16]), &read.user, &read.domain, [1; 8], read.nt).is_some() {
                return Err("an answer without its password is right".to_owned());
            }
            let domains = Domains::new(&["CORP=corp.example.com".to_owned()], "CORP").map_err(|why| why.clone())?;
            if let Some(account) = domains.account(&read.user, &read.domain)
                && (account.domain != "CORP" || account.user.contains(['\\', '@']) || account.user.is_empty())
            {
                return Err(format!("an account: {account}"));
            }
            true
        }
    };
    walk(Scheme::Ntlm, &bytes)?;
    Ok(first || last)
}

fn spnego(input: &[u8]) -> Outcome {
    let bytes = decoded(input);
    let accepted = match Token::read(&bytes) {
        Err(_) => false,
        Ok(Token::Init(init)) => {
            let inside = |piece: &[u8]| bytes.windows(piece.len().max(1)).any(|window| window == piece);
            if !inside(init.mechanisms) || init.token.is_some_and(|token| !token.is_empty() && !inside(token)) {
                return Err("a piece that the token does not hold".to_owned());
            }
            true
        }
        Ok(Token::Response(_)) => true,
    };
    walk(Scheme::Negotiate, &bytes)?;
    Ok(accepted | passed_on(&bytes)?)
}

/// What a helper would be asked. No answer begins a handshake, and none goes on that did not begin.
fn passed_on(bytes: &[u8]) -> Outcome {
    match Connection::default().pass(Scheme::Negotiate, bytes, &HalfOpen::new(4, 4), None, NOW) {
        Pass::Begin(handed) if handed.claimed.is_some() => Err("an answer begins a handshake".to_owned()),
        Pass::Begin(_) => Ok(true),
        Pass::GoOn(..) => Err("it goes on with nothing".to_owned()),
        Pass::Refused(_) | Pass::Busy => Ok(false),
    }
}

/// The input in every state of a connection. It signs nobody in by itself.
fn walk(scheme: Scheme, bytes: &[u8]) -> Result<(), String> {
    let (names, half_open) = (Names { computer: "TL".to_owned(), ..Names::default() }, HalfOpen::new(4, 4));
    let setting = Setting { names: &names, half_open: &half_open, peer: None, now: NOW, random: [1; 8] };
    let negotiate = STANDARD.decode(NEGOTIATE).map_err(|error| error.to_string())?;
    let connection = Connection::default();
    for before in [None, Some(negotiate.as_slice()), Some(bytes)] {
        if let Some(before) = before {
            connection.step(scheme, before, &setting);
        }
        match connection.step(scheme, bytes, &setting) {
            Step::Verify(answer) => {
                let _outcome = answer.finish(Key([7; 16]), &Demands::default(), NOW);
                let _claim = answer.claim().map_err(|reason| reason.to_string())?;
            }
            Step::Busy => return Err("a handshake takes more than one place".to_owned()),
            Step::Continue(_) | Step::Refused(_) => {}
        }
        if connection.identity(NOW, i64::MAX).is_some() {
            return Err("somebody is signed in".to_owned());
        }
    }
    drop(connection);
    if half_open.waiting() > 0 { Err("a place is lost".to_owned()) } else { Ok(()) }
}
