//! AU-60: NTLM, against the real thing: a server of ours that keeps the passwords of Windows accounts.

use serde_json::json;
use timeledger::auth::outgoing::{OutgoingError, Request, Whose};

use super::{ADA_ID, KEY, TIM_ID, World};
use crate::backend::{Backend, for_each_backend};
use crate::rest::request;
use crate::signin;
use crate::support::server::Server;
use crate::tracking::{ADA, TIM};

const ME: &str = "me?api-version=3.2";

/// A site whose connection is another site's REST.
fn world(backend: Backend, far: &Server) -> World {
    let mut world = World::start(backend, 1, "server");
    let body = json!({
        "name": "Plant", "kind": "server", "allowHttp": true, "baseUrl": format!("http://{}/api/rest", far.address),
    });
    let made = world.site.client(ADA).send(request("POST", "/api/v1/connections", &body));
    assert_eq!(made.status, 201, "{}", made.lossy());
    world.id = made.json()["id"].as_str().expect("an id").to_owned();
    world.key += 1;
    world
}

fn keep(world: &World, user: &str, path: &str, account: &str, password: &str) {
    let body = json!({"kind": "ntlm", "user": account, "secret": password});
    let kept = world.ask(user, "PUT", path, &body);
    assert_eq!(kept.status, 200, "{}", kept.lossy());
}

fn name(world: &World, whose: Whose) -> String {
    let response = world.send(whose, &Request::get(ME)).expect("an answer");
    let text = String::from_utf8_lossy(&response.body).into_owned();
    assert_eq!(response.status, 200, "{text}");
    text
}

#[test]
fn au_60_windows_accounts_read_and_post_over_connections_of_their_own() {
    for_each_backend(|backend| {
        let far = signin::site(backend, &[]);
        let world = world(backend, &far);
        keep(&world, ADA, "/credential", "CORP\\ada", signin::ADA.2);
        keep(&world, TIM, "/my-credential", "CORP\\tim", signin::TIM.2);
        assert!(name(&world, Whose::Service).contains("ada@example.com"), "{backend:?}");
        assert!(name(&world, Whose::Person(TIM_ID)).contains("tim@example.com"), "{backend:?}");
        // A body of 1 MiB goes with the third message.
        let log = r#"{"timeStamp":"2024-05-02T09:30:00","length":60,"comment":"1 MiB"}"#;
        let body = format!("{log}{}", " ".repeat(1024 * 1024 - log.len())).into_bytes();
        let post = Request::with_body(reqwest::Method::POST, "workLogs?api-version=3.2", "application/json", body);
        assert_eq!(world.send(Whose::Person(TIM_ID), &post).expect("an answer").status, 200);
        // At once, each hears its own answer.
        std::thread::scope(|scope| {
            for n in 0..24 {
                let world = &world;
                scope.spawn(move || {
                    let (whose, mine) = [(Whose::Service, "ada@"), (Whose::Person(TIM_ID), "tim@")][n % 2];
                    assert!(name(world, whose).contains(mine), "{n}");
                });
            }
        });
    });
}

/// A domain locks accounts whose passwords are tried again and again.
#[test]
fn au_63_a_wrong_password_is_shown_once() {
    for_each_backend(|backend| {
        let far = signin::site(backend, &[]);
        let world = world(backend, &far);
        keep(&world, ADA, "/my-credential", "CORP\\ada", "wrong");
        for _ in 0..4 {
            let outcome = world.send(Whose::Person(ADA_ID), &Request::get(ME));
            assert!(
                matches!(&outcome, Err(OutgoingError::Red(why)) if why.contains("password is refused")),
                "{outcome:?}"
            );
        }
        let refused = signin::audited(&far, 20).into_iter().filter(|(event, ..)| event == "refused").count();
        assert_eq!(refused, 1, "{backend:?}");
        keep(&world, ADA, "/my-credential", "CORP\\ada", signin::ADA.2);
        assert!(name(&world, Whose::Person(ADA_ID)).contains("ada@example.com"));
        // Sealed, it opens under its key alone.
        let outcome = world.send_with(super::OTHER_KEY, Whose::Person(ADA_ID), &Request::get(ME));
        assert!(matches!(outcome, Err(OutgoingError::Red(_))), "{outcome:?}");
        assert!(KEY.starts_with("1:"));
    });
}

#[test]
fn a_server_without_ntlm_is_told_apart() {
    for_each_backend(|backend| {
        let world = World::start(backend, 1, "server");
        keep(&world, ADA, "/credential", "CORP\\svc", "m4rked-password");
        let outcome = world.send(Whose::Service, &Request::get("_apis/projects"));
        assert!(matches!(&outcome, Err(OutgoingError::Red(why)) if why.contains("does not offer NTLM")), "{outcome:?}");
        // The first message holds no secret, and nothing else was sent.
        let asked = world.devops.fake.asked();
        assert!(asked.len() == 1 && asked[0].header("Authorization").starts_with("NTLM TlRMTVNTUAAB"), "{asked:?}");
    });
}
