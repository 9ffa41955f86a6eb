//! AU-64, row 34: what was moved, cut or sealed under another key opens for nobody; and keys turn under it.

use serde_json::{Value, json};
use timeledger::auth::audit::Entry;
use timeledger::auth::outgoing::consent::Returned;
use timeledger::auth::outgoing::{OutgoingError, Request, Whose};
use timeledger::auth::vault::VaultError;

use super::fakes::pat;
use super::{KEY, OTHER_KEY, TIM_ID, World, check_tracking};
use crate::backend::for_each_backend;
use crate::signin::command;
use crate::support::program;
use crate::tracking::{ADA, PETRA, TESS, TIM};

#[test]
fn row_34_what_was_moved_or_cut_is_refused_and_red() {
    let spoil = [
        "UPDATE outgoing_credentials SET sealed = (SELECT other.sealed FROM outgoing_credentials other \
         WHERE other.user_id = 5) WHERE user_id = 4",
        "UPDATE outgoing_credentials SET sealed = substr(sealed, 1, length(sealed) - 1) WHERE user_id = 4",
        "UPDATE outgoing_credentials SET sealed = substr(sealed, 1, 20) WHERE user_id = 4",
        "UPDATE outgoing_credentials SET sealed = substr(sealed, 1, 0) WHERE user_id = 4",
        // Of another kind: a token is no pair.
        "UPDATE outgoing_credentials SET kind = 'oauth' WHERE user_id = 4",
    ];
    for statement in spoil {
        for_each_backend(|backend| {
            let world = World::start(backend, 1, "services");
            world.keep(TIM, "/my-credential", &pat("tim"));
            world.keep(TESS, "/my-credential", &pat("tess"));
            world.site.sql(statement);
            let outcome = world.send(Whose::Person(TIM_ID), &Request::get("_apis/projects"));
            let is_closed = matches!(&outcome, Err(OutgoingError::Red(why)) if why.contains("does not open"));
            assert!(is_closed, "{backend:?} {statement}: {outcome:?}");
            let own = world.site.client(TIM).send(crate::rest::request("GET", "/api/v1/my-credentials", &Value::Null));
            assert_eq!(own.json()["items"][0]["credential"]["state"], "red", "{statement}");
            assert_eq!(world.test(TIM)["works"], json!(false));
            assert_eq!(world.sent(), 0, "nothing is sent");
            assert_eq!(world.test(TESS)["name"], "tess", "another's is unharmed");
            check_tracking(&world.site.client(TIM));
            world.keep(TIM, "/my-credential", &pat("tim"));
            assert_eq!(
                (world.test(TIM)["name"].as_str(), world.test(TIM)["state"].as_str()),
                (Some("tim"), Some("ok"))
            );
        });
    }
}

#[test]
fn row_34_an_unknown_key_opens_nothing() {
    for_each_backend(|backend| {
        let world = World::start(backend, 1, "services");
        world.keep(ADA, "/credential", &pat("svc"));
        world.keep(TIM, "/my-credential", &pat("tim"));
        let outcome = world.send_with(OTHER_KEY, Whose::Service, &Request::get("_apis/projects"));
        assert!(
            matches!(&outcome, Err(OutgoingError::Red(why)) if why.contains("does not have the key 1")),
            "{outcome:?}"
        );
        assert_eq!((world.service()["state"].as_str(), world.sent()), (Some("red"), 0));
        // A server that has lost all keys blames no credential.
        let outcome = world.send_with("", Whose::Person(TIM_ID), &Request::get("_apis/projects"));
        assert_eq!(outcome.err(), Some(OutgoingError::Vault(VaultError::NoKey)));
        assert_eq!(world.test(TIM)["works"], json!(true));
    });
}

/// Every sealed column, from one list, in batches that may be cut off.
#[test]
fn au_64_keys_turn_under_what_is_kept() {
    for_each_backend(|backend| {
        let world = World::start(backend, 1, "services");
        let database = world.site.database.text.clone();
        let run = |keys: &str, action: &str| {
            let settings = [("TIMELEDGER_KEY", keys)];
            let output = command(&settings, &["key", action, "--json", "--database", &database], "");
            (output.status.success(), String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<String>())
        };
        world.keep(ADA, "/credential", &pat("svc"));
        for user in [TIM, TESS, PETRA] {
            world.authorize(user, false);
        }
        let (url, cookie) = world.depart(ADA, false);
        // Four credentials and a verifier that is under way; one cannot be opened and holds up nothing.
        assert_eq!(run(KEY, "check"), (true, r#"[{"key":1,"seals":true,"secrets":5}]"#.to_owned()));
        world.site.sql("UPDATE outgoing_credentials SET sealed = substr(sealed, 1, 40) WHERE user_id = 3");
        let both = format!("{OTHER_KEY},{KEY}");
        assert_eq!(run(&both, "rotate"), (false, r#"{"secrets":4}"#.to_owned()));
        assert_eq!(run(&both, "rotate"), (false, r#"{"secrets":0}"#.to_owned()));
        let in_use = r#"[{"key":1,"seals":false,"secrets":1},{"key":2,"seals":true,"secrets":4}]"#;
        assert_eq!(run(&both, "check"), (true, in_use.to_owned()));
        assert_eq!(world.ask(PETRA, "DELETE", "/my-credential", &Value::Null).status, 204);
        assert_eq!(run(&both, "rotate"), (true, r#"{"secrets":0}"#.to_owned()));
        // The new key alone opens them all, and what was under way comes back.
        for whose in [Whose::Service, Whose::Person(TIM_ID)] {
            let outcome = world.send_with(OTHER_KEY, whose, &Request::get("_apis/projects"));
            assert_eq!(outcome.map(|response| response.status), Ok(200), "{backend:?} {whose:?}");
        }
        let target = world.entra.consent(&url, "Ada");
        let state = form_urlencoded::parse(target.split_once('?').expect("a query").1.as_bytes()).into_owned();
        let members: std::collections::HashMap<String, String> = state.collect();
        let secret = |text: &str| secrecy::SecretString::from(text.to_owned());
        let cookie = secret(cookie.split_once('=').expect("a pair").1);
        let outgoing = world.outgoing(OTHER_KEY);
        let kept = super::block_on(outgoing.finish(Returned {
            state: secret(&members["state"]),
            cookie,
            code: Ok(secret(&members["code"])),
            user_id: None,
            by: Entry::default(),
        }));
        assert_eq!(kept.expect("a way back"), "/connections");
        let doctor = |keys: &str| {
            let settings = [("TIMELEDGER_KEY", keys)];
            program::both(&command(&settings, &["doctor", "--json", "--database", &database], ""))
        };
        assert!(doctor(OTHER_KEY).contains("4 are kept, and open"), "{}", doctor(OTHER_KEY));
        assert!(doctor(KEY).contains("a kept secret does not open"));
    });
}
