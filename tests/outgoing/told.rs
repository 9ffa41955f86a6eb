//! AU-63: states by the clock, and what people are told of them, each once.

use serde_json::{Value, json};
use timeledger::auth::outgoing::{OutgoingError, Request, Whose};
use timeledger::db::Role;
use timeledger::domain::notices::{Kind, read};

use super::fakes::{Face, pat};
use super::{ADA_ID, KEY, TIM_ID, World, block_on};
use crate::backend::for_each_backend;
use crate::support::http::Request as HttpRequest;
use crate::tracking::{ADA, TESS, TIM};

/// Kinds of a person's notices, the newest first.
fn told(world: &World, user: i32) -> Vec<Kind> {
    let notices = read::list(&mut world.site.database.connect(Role::Reader), user, 0, 50).expect("notices");
    let mut notices: Vec<_> = notices.into_iter().map(|notice| (notice.at, notice.kind)).collect();
    notices.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    notices.into_iter().map(|(_, kind)| kind).collect()
}

fn own(world: &World, user: &str) -> Value {
    let reply = world.site.client(user).send(HttpRequest::get("/api/v1/my-credentials"));
    assert_eq!(reply.status, 200, "{}", reply.lossy());
    reply.json()["items"][0]["credential"].clone()
}

#[test]
fn au_63_an_end_is_told_at_14_3_and_0_days_and_then_it_is_red() {
    const DAY: u64 = 86_400;
    for_each_backend(|backend| {
        let world = World::start(backend, 1, "services");
        let keep = |user: &str, path: &str, who: &str, end: &str| {
            let body = json!({"kind": "pat", "secret": pat(who), "expiresAt": end});
            let kept = world.ask(user, "PUT", path, &body);
            assert_eq!(kept.status, 200, "{}", kept.lossy());
        };
        // Twenty days from now, at nine.
        keep(TIM, "/my-credential", "tim", "2024-05-22T09:00:00Z");
        keep(ADA, "/credential", "svc", "2024-05-22T11:00:00+02:00");
        assert_eq!(own(&world, TIM)["expiresAt"], "2024-05-22T09:00:00Z");
        let outgoing = world.outgoing(KEY);
        let look = || (0..3).for_each(|_| block_on(outgoing.tell_of_ends()).expect("a look"));
        let (expires, failed) = (Kind::CredentialExpires, Kind::CredentialFailed);
        // Days to pass, state, what the person has been told by then.
        let steps = [
            (0, "ok", vec![]),
            (5, "ok", vec![]),
            (1, "yellow", vec![expires]),
            (10, "yellow", vec![expires]),
            (1, "yellow", vec![expires; 2]),
            (2, "yellow", vec![expires; 3]),
            (1, "red", vec![failed, expires, expires, expires]),
            (5, "red", vec![failed, expires, expires, expires]),
        ];
        for (days, state, expected) in steps {
            world.site.pass(days * DAY);
            look();
            assert_eq!(own(&world, TIM)["state"], state, "{backend:?} {days}");
            assert_eq!(world.service()["state"], state);
            assert_eq!(
                (told(&world, TIM_ID), told(&world, ADA_ID)),
                (expected.clone(), expected),
                "{backend:?} {days}"
            );
            assert_eq!(told(&world, 5), vec![], "nobody else is told");
        }
        let outcome = world.send(Whose::Person(TIM_ID), &Request::get("_apis/projects"));
        assert!(matches!(&outcome, Err(OutgoingError::Red(why)) if why == "it has expired"), "{outcome:?}");
        assert_eq!(world.sent(), 0);
        // A renewed one ends them.
        keep(TIM, "/my-credential", "tim", "2024-12-24");
        assert_eq!((told(&world, TIM_ID), told(&world, ADA_ID).len()), (vec![], 4));
        assert_eq!(own(&world, TIM)["state"], "ok");
        assert_eq!(world.ask(ADA, "DELETE", "", &Value::Null).status, 204);
        assert_eq!(told(&world, ADA_ID), vec![]);
    });
}

#[test]
fn au_63_red_is_told_once_and_shown_everywhere() {
    for_each_backend(|backend| {
        let world = World::start(backend, 1, "services");
        world.keep(ADA, "/credential", &pat("svc"));
        world.keep(TIM, "/my-credential", &pat("tim"));
        world.keep(TESS, "/my-credential", &pat("tess"));
        world.devops.set_face(Face::Fixed(203, vec![]));
        for _ in 0..3 {
            assert_eq!(world.test(TIM)["state"], "red");
            assert_eq!(world.test_service()["state"], "red");
        }
        let failed = vec![Kind::CredentialFailed];
        assert_eq!((told(&world, TIM_ID), told(&world, ADA_ID), told(&world, 5)), (failed.clone(), failed, vec![]));
        let figures = HttpRequest::get("/metrics").send(world.site.address(0));
        for (state, count) in [("ok", 1), ("yellow", 0), ("red", 2)] {
            let line = format!("timeledger_outgoing_credentials{{state=\"{state}\"}} {count}");
            assert!(figures.text().contains(&line), "{line} not in {}", figures.text());
        }
        let doctor = crate::signin::command(
            &[("TIMELEDGER_KEY", KEY)],
            &["doctor", "--json", "--database", &world.site.database.text],
            "",
        );
        let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
        assert_eq!(doctor.status.code(), Some(4), "{said}");
        assert!(
            said.contains("the credential of the service account is not used any more")
                && said.contains("sign-in page"),
            "{said}"
        );
        assert!(said.contains("in clear"), "{said}");
        // It works again: what was told is over.
        world.devops.set_face(Face::Good);
        assert_eq!((world.test(TIM)["state"].as_str(), told(&world, TIM_ID)), (Some("ok"), vec![]));
    });
}
