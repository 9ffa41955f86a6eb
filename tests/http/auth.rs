//! Who is let in, and how fast a change of that holds (AU-5, AU-15, OD-185).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::with_people;
use crate::backend::{BACKENDS, Backend};
use crate::support::http::{Reply, Request};
use crate::support::program;
use crate::support::server::Server;

const ROOT: &str = "/api/odata/v4.0/";

fn with_header(server: &Server, value: &str) -> Reply {
    Request::get(ROOT).header("Authorization", value).send(server.address)
}

fn command(server: &Server, arguments: &[&str]) {
    let all: Vec<&str> = arguments.iter().copied().chain(["--database", &server.database.text]).collect();
    program::run(&all);
}

#[test]
fn every_form_of_the_contract_is_let_in() {
    let server = with_people(Backend::Sqlite, &[]);
    let token = server.token("ann");
    let basic = |text: String| format!("Basic {}", STANDARD.encode(text));
    for form in [
        format!("Bearer {token}"),
        format!("bearer {token}"),
        basic(format!(":{token}")),
        basic(format!("user:{token}")),
        format!("Basic {token}"),
    ] {
        assert_eq!(with_header(&server, &form).status, 200, "{form}");
    }
}

#[test]
fn all_refusals_look_alike_and_offer_bearer_before_basic() {
    let server = with_people(Backend::Sqlite, &[]);
    let token = server.token("ann");
    let unknown = "tlt_0123456789ABCDEFGHIJKLMNOPQRSTUVW1lwW0o";
    let wrong = format!("{}x", &token[..42]);
    let mut bodies = vec![Request::get(ROOT).send(server.address)];
    for value in ["Bearer", "Basic Og==", "Negotiate abc", &format!("Bearer {unknown}"), &format!("Bearer {wrong}")] {
        bodies.push(with_header(&server, value));
    }
    for reply in &bodies {
        assert_eq!(reply.status, 401, "{}", reply.text());
        let offered: Vec<&str> = reply.all("WWW-Authenticate").collect();
        assert_eq!(offered, ["Bearer", "Basic realm=\"timetracker\""]);
        assert_eq!(reply.all("OData-Version").collect::<Vec<_>>(), ["4.0"]);
        assert_eq!(reply.body, bodies[0].body);
        assert_eq!(reply.error_code(), "UnauthorizedError".to_owned());
    }
    let twice = Request::get(ROOT).bearer(&token).bearer(&token).send(server.address);
    assert_eq!(twice.status, 400, "{}", twice.text());
}

#[test]
fn role_none_finds_the_door_locked() {
    let server = with_people(Backend::Sqlite, &[]);
    let reply = server.get("eve", ROOT);
    assert_eq!((reply.status, reply.error_code().as_str()), (403, "AccessDenied"));
    assert_eq!(reply.header("WWW-Authenticate"), None);
}

/// Each change holds for the very next request, though the caller was let in a moment before.
#[test]
fn au_5_a_change_holds_for_the_next_request() {
    for backend in BACKENDS {
        let server = with_people(backend, &[]);
        let status = |user: &str, target: &str| server.get(user, target).status;
        let budgets = "/api/odata/v4.0/Budgets";
        let people = "/api/odata/v4.0/Users";

        assert_eq!(status("ann", budgets), 200);
        command(&server, &["user", "role", "ann", "Team"]);
        assert_eq!(status("ann", budgets), 404, "{backend:?}");
        command(&server, &["user", "role", "ann", "Budget"]);
        assert_eq!(status("ann", budgets), 200, "{backend:?}");
        command(&server, &["user", "role", "ann", "None"]);
        assert_eq!(status("ann", people), 403, "{backend:?}");
        command(&server, &["user", "role", "ann", "Administrator"]);
        assert_eq!(status("ann", budgets), 200, "{backend:?}");

        command(&server, &["user", "disable", "ann"]);
        assert_eq!(status("ann", people), 401, "{backend:?}");
        command(&server, &["user", "disable", "ann", "--undo"]);
        assert_eq!(status("ann", people), 200, "{backend:?}");

        command(&server, &["token", "revoke", &server.token("ann")[..8]]);
        for target in [people, ROOT, "/api/odata/v4.0/$metadata", "/api/odata/v4.0/Nothing"] {
            assert_eq!(status("ann", target), 401, "{backend:?} {target}");
        }
    }
}
