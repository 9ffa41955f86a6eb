//! AU-61, AU-62: a pair of tokens is renewed by one server, kept before it is used, and given up only where it is gone.

use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::time::Duration;

use serde_json::{Value, json};
use timeledger::auth::outgoing::{OutgoingError, Request, Whose};
use timeledger::db::Role;

use super::fakes::{DevOps, Entra, Mood};
use super::{ADA_ID, World, check_tracking};
use crate::backend::{Backend, for_each_backend};
use crate::rest::request;
use crate::support::http::Request as HttpRequest;
use crate::tracking::{ADA, Client, TIM};

#[test]
fn au_61_fifty_at_once_on_two_servers_renew_once() {
    for_each_backend(|backend| {
        let world = World::start(backend, 2, "services");
        world.authorize(ADA, true);
        assert_eq!((world.test_service()["works"].as_bool(), world.entra.refreshes()), (Some(true), 0));
        // Four minutes are left.
        world.site.pass(3_360);
        let clients: Vec<Client> = (0..2).map(|server| world.site.client_at(server, ADA)).collect();
        let gate = Barrier::new(50);
        let outcomes: Vec<Value> = std::thread::scope(|scope| {
            let asked: Vec<_> = (0..50)
                .map(|n| {
                    let (world, gate, client) = (&world, &gate, &clients[n % 2]);
                    scope.spawn(move || {
                        gate.wait();
                        world.tested(client, true)
                    })
                })
                .collect();
            asked.into_iter().map(|walk| walk.join().expect("an answer")).collect()
        });
        for outcome in &outcomes {
            assert_eq!((outcome["works"].as_bool(), outcome["name"].as_str()), (Some(true), Some("Ann")), "{outcome}");
        }
        assert_eq!(world.entra.refreshes(), 1, "{backend:?}");
        // The same where the token is refused before its time.
        world.entra.revoke_access();
        let gate = Barrier::new(20);
        std::thread::scope(|scope| {
            for n in 0..20 {
                let (world, gate, client) = (&world, &gate, &clients[n % 2]);
                scope.spawn(move || {
                    gate.wait();
                    assert_eq!(world.tested(client, true)["works"], json!(true));
                });
            }
        });
        assert_eq!(world.entra.refreshes(), 2, "{backend:?}");
    });
}

/// The next hour's use needs the pair that was kept, on a server that never saw it made.
#[test]
fn au_61_a_renewed_pair_is_kept() {
    for_each_backend(|backend| {
        let world = World::start(backend, 2, "services");
        world.authorize(TIM, false);
        for hour in 1..=3 {
            world.site.pass(3_600);
            let outcome = world.tested(&world.site.client_at(hour % 2, TIM), false);
            assert_eq!((outcome["works"].as_bool(), world.entra.refreshes()), (Some(true), hour as u32), "{outcome}");
        }
        let shown = world.devops.fake.asked();
        let tokens: std::collections::BTreeSet<&str> =
            shown.iter().map(|asked| asked.header("Authorization")).collect();
        assert_eq!(tokens.len(), 3, "{tokens:?}");
    });
}

#[test]
fn au_62_a_grant_that_is_gone_is_red_and_time_goes_on() {
    for code in ["invalid_grant", "interaction_required"] {
        for_each_backend(|backend| {
            let world = World::start(backend, 1, "services");
            world.authorize(ADA, true);
            world.entra.set_mood(Mood::Error(code));
            world.site.pass(3_600);
            let outcome = world.send(Whose::Service, &Request::get("_apis/projects"));
            assert!(matches!(&outcome, Err(OutgoingError::Red(why)) if why.contains(code)), "{outcome:?}");
            let shown = world.service();
            assert_eq!(shown["state"], "red", "{shown}");
            assert!(shown["reason"].as_str().expect("a reason").contains(code) && !shown["failedAt"].is_null());
            // Nobody asks again, and nothing is sent.
            for _ in 0..3 {
                let again = world.send(Whose::Service, &Request::get("_apis/projects"));
                assert!(matches!(again, Err(OutgoingError::Red(_))), "{again:?}");
            }
            assert_eq!((world.entra.refreshes(), world.sent()), (1, 0));
            check_tracking(&world.site.client(TIM));
            // One click authorises it again.
            world.entra.set_mood(Mood::Good);
            world.authorize(ADA, true);
            assert_eq!(
                (world.service()["state"].as_str(), world.test_service()["works"].as_bool()),
                (Some("ok"), Some(true))
            );
        });
    }
}

