//! AU-60, AU-65: whose credential goes where, and what Azure DevOps' answers make of it.

use std::sync::Arc;

use serde_json::{Value, json};
use timeledger::auth::outgoing::{OutgoingError, Request, Whose};

use super::fakes::{Face, Fake, pat};
use super::{ADA_ID, TIM_ID, World, check_tracking};
use crate::backend::for_each_backend;
use crate::tracking::{ADA, TESS, TIM};

const PROJECTS: &str = "_apis/projects?$top=1&api-version=7.1";

#[test]
fn au_60_never_one_for_the_other() {
    for_each_backend(|backend| {
        let world = World::start(backend, 1, "services");
        // With the service account's alone, nobody has one.
        world.keep(ADA, "/credential", &pat("svc"));
        for user in [TIM, ADA] {
            let reply = world.ask(user, "POST", "/test", &json!({}));
            assert_eq!(reply.status, 404, "{user}: {}", reply.lossy());
        }
        for person in [ADA_ID, TIM_ID] {
            let outcome = world.send(Whose::Person(person), &Request::get(PROJECTS));
            assert_eq!(outcome.err(), Some(OutgoingError::Missing));
        }
        assert_eq!(world.sent(), 0, "{backend:?}");
        // And the reverse.
        assert_eq!(world.ask(ADA, "DELETE", "/credential", &Value::Null).status, 204);
        world.keep(TIM, "/my-credential", &pat("tim"));
        assert_eq!(world.send(Whose::Service, &Request::get(PROJECTS)).err(), Some(OutgoingError::Missing));
        assert_eq!(world.ask(ADA, "POST", "/test", &json!({"service": true})).status, 404);
        assert_eq!((world.ask(TESS, "POST", "/test", &json!({})).status, world.sent()), (404, 0));
        // Each shows its own.
        world.keep(ADA, "/credential", &pat("svc"));
        world.keep(ADA, "/my-credential", &pat("ada"));
        let names = [world.test_service(), world.test(TIM), world.test(ADA)].map(|outcome| outcome["name"].clone());
        assert_eq!(names, ["svc", "tim", "ada"]);
        for (whose, name) in [(Whose::Service, "svc"), (Whose::Person(TIM_ID), "tim"), (Whose::Person(ADA_ID), "ada")] {
            let response = world.send(whose, &Request::get(PROJECTS)).expect("an answer");
            assert!(String::from_utf8_lossy(&response.body).contains(&format!("\"{name}\"")), "{whose:?}");
        }
        // A person's own is forgotten by that person alone, and a service account's by administrators.
        assert_eq!(world.ask(TESS, "DELETE", "/my-credential", &Value::Null).status, 404);
        assert_eq!(world.ask(TIM, "DELETE", "/credential", &Value::Null).status, 403);
        assert_eq!(world.ask(TIM, "DELETE", "/my-credential", &Value::Null).status, 204);
        assert_eq!(world.ask(TIM, "POST", "/test", &json!({})).status, 404);
        assert_eq!(world.test(ADA)["name"], "ada");
    });
}

#[test]
fn au_65_no_redirect_takes_a_credential_elsewhere() {
    for_each_backend(|backend| {
        let world = World::start(backend, 1, "services");
        let evil = Arc::new(Fake::start(|_| Some((200, Vec::new(), "{}".to_owned()))));
        world.keep(ADA, "/credential", &pat("svc"));
        world.authorize(TIM, false);
        for status in [301, 302, 303, 307, 308] {
            let to = format!("http://{}/org/_apis/projects", evil.address);
            world.devops.set_face(Face::Fixed(status, vec![("Location", to)]));
            for whose in [Whose::Service, Whose::Person(TIM_ID)] {
                let outcome = world.send(whose, &Request::get(PROJECTS));
                assert_eq!(outcome.err(), Some(OutgoingError::Moved("127.0.0.1".to_owned())), "{status}");
            }
        }
        // Nor does the address of a request.
        world.devops.set_face(Face::Good);
        let before = world.sent();
        let port = evil.address.port();
        let elsewhere = [
            format!("http://{}/org/_apis/projects", evil.address),
            format!("https://{}/org/_apis/projects", world.devops.fake.address),
            format!("http://localhost:{}/org/_apis/projects", world.devops.fake.address.port()),
            format!("http://tim:x@{}/org/_apis/projects", world.devops.fake.address),
            format!("http://{}@127.0.0.1:{port}/", world.devops.fake.address),
            "file:///etc/passwd".to_owned(),
        ];
        for target in &elsewhere {
            for whose in [Whose::Service, Whose::Person(TIM_ID)] {
                let outcome = world.send(whose, &Request::get(target));
                assert!(matches!(outcome, Err(OutgoingError::Elsewhere(_))), "{target}: {outcome:?}");
            }
        }
        assert_eq!((world.sent(), evil.asked().len()), (before, 0), "{backend:?}");
        // What only looks like another place is below the connection's address.
        for target in ["//evil.example/x", "/_apis/projects", "_apis/projects"] {
            assert_eq!(world.send(Whose::Service, &Request::get(target)).expect("an answer").status, 200, "{target}");
        }
        let asked = world.devops.fake.asked();
        assert!(asked[before..].iter().all(|asked| asked.target.starts_with("/org/")), "{asked:?}");
        let whole = format!("http://{}/org/_apis/projects?continuationToken=7", world.devops.fake.address);
        assert_eq!(world.send(Whose::Service, &Request::get(&whole)).expect("a next link").status, 200);
        // The connection's own address stays as long as credentials are kept for it.
        let moved = world.ask(ADA, "PATCH", "", &json!({"baseUrl": format!("http://{}/org", evil.address)}));
        assert_eq!(moved.status, 409, "{}", moved.lossy());
        let below = world.ask(ADA, "PATCH", "", &json!({"baseUrl": format!("{}2", world.devops.url())}));
        assert_eq!(below.status, 200, "{}", below.lossy());
        assert_eq!(evil.asked().len(), 0);
    });
}

