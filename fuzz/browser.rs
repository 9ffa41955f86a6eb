//! What a stranger may send from a browser, or have it send: where to go on to, `state`, claims of a sign-in and of a
//! sign-out, passwords.

use serde_json::Value;
use timeledger::auth::oidc::{Rules, claims, web};
use timeledger::auth::{local, secret};
use timeledger::sql::Instant;

use super::targets::{Outcome, Target};

pub static RETURN_TO: Target = Target { name: "return_to", check: return_to, seeds: PATHS, part: |_| None };
pub static STATE: Target = Target { name: "state", check: state, seeds: STATES, part: |_| None };
pub static ID_TOKEN: Target = Target { name: "id_token", check: id_token, seeds: CLAIMS, part: |_| None };
pub static PASSWORD: Target = Target { name: "password", check: password, seeds: PASSWORDS, part: |_| None };

const PATHS: &[&str] =
    &["/account", "/pair?x=1&y=%20", "//evil.example", "/\\evil.example", "/%0d%0aX: y", "https:evil", "/a%2f%2fb"];
const STATES: &[&str] = &["AQAAAAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "", "x"];
const CLAIMS: &[&str] = &[
    r#"{"iss":"joe","aud":"web","exp":1300819380,"sub":"ann","nonce":"n","auth_time":1300818000,"sid":"s"}"#,
    r#"{"iss":"joe","aud":["web","x"],"azp":"web","exp":1300819380.5,"sub":"ann","nonce":"n","groups":["a",1]}"#,
    r#"{"iss":"joe","aud":"web","exp":1300819380,"sid":"s","jti":"j","events":{"http://schemas.openid.net/event/backchannel-logout":{}}}"#,
    r#"{"iss":1,"aud":{},"exp":"x","sub":null,"events":[]}"#,
];
const PASSWORDS: &[&str] =
    &["correct horse battery", "Sch\u{f6}nes Wetter heute", "Scho\u{308}nes Wetter", "ann", "password1234"];

const NOW: Instant = Instant(1_300_819_000_000_000);

/// Whatever is asked for, a browser goes on to a path of this server.
fn return_to(input: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(input);
    let path = web::local_path(&text);
    let base = reqwest::Url::parse("https://time.example.com/").map_err(|error| error.to_string())?;
    let there = base.join(path).map_err(|error| format!("{path:?}: {error}"))?;
    let is_here = there.host_str() == Some("time.example.com") && there.scheme() == "https";
    if !is_here || path.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(format!("{path:?} leads to {there}"));
    }
    Ok(path != "/")
}

/// Nobody but the server makes a `state`; a text that is a browser's secret is one of 43 letters.
fn state(input: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(input);
    if web::returned(&[7; 32], "browser", &text, NOW).is_some() {
        return Err("a made-up state is good".to_owned());
    }
    let is_secret = secret::recognise(&text).is_some();
    if is_secret && text.len() != 43 {
        Err("a secret of another length".to_owned())
    } else {
        Ok(is_secret || !text.is_empty())
    }
}

/// Claims whose signature is good: they are of one client and one sign-in, and no sign-in is a sign-out.
fn id_token(input: &[u8]) -> Outcome {
    let Ok(Value::Object(sent)) = serde_json::from_slice(input) else { return Ok(false) };
    let rules = Rules { issuer: "joe".to_owned(), ..Rules::default() };
    let signed_in = claims::check_id(&sent, &rules, "web", "n", NOW);
    let signed_out = claims::check_logout(&sent, &rules, "web", NOW);
    if let Ok(known) = &signed_in
        && (known.claims.issuer != "joe"
            || known.claims.subject.is_empty()
            || sent["nonce"] != "n"
            || known.claims.is_app)
    {
        return Err(format!("{known:?}"));
    }
    if signed_in.is_ok() && signed_out.is_ok() {
        return Err("one token signs in and out".to_owned());
    }
    Ok(signed_in.is_ok() || signed_out.is_ok())
}

/// What is taken has the length that it must have.
fn password(input: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(input);
    let taken = local::check(&text, &["ann@example.com", "CORP\\ann", "Ann"]).is_ok();
    // NFC writes some letters as three.
    if taken && text.chars().count() < 4 { Err(format!("{text:?} is taken")) } else { Ok(taken) }
}