#[test]
fn au_62_what_may_pass_is_tried_later_and_keeps_its_state() {
    let cases: [(Mood, u64); 5] = [
        (Mood::Status(503, None), 1),
        (Mood::Status(429, Some(90)), 90),
        (Mood::Status(500, None), 1),
        (Mood::Error("invalid_client"), 1),
        (Mood::Silent(Duration::from_secs(8)), 1),
    ];
    for (mood, rest) in cases {
        for_each_backend(|backend| {
            let world = World::start(backend, 1, "services");
            world.authorize(TIM, false);
            world.entra.set_mood(mood.clone());
            // While the old token lives it is shown.
            world.site.pass(3_400);
            assert_eq!(world.test(TIM)["works"], json!(true));
            assert_eq!(world.entra.refreshes(), 1);
            world.site.pass(rest + 200);
            let outcome = world.test(TIM);
            assert_eq!((outcome["works"].as_bool(), outcome["state"].as_str()), (Some(false), Some("ok")), "{outcome}");
            assert!(outcome["retryAt"].is_string() && outcome["reason"].is_string(), "{outcome}");
            let asked = world.entra.refreshes();
            assert_eq!((asked, world.sent()), (2, 1));
            // It is left alone for as long as it wants, by every server.
            world.site.pass(rest.saturating_sub(1));
            assert_eq!((world.test(TIM)["works"].as_bool(), world.entra.refreshes()), (Some(false), asked));
            world.entra.set_mood(Mood::Good);
            world.site.pass(200);
            let outcome = world.test(TIM);
            assert_eq!(outcome["works"], json!(true), "{outcome}");
            check_tracking(&world.site.client(TIM));
        });
    }
}

/// Row 38, on the way: the provider has made the old token void, and nobody hears the new one.
#[test]
fn row_38_a_lost_answer_is_tried_once_more_and_then_red() {
    for_each_backend(|backend| {
        let world = World::start(backend, 1, "services");
        world.authorize(ADA, true);
        world.site.pass(3_600);
        world.entra.set_mood(Mood::LostAfter(Arc::new(|| {})));
        let outcome = world.test_service();
        assert_eq!((outcome["works"].as_bool(), outcome["state"].as_str()), (Some(false), Some("ok")), "{outcome}");
        world.entra.set_mood(Mood::Good);
        world.site.pass(60);
        let outcome = world.test_service();
        assert_eq!((outcome["state"].as_str(), world.entra.refreshes()), (Some("red"), 2), "{outcome}");
        check_tracking(&world.site.client(TIM));
    });
}

