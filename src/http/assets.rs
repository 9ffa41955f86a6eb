//! The start page: the addresses to paste into Excel and Power BI, on plain HTML without a script.

use actix_web::HttpResponse;
use actix_web::http::header;

use super::PublicUrl;

const PAGE: &str = include_str!("assets/start.html");
const ICON: &str = include_str!("assets/icon.svg");
const STYLE: &str = include_str!("assets/start.css");
/// Nothing but our own style (AU-92).
const POLICY: &str = "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'";

pub(super) async fn start(base: PublicUrl) -> HttpResponse {
    let page = PAGE.replace("{base}", &escaped(&base.0)).replace("{version}", env!("CARGO_PKG_VERSION"));
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .body(page)
}

pub(super) async fn style() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "public, max-age=3600"))
        .body(STYLE)
}

pub(super) async fn icon() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("image/svg+xml")
        .insert_header((header::CACHE_CONTROL, "public, max-age=86400"))
        .body(ICON)
}

/// The base may come from the request.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
