//! A token in the address (AU-15), for clients that can send no header; off unless `auth.query_tokens` says otherwise.
//!
//! In: a request. Out: the same request without it, and what it was good for. It is taken out whether it counts or not, and before
//! anything else reads the address: no next link, no context and no message repeats it.

use actix_web::HttpRequest;
use actix_web::dev::ServiceRequest;
use actix_web::http::uri::PathAndQuery;
use actix_web::http::{Method, Uri, header};
use secrecy::{ExposeSecret, SecretString};

use super::Outcome;
use crate::auth::{Credential, Digest, Refusal, tokens};
use crate::http::App;
use crate::http::address::{Address, Api};

const NAME: &str = "access_token";
/// Files, below `/api/v1`: what exports give.
const FILES: &str = "/exports/";

/// Takes every token out of the address of a request.
pub(super) fn take(request: &mut ServiceRequest) -> Vec<SecretString> {
    let Some(query) = request.uri().query() else { return Vec::new() };
    let is_token = |part: &&str| form_urlencoded::parse(part.as_bytes()).any(|(name, _)| name == NAME);
    let (tokens, rest): (Vec<&str>, Vec<&str>) = query.split('&').partition(is_token);
    if tokens.is_empty() {
        return Vec::new();
    }
    let value = |part: &&str| form_urlencoded::parse(part.as_bytes()).next().map(|(_, value)| value.into_owned());
    let taken = tokens.iter().filter_map(value).map(SecretString::from).collect();
    let path = request.uri().path();
    let left = if rest.is_empty() { path.to_owned() } else { format!("{path}?{}", rest.join("&")) };
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = left.parse::<PathAndQuery>().ok();
    // What is left of an address that was one is one.
    if let Ok(uri) = Uri::from_parts(parts) {
        request.head_mut().uri = uri;
    }
    taken
}

/// What the tokens of an address come to; nothing where there is none, or none counts here.
pub(super) fn outcome(app: &App, http: &HttpRequest, taken: &[SecretString]) -> Option<Outcome> {
    let first = taken.first().filter(|_| app.config.auth.query_tokens)?;
    if taken.len() > 1 || http.headers().contains_key(header::AUTHORIZATION) {
        return Some(Outcome::Refused(Refusal::Several.into()));
    }
    let may_be_read_so = Address::of(http.path()).is_some_and(|address| match address.api {
        Api::OData => true,
        Api::V1 => address.rest.starts_with(FILES),
        Api::Rest | Api::Tracking | Api::Pin => false,
    });
    let reads = [Method::GET, Method::HEAD].contains(http.method());
    let token = first.expose_secret();
    let is_api_token = !matches!(tokens::Kind::of(token), Some(tokens::Kind::Access | tokens::Kind::Refresh));
    let digest = Digest::recognise(token).filter(|_| may_be_read_so && reads && is_api_token);
    Some(match digest {
        Some(digest) => Outcome::Bearer(Credential::Token(digest)),
        None => Outcome::Refused(Refusal::Unknown.into()),
    })
}
