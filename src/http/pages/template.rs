//! Pages as they leave: a file of ours with names in braces, each replaced by a text that is written so that it stays one.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;

/// Nothing but our own scripts and styles, in no frame (AU-92).
const POLICY: &str =
    "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";

const FRAME: &str = include_str!("../assets/frame.html");

/// A page: its title, what stands in it, and the texts of its braces.
pub fn page(status: StatusCode, prefix: &str, title: &str, content: &str, texts: &[(&str, &str)]) -> HttpResponse {
    let mut html = FRAME.replace("{content}", content);
    let own = [("{prefix}", prefix), ("{title}", title), ("{version}", env!("CARGO_PKG_VERSION"))];
    for (name, text) in own.iter().chain(texts) {
        html = html.replace(name, &escaped(text));
    }
    HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(html)
}

/// A text may come from a request.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // No text brings a brace of its own.
            '{' => escaped.push_str("&#123;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// A script of ours.
pub fn script(text: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/javascript; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "public, max-age=3600"))
        .body(text)
}
