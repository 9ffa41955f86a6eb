//! Whether a credential that a browser adds by itself may be used here (AU-73): a page of another site must not write.

use actix_web::HttpRequest;
use actix_web::http::header;

use super::{App, public};

/// Reads are open, for no other site's page can see their answers; scripts send none of these headers.
pub(in crate::http) fn may_ride_along(app: &App, http: &HttpRequest) -> bool {
    if http.method().is_safe() {
        return true;
    }
    let text = |name: &str| http.headers().get(name).map(|value| value.to_str().unwrap_or("?"));
    let site = text("sec-fetch-site").is_none_or(|site| ["same-origin", "none"].contains(&site));
    let listed = |origin: &str| app.config.cors.credentials && app.config.cors.origins.iter().any(|o| o == origin);
    match text(header::ORIGIN.as_str()) {
        // A listed origin is another site by design.
        Some(origin) if listed(origin) => true,
        Some(origin) => site && origin.eq_ignore_ascii_case(&own_origin(http)),
        None => site,
    }
}

/// Scheme, host and port under which clients know this server.
fn own_origin(http: &HttpRequest) -> String {
    let url = public::of(http);
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    let end = url.get(after_scheme..).and_then(|rest| rest.find('/')).map_or(url.len(), |at| after_scheme + at);
    url.get(..end).unwrap_or_default().to_owned()
}