/// Row 38: the server is killed between the provider's answer and its keeping.
#[test]
fn row_38_killed_after_the_providers_answer_no_time_is_lost() {
    for_each_backend(|backend| {
        let entra = Entra::start();
        let devops = DevOps::start(&entra);
        let mut server = super::serve(backend, &entra, &[]);
        let client = |user: &str| Client { address: server.address, token: server.full_token(user) };
        let (ada, tim) = (client(ADA), client(TIM));
        let made = json!({"name": "Main", "baseUrl": devops.url(), "kind": "services", "allowHttp": true});
        let id =
            ada.send(request("POST", "/api/v1/connections", &made)).json()["id"].as_str().expect("an id").to_owned();
        let ask = |path: &str, body: Value| {
            let target = format!("/api/v1/connections/{id}/{path}");
            request("POST", &target, &body).bearer(&ada.token)
        };
        // Its tokens are about to end as soon as they are made.
        entra.set_lifetime(200);
        let away = ask("authorize", json!({"service": true})).send(server.address);
        let cookie = away.header("Set-Cookie").expect("a cookie").split(';').next().expect("a pair").to_owned();
        let back = entra.consent(away.json()["url"].as_str().expect("an address"), "Ann");
        let back = HttpRequest::get(&back).header("Cookie", &cookie).send(server.address);
        assert_eq!(back.status, 303, "{}", back.lossy());
        tim.step("startTracking", json!({"remark": "through it"}));

        // The provider exchanges the token; then its client dies.
        let (exchanged, heard) = mpsc::channel();
        let (exchanged, gate) = (Mutex::new(exchanged), Arc::new((Mutex::new(false), std::sync::Condvar::new())));
        let dead = Arc::clone(&gate);
        entra.set_mood(Mood::LostAfter(Arc::new(move || {
            let _ = exchanged.lock().expect("the sender").send(());
            let (is_dead, told) = &*dead;
            drop(told.wait_while(is_dead.lock().expect("a word"), |is_dead| !*is_dead).expect("a word"));
        })));
        let asking = ask("test", json!({"service": true}));
        let address = server.address;
        let asked = std::thread::spawn(move || asking.try_send(address).is_ok_and(|reply| reply.status == 200));
        heard.recv_timeout(Duration::from_secs(30)).expect("the provider is asked");
        server.kill_and_restart();
        *gate.0.lock().expect("a word") = true;
        gate.1.notify_all();
        assert!(!asked.join().expect("no panic"), "the answer of a dead server");
        entra.set_mood(Mood::Good);

        // Nothing that people do waits for it.
        assert_eq!(tim.current()["track"]["trackingState"], "tracking");
        let log = json!({"timeStamp": "2024-05-02T09:30:00", "length": 600, "workItemId": 3, "comment": "entered"});
        assert_eq!(tim.send(request("POST", "/api/rest/workLogs", &log)).status, 200);

        // Half a minute passes: whoever comes next finds the lease of the dead.
        crate::tracking::sql(&server.database, "UPDATE outgoing_credentials SET lease_until = changed_at");
        let outcome = ask("test", json!({"service": true})).send(server.address).json();
        assert_eq!((outcome["works"].as_bool(), outcome["state"].as_str()), (Some(false), Some("red")), "{outcome}");
        assert!(outcome["reason"].as_str().expect("a reason").contains("ended while it renewed"), "{outcome}");
        assert_eq!((entra.refreshes(), devops.fake.asked().len()), (2, 0), "the old token, once");
        let stopped = tim.step("stopTracking?$reason=0", Value::Null);
        assert_eq!(stopped["track"]["trackingState"], "idle");
        let mut conn = server.database.connect(Role::Reader);
        let told = timeledger::domain::notices::read::list(&mut conn, ADA_ID, 0, 10).expect("notices");
        assert_eq!(told.len(), 1, "{told:?}");
    });
}

/// What was lost is lost without the other end's doing: the old token may still be good, and then all is well.
#[test]
fn row_38_a_lease_that_its_holder_left_is_taken_over() {
    for_each_backend(|backend| {
        let world = World::start(backend, 1, "services");
        world.authorize(ADA, true);
        world.site.pass(3_600);
        // As a server leaves it that dies before it asked.
        let owner = match backend {
            Backend::Sqlite => "x'01020304050607080102030405060708'",
            Backend::Postgres => "'01020304-0506-0708-0102-030405060708'",
        };
        world.site.sql(&format!("UPDATE outgoing_credentials SET lease_owner = {owner}, lease_until = changed_at"));
        let outcome = world.test_service();
        assert_eq!((outcome["works"].as_bool(), world.entra.refreshes()), (Some(true), 1), "{outcome}");
    });
}
