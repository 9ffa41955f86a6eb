//! Pages for people in browsers: sign-in, the first password, one's own credentials, pairing. Plain HTML, and scripts that
//! ask the APIs; no page holds data.
//!
//! In: a browser. Out: a page, or a redirect to one of ours. [`PAGES`] says of each path whose it is (AU-2, class W): what is
//! somebody's has [`super::signin::sign_in`] before it, what is open looks for no credential at all.

mod account;
pub(super) mod connect;
mod enter;
mod provider;
mod setup;
mod sign_in;
mod template;

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, guard};

use super::app::read_only;
use super::signin::record;
use super::{App, Problem, public, signin};
pub(super) use template::page;
use template::script;

/// Who may open a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    Anybodys,
    /// Of whoever is signed in.
    Somebodys,
}

/// Every page.
pub const PAGES: [(&str, Whose); 12] = [
    ("/signin", Whose::Anybodys),
    ("/signin/oidc", Whose::Anybodys),
    (signin::oidc::CALLBACK, Whose::Anybodys),
    ("/signin/oidc/logout", Whose::Anybodys),
    ("/setup", Whose::Anybodys),
    ("/unsubscribe", Whose::Anybodys),
    ("/connect/callback", Whose::Anybodys),
    ("/signin/windows", Whose::Somebodys),
    ("/signout", Whose::Somebodys),
    ("/account", Whose::Somebodys),
    ("/account/password", Whose::Somebodys),
    ("/pair", Whose::Somebodys),
];

/// Whether a path's pages are for whoever is signed in.
pub(super) fn are_somebodys(path: &str) -> bool {
    PAGES.iter().any(|(page, whose)| *whose == Whose::Somebodys && *page == path)
}

pub fn configure(config: &mut ServiceConfig) {
    config
        .service(page_of("/signin").route(web::post().to(sign_in::post)).route(reads().to(sign_in::get)))
        .service(page_of("/signin/oidc").route(web::get().to(provider::leave)))
        .service(page_of(signin::oidc::CALLBACK).route(web::get().to(provider::back)))
        .service(page_of("/signin/oidc/logout").route(web::post().to(provider::logged_out)))
        .service(page_of("/connect/callback").route(web::get().to(connect::back)))
        .service(page_of("/signin/windows").route(web::get().to(sign_in::windows)))
        .service(page_of("/signout").route(web::post().to(account::sign_out)))
        .service(page_of("/setup").route(web::post().to(setup::post)).route(reads().to(setup::get)))
        .service(page_of("/account").route(reads().to(account::get)))
        .service(page_of("/account/password").route(web::post().to(account::password)))
        .service(page_of("/pair").route(reads().to(account::pair)))
        .service(read_only("/assets/page.js", || async { script(include_str!("../assets/page.js")) }))
        .service(read_only("/assets/setup.js", || async { script(include_str!("../assets/setup.js")) }))
        .service(read_only("/assets/account.js", || async { script(include_str!("../assets/account.js")) }))
        .service(read_only("/assets/pair.js", || async { script(include_str!("../assets/pair.js")) }));
}

/// GET and HEAD.
fn reads() -> actix_web::Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

fn page_of(path: &str) -> actix_web::Resource {
    let other = || async { Err::<actix_web::HttpResponse, _>(Problem::method_not_allowed("GET, HEAD, POST")) };
    web::resource(path).default_service(web::to(other))
}

/// The path of this server's root, before its pages: empty, or what a proxy puts before it.
pub(super) fn prefix(http: &HttpRequest) -> String {
    let base = public::of(http);
    let path = base.find("://").and_then(|at| base.get(at + 3..)).and_then(|rest| rest.find('/').map(|at| &rest[at..]));
    path.unwrap_or_default().to_owned()
}

/// Whether a form may be sent here: one of ours, or no browser's (AU-73).
async fn own_form(app: &App, http: &HttpRequest) -> Result<(), Problem> {
    if signin::may_ride_along(app, http) {
        return Ok(());
    }
    Err(record::forged(app, http, "form", 0, "sent from another site's page").await)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AU-2: what is routed here says whose it is.
    #[test]
    fn every_page_has_its_class() {
        let routed = include_str!("mod.rs").split("page_of(").skip(1).filter_map(|rest| rest.split(')').next());
        let routed = routed.filter(|path| path.starts_with('"') || path.starts_with("signin"));
        let routed: Vec<&str> = routed
            .map(|path| if path.starts_with('"') { path.trim_matches('"') } else { signin::oidc::CALLBACK })
            .filter(|path| path.starts_with('/'))
            .collect();
        let listed: Vec<&str> = PAGES.iter().map(|(path, _)| *path).collect();
        assert!(routed.len() >= 10 && routed.iter().all(|path| listed.contains(path)), "{routed:?}");
    }
}