/// Azure DevOps has several ways to say that it does not take a token (integrations of the product: 203, 302, 401).
#[test]
fn au_63_refusals_are_known_for_what_they_are() {
    let sign_in = "https://login.microsoftonline.com/common/oauth2?x=1".to_owned();
    let basic = ("WWW-Authenticate", "Basic realm=\"tfs.corp.example\"".to_owned());
    let cases = [
        ("services", false, Face::Fixed(203, vec![]), "sign-in page"),
        ("services", false, Face::Fixed(302, vec![("Location", sign_in)]), "sign-in page"),
        ("services", false, Face::Fixed(302, vec![("Location", "/org/_signin?r=1".to_owned())]), "sign-in page"),
        ("services", false, Face::Fixed(401, vec![basic.clone()]), "was revoked, has expired"),
        ("server", true, Face::Fixed(401, vec![basic.clone()]), "the server has IIS Basic authentication switched on"),
        ("server", false, Face::Fixed(401, vec![basic]), "If the server has IIS Basic authentication switched on"),
        ("server", true, Face::Fixed(401, vec![]), "was revoked, has expired"),
    ];
    for (kind, worked, face, why) in cases {
        for_each_backend(|backend| {
            let world = World::start(backend, 1, kind);
            world.keep(ADA, "/credential", &pat("svc"));
            if worked {
                assert_eq!(world.test_service()["works"], json!(true));
            }
            world.devops.set_face(face.clone());
            let outcome = world.send(Whose::Service, &Request::get(PROJECTS));
            assert!(
                matches!(&outcome, Err(OutgoingError::Red(reason)) if reason.contains(why)),
                "{face:?}: {outcome:?}"
            );
            let shown = world.service();
            assert!(shown["state"] == "red" && shown["reason"].as_str().expect("a reason").contains(why), "{shown}");
            let sent = world.sent();
            assert!(matches!(world.send(Whose::Service, &Request::get(PROJECTS)), Err(OutgoingError::Red(_))));
            assert_eq!(world.sent(), sent, "a refused credential is not shown again");
            check_tracking(&world.site.client(TIM));
            // It was mended at the other end; whoever tests it finds out.
            world.devops.set_face(Face::Good);
            assert_eq!(
                (world.test_service()["works"].as_bool(), world.service()["state"].as_str()),
                (Some(true), Some("ok"))
            );
            assert!(world.send(Whose::Service, &Request::get(PROJECTS)).is_ok());
        });
    }
}

/// A fresh token that is refused is no reason for another.
#[test]
fn au_61_a_fresh_token_that_is_refused_is_red() {
    for_each_backend(|backend| {
        let world = World::start(backend, 1, "services");
        world.authorize(TIM, false);
        world.devops.set_face(Face::Fixed(401, vec![]));
        let outcome = world.test(TIM);
        assert_eq!(
            (outcome["state"].as_str(), world.entra.refreshes(), world.sent()),
            (Some("red"), 1, 2),
            "{outcome}"
        );
    });
}

#[test]
fn au_62_a_far_side_that_is_busy_or_gone_is_left_alone() {
    let cases = [
        (Face::Fixed(429, vec![("Retry-After", "120".to_owned())]), 120, true),
        (Face::Fixed(503, vec![]), 1, true),
        (Face::Fixed(500, vec![]), 1, true),
        (Face::Fixed(200, vec![("Retry-After", "30".to_owned())]), 30, true),
        (Face::Closed, 1, false),
    ];
    for (face, rest, is_answer) in cases {
        for_each_backend(|backend| {
            let world = World::start(backend, 1, "services");
            world.keep(ADA, "/credential", &pat("svc"));
            world.devops.set_face(face.clone());
            let outcome = world.send(Whose::Service, &Request::get(PROJECTS));
            assert_eq!(outcome.is_ok(), is_answer, "{face:?}: {outcome:?}");
            let sent = world.sent();
            world.site.pass(rest - 1);
            let outcome = world.send(Whose::Service, &Request::get(PROJECTS));
            assert!(matches!(outcome, Err(OutgoingError::Later { until: Some(_), .. })), "{face:?}: {outcome:?}");
            assert_eq!((world.sent(), world.service()["state"].as_str()), (sent, Some("ok")), "{face:?}");
            check_tracking(&world.site.client(TIM));
            world.devops.set_face(Face::Good);
            world.site.pass(1);
            assert!(world.send(Whose::Service, &Request::get(PROJECTS)).is_ok(), "{face:?}");
            assert_eq!(world.service()["reason"], Value::Null);
        });
    }
}

/// What is forbidden to an account says nothing of its credential.
#[test]
fn other_answers_are_the_callers() {
    for_each_backend(|backend| {
        let world = World::start(backend, 1, "services");
        world.keep(ADA, "/credential", &pat("svc"));
        for status in [400, 403, 404, 409, 412] {
            world.devops.set_face(Face::Fixed(status, vec![]));
            assert_eq!(world.send(Whose::Service, &Request::get(PROJECTS)).expect("an answer").status, status);
        }
        assert_eq!(world.service()["state"], "ok");
        world.devops.set_face(Face::Fixed(404, vec![]));
        let outcome = world.test_service();
        assert!(
            outcome["reason"].as_str().expect("a reason").contains("answers 404, but not as Azure DevOps does"),
            "{outcome}"
        );
    });
}
