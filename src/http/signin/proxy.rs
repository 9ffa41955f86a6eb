//! The word of a trusted proxy (AU-42): a header that names who has signed in there.
//!
//! It counts from listed addresses alone, and once. From all others it is as if it had not been sent, and the audit hears of it.

use actix_web::HttpRequest;
use subtle::ConstantTimeEq;

use super::record::{self, Admission};
use super::{Outcome, Problem};
use crate::auth::Refusal;
use crate::http::App;

/// What the header makes of a request; nothing where there is none that counts.
pub(super) async fn outcome(app: &App, http: &HttpRequest) -> Option<Outcome> {
    let windows = app.windows.as_ref()?;
    let name = app.config.auth.proxy_header.as_str();
    let mut values = http.headers().get_all(name);
    let value = values.next()?;
    let several = values.next().is_some();
    let peer = http.peer_addr()?.ip();
    let text = value.to_str().ok().map(str::trim);
    if !windows.believes(peer) {
        if windows.has_proxies() {
            record::refused_proxy(app, http, "the header came from an address that is no proxy's", None).await;
        }
        return None;
    }
    if !knows_the_secret(app, http) {
        record::refused_proxy(app, http, "the proxy's secret is missing or wrong", None).await;
        return None;
    }
    let account = text.filter(|_| !several).and_then(|text| windows.domains.parse(text));
    let Some(account) = account else {
        let reason = if several { "two names" } else { "no account of ours" };
        record::refused_proxy(app, http, reason, text.map(|text| text.chars().take(300).collect())).await;
        return Some(Outcome::Refused(Refusal::Unknown.into()));
    };
    Some(match record::admitted(app, http, windows, &account, None, "proxy").await {
        Ok(Admission::As(identity)) => Outcome::SignedIn(identity, None),
        Ok(Admission::Disabled) => Outcome::Refused(Refusal::Unknown.into()),
        Ok(Admission::Nobody) => Outcome::Refused(Refusal::Denied.into()),
        Err(error) => Outcome::Refused(Problem::from(error)),
    })
}

/// Whether the proxy's secret came with the request, once, where one is set.
fn knows_the_secret(app: &App, http: &HttpRequest) -> bool {
    let auth = &app.config.auth;
    if auth.proxy_secret_header.is_empty() {
        return true;
    }
    let mut values = http.headers().get_all(auth.proxy_secret_header.as_str());
    let sent = values.next().filter(|_| values.next().is_none());
    sent.is_some_and(|sent| sent.as_bytes().ct_eq(auth.proxy_secret.expose().as_bytes()).into())
}
