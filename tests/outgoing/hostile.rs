//! Whoever means harm, and what goes wrong at the worst moment: connections that are moved, passwords that are guessed, answers
//! out of order, servers that stop.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use timeledger::auth::outgoing::credentials::{self, Credential};
use timeledger::auth::outgoing::{OutgoingError, Request, Whose};
use timeledger::db::{DbError, Hold, Role};
use timeledger::domain::notices::read;

use super::fakes::{DevOps, Entra, Face, Fake, Mood, pat};
use super::{ADA_ID, KEY, OTHER_KEY, TIM_ID, World};
use crate::backend::{Database, Fixture, for_each_backend};
use crate::browser::{Browser, PASSWORD, give_passwords};
use crate::rest::request;
use crate::signin;
use crate::support::http::Request as HttpRequest;
use crate::tracking::{ADA, Client, TESS, TIM};

const PROJECTS: &str = "_apis/projects?$top=1&api-version=7.1";

fn notices(world: &World, user: i32) -> usize {
    read::list(&mut world.site.database.connect(Role::Reader), user, 0, 50).expect("notices").len()
}

/// The newest row of the audit of an event.
fn audited(world: &World, event: &str) -> Value {
    let rows = world.site.client(ADA).send(HttpRequest::get("/api/v1/audit")).json();
    let mut rows = rows["items"].as_array().expect("rows").clone();
    rows.sort_by_key(|row| std::cmp::Reverse(row["id"].as_i64()));
    rows.into_iter().find(|row| row["event"] == event).expect("a row")
}

/// AU-65: who agrees to a token for one server, agrees to no other.
#[test]
fn au_65_a_connection_that_moves_meanwhile_gets_no_token() {
    for_each_backend(|backend| {
        let world = World::start(backend, 1, "services");
        let evil = Fake::start(|_| Some((200, Vec::new(), "{}".to_owned())));
        let moved = json!({"baseUrl": format!("http://{}/org", evil.address)});
        let back_to = json!({"baseUrl": world.devops.url()});
        // Before the browser is back.
        let (url, cookie) = world.depart(TIM, false);
        let target = world.entra.consent(&url, "Tim");
        assert_eq!(world.ask(ADA, "PATCH", "", &moved).status, 200);
        assert_eq!(world.come_back(&target, &cookie).status, 400, "{backend:?}");
        // While its code is exchanged; and what is removed by then is no fault of the server's.
        for (method, change) in [("PATCH", &back_to), ("DELETE", &Value::Null)] {
            let (url, cookie) = world.depart(TIM, false);
            let target = world.entra.consent(&url, "Tim");
            let (client, id, change) = (world.site.client(ADA), world.id.clone(), change.clone());
            world.entra.meanwhile(move || {
                let reply = client.send(request(method, &format!("/api/v1/connections/{id}"), &change));
                assert!(reply.status < 300, "{}", reply.lossy());
            });
            assert_eq!(world.come_back(&target, &cookie).status, 400, "{backend:?} {method}");
        }
        let own = world.site.client(TIM).send(HttpRequest::get("/api/v1/my-credentials")).json();
        assert_eq!((own["items"].as_array().map(Vec::len), evil.asked().len()), (Some(0), 0));
        // A server that is none of Azure DevOps Services' gets none to begin with.
        let made = json!({"name": "Odd", "baseUrl": "https://devops.example.com/org"});
        let made = world.site.client(ADA).send(request("POST", "/api/v1/connections", &made)).json();
        let away = format!("/api/v1/connections/{}/authorize", made["id"].as_str().expect("an id"));
        let reply = world.site.client(TIM).send(request("POST", &away, &json!({})));
        assert!(reply.status == 409 && reply.lossy().contains("dev.azure.com alone"), "{}", reply.lossy());
    });
}

/// AU-90, towards the outside: nobody tries passwords of others through this server, nor has a domain lock them out.
#[test]
fn au_90_no_password_is_guessed_at_the_far_side() {
    for_each_backend(|backend| {
        let far = signin::site(backend, &[]);
        let mut world = World::start(backend, 1, "server");
        let body = json!({
            "name": "Plant", "kind": "server", "allowHttp": true, "baseUrl": format!("http://{}/api/rest", far.address),
        });
        let made = world.site.client(ADA).send(request("POST", "/api/v1/connections", &body));
        world.id = made.json()["id"].as_str().expect("an id").to_owned();
        world.key += 1;
        let keep = |user: &str, account: &str, password: &str| {
            let body = json!({"kind": "ntlm", "user": account, "secret": password});
            assert_eq!(world.ask(user, "PUT", "/my-credential", &body).status, 200);
        };
        let refused = || signin::audited(&far, 50).into_iter().filter(|(event, ..)| event == "refused").count();
        let guess = Request::get("me?api-version=3.2");
        keep(TIM, "CORP\\ada", "guess");
        for _ in 0..5 {
            assert_eq!(world.test(TIM)["state"], "red");
        }
        assert_eq!(refused(), 1, "{backend:?}: a password is shown once");
        for (n, name) in ["CORP\\ada", "ada", "ADA@corp.example.com", "corp\\Ada"].iter().enumerate() {
            let user = if n % 2 == 0 { TIM } else { TESS };
            keep(user, name, &format!("guess {n}"));
            let outcome = world.test(user);
            assert_eq!((&outcome["works"], outcome["retryAt"].is_string()), (&json!(false), n >= 2), "{n}: {outcome}");
        }
        keep(TIM, "CORP\\ada", signin::ADA.2);
        let outcome = world.send(Whose::Person(TIM_ID), &guess);
        assert!(matches!(outcome, Err(OutgoingError::Later { until: Some(_), .. })), "{outcome:?}");
        // Other accounts go on, and this one after a quarter of an hour.
        keep(TESS, "CORP\\tim", signin::TIM.2);
        assert!(world.send(Whose::Person(5), &guess).is_ok());
        world.site.pass(901);
        assert!(world.send(Whose::Person(TIM_ID), &guess).is_ok());
    });
}

/// What is no proof makes nothing good.
#[test]
fn au_63_red_stays_red_until_somebody_is_named() {
    for_each_backend(|backend| {
        let world = World::start(backend, 1, "services");
        world.keep(ADA, "/credential", &pat("svc"));
        world.devops.set_face(Face::Fixed(401, vec![]));
        assert_eq!(world.test_service()["state"], "red");
        for (status, kind) in [(404, "text/html"), (403, "application/json"), (200, "text/html"), (200, "text/plain")] {
            world.devops.set_face(Face::Fixed(status, vec![("Content-Type", kind.to_owned())]));
            let outcome = world.test_service();
            assert_eq!((outcome["works"].as_bool(), &outcome["state"]), (Some(false), &json!("red")), "{outcome}");
            assert_eq!((world.service()["workedAt"].is_null(), notices(&world, ADA_ID)), (true, 1), "{backend:?}");
        }
        world.devops.set_face(Face::Good);
        assert_eq!((world.test_service()["state"].as_str(), notices(&world, ADA_ID)), (Some("ok"), 0));
    });
}

/// Answers that arrive out of order: a success that was seen before a refusal takes nothing back, and each refusal is told.
#[test]
fn au_63_late_answers_leave_no_word_untold() {
    for_each_backend(|backend| {
        let world = World::start(backend, 1, "services");
        world.keep(ADA, "/credential", &pat("svc"));
        let mut conn = world.site.database.connect(Role::Writer);
        let seen: Credential =
            credentials::find(&mut conn, world.key, Whose::Service).expect("a read").expect("a credential");
        let mut write = |change: &dyn Fn(&mut timeledger::db::Tx<'_>) -> Result<bool, DbError>| {
            conn.write::<_, DbError>(|tx| {
                tx.hold(Hold::Shared)?;
                change(tx)
            })
            .expect("a change")
        };
        let now = world.site.clock.now();
        for _ in 0..2 {
            assert!(write(&|tx| credentials::fail(tx, &seen, ("refused", None), now)));
            write(&|tx| credentials::worked(tx, &seen, None, now).map(|()| true));
            assert_eq!((world.service()["state"].as_str(), notices(&world, ADA_ID)), (Some("red"), 1), "{backend:?}");
            write(&|tx| credentials::worked(tx, &seen, Some("svc"), now).map(|()| true));
            assert_eq!((world.service()["state"].as_str(), notices(&world, ADA_ID)), (Some("ok"), 0), "{backend:?}");
        }
        // A refusal of what is not kept any more says nothing of what is.
        world.keep(ADA, "/credential", &pat("svc"));
        assert!(!write(&|tx| credentials::fail(tx, &seen, ("refused", None), now)));
        assert_eq!((world.service()["state"].as_str(), notices(&world, ADA_ID)), (Some("ok"), 0));
    });
}

/// While keys change, one server may lack what another has.
#[test]
fn au_64_a_server_that_has_the_key_goes_on() {
    for_each_backend(|backend| {
        let world = World::start(backend, 1, "services");
        world.keep(ADA, "/credential", &pat("svc"));
        let without = world.send_with(OTHER_KEY, Whose::Service, &Request::get(PROJECTS));
        assert!(matches!(&without, Err(OutgoingError::Red(why)) if why.contains("have the key 1")), "{without:?}");
        assert_eq!((world.service()["state"].as_str(), notices(&world, ADA_ID)), (Some("red"), 1));
        assert!(world.send(Whose::Service, &Request::get(PROJECTS)).is_ok(), "{backend:?}");
        assert_eq!((world.service()["state"].as_str(), notices(&world, ADA_ID)), (Some("ok"), 0));
    });
}

/// In the cloud a token that is not taken is answered with a sign-in page; a fresh one may be all that is needed.
#[test]
fn au_61_a_sign_in_page_asks_for_a_fresh_token() {
    let faces = [
        Face::Else(203, vec![]),
        Face::Else(302, vec![("Location", "https://app.vssps.visualstudio.com/_signin?x=1".to_owned())]),
        Face::Else(401, vec![]),
    ];
    for face in faces {
        for_each_backend(|backend| {
            let world = World::start(backend, 1, "services");
            world.authorize(TIM, false);
            world.entra.revoke_access();
            world.devops.set_face(face.clone());
            let outcome = world.test(TIM);
            assert_eq!((outcome["works"].as_bool(), world.entra.refreshes()), (Some(true), 1), "{backend:?} {outcome}");
        });
    }
}

/// What a server of a domain answers before it asks who is there says nothing of the account.
#[test]
fn au_60_answers_before_a_handshake_are_no_refusals() {
    for_each_backend(|backend| {
        let world = World::start(backend, 1, "server");
        let body = json!({"kind": "ntlm", "user": "CORP\\svc", "secret": "m4rked-password"});
        assert_eq!(world.ask(ADA, "PUT", "/credential", &body).status, 200);
        let send = || world.send(Whose::Service, &Request::get(PROJECTS));
        for status in [400, 403, 404, 407, 414] {
            world.devops.set_face(Face::Fixed(status, vec![]));
            assert_eq!(send().expect("an answer").status, status);
        }
        world.devops.set_face(Face::Fixed(302, vec![("Location", "https://elsewhere.example/x".to_owned())]));
        assert!(matches!(send(), Err(OutgoingError::Moved(_))));
        assert_eq!(world.service()["state"], "ok", "{backend:?}");
        world.devops.set_face(Face::Fixed(429, vec![("Retry-After", "600".to_owned())]));
        assert_eq!(send().expect("an answer").status, 429);
        world.site.pass(599);
        assert!(matches!(send(), Err(OutgoingError::Later { .. })));
    });
}

/// AU-62: the other end says when; a test waits as well, and a success that asks for a rest is none the less one.
#[test]
fn au_62_rests_are_kept_by_everybody() {
    for_each_backend(|backend| {
        let world = World::start(backend, 1, "services");
        world.keep(ADA, "/credential", &pat("svc"));
        for n in 0..12 {
            world.devops.set_face(Face::Fixed(200, vec![("Retry-After", "1".to_owned())]));
            assert!(world.send(Whose::Service, &Request::get(PROJECTS)).is_ok(), "{n}");
            world.site.pass(1);
        }
        assert_eq!(world.service()["reason"], Value::Null);
        let date = ("Retry-After", "Thu, 02 May 2024 10:20:00 GMT".to_owned());
        let now = ("Date", "Thu, 02 May 2024 10:00:00 GMT".to_owned());
        world.devops.set_face(Face::Fixed(503, vec![date, now]));
        let outcome = world.test_service();
        assert!(outcome["reason"].as_str().is_some_and(|why| why.contains("503")), "{outcome}");
        assert!(outcome["retryAt"].is_string(), "{outcome}");
        let sent = world.sent();
        world.site.pass(1_199);
        assert!(world.test_service()["retryAt"].is_string() && world.sent() == sent, "{backend:?}");
        world.site.pass(1);
        world.devops.set_face(Face::Good);
        assert_eq!(world.test_service()["works"], true);
    });
}

/// A proxy on the way would read what goes by plain http.
#[test]
fn au_65_no_proxy_reads_a_credential() {
    for_each_backend(|backend| {
        let entra = Entra::start();
        let devops = DevOps::start(&entra);
        let proxy = Fake::start(|_| Some((200, Vec::new(), "{}".to_owned())));
        let address = format!("http://{}", proxy.address);
        let database = Database::loaded(backend, Fixture::SMALL);
        let settings =
            [("TIMELEDGER_KEY", KEY), ("HTTP_PROXY", &address), ("http_proxy", &address), ("ALL_PROXY", &address)];
        let run = |arguments: &[&str], input: &str| {
            let output = signin::command(
                &settings,
                &[&["connection"], arguments, &["--database", &database.text]].concat(),
                input,
            );
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        };
        run(&["add", "Main", &devops.url(), "--allow-http"], "");
        run(&["credential", "Main", "--kind", "pat"], &pat("svc"));
        run(&["test", "Main"], "");
        assert_eq!((proxy.asked().len(), devops.fake.asked().len()), (0, 1));
    });
}

/// A server that is told to stop keeps what the provider is about to give.
#[test]
fn au_61_a_server_that_stops_keeps_its_pair() {
    for_each_backend(|backend| {
        let entra = Entra::start();
        let devops = DevOps::start(&entra);
        let mut server = super::serve(backend, &entra, &[]);
        let ada = Client { address: server.address, token: server.full_token(ADA) };
        let made = json!({"name": "Main", "baseUrl": devops.url(), "kind": "services", "allowHttp": true});
        let made = ada.send(request("POST", "/api/v1/connections", &made)).json();
        let ask = |path: &str| {
            let target = format!("/api/v1/connections/{}/{path}", made["id"].as_str().expect("an id"));
            request("POST", &target, &json!({"service": true})).bearer(&ada.token)
        };
        entra.set_lifetime(200);
        let away = ask("authorize").send(server.address);
        let cookie = away.header("Set-Cookie").expect("a cookie").split(';').next().expect("a pair").to_owned();
        let back = entra.consent(away.json()["url"].as_str().expect("an address"), "Ann");
        assert_eq!(HttpRequest::get(&back).header("Cookie", &cookie).send(server.address).status, 303);
        entra.set_mood(Mood::Slow(Duration::from_secs(3)));
        let target = format!("/api/v1/connections/{}/test", made["id"].as_str().expect("an id"));
        let mut asking = TcpStream::connect(server.address).expect("a connection");
        let body = "{\"service\":true}";
        let head = format!("Host: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json", ada.token);
        write!(asking, "POST {target} HTTP/1.1\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
            .expect("it reads");
        let until = std::time::Instant::now() + Duration::from_secs(20);
        while entra.refreshes() == 0 {
            assert!(std::time::Instant::now() < until, "the provider is asked");
            std::thread::sleep(Duration::from_millis(20));
        }
        // Whoever asked is gone by the time the provider answers.
        drop(asking);
        server.stop_and_restart();
        entra.set_mood(Mood::Good);
        let outcome = ask("test").send(server.address).json();
        assert_eq!(outcome["works"], true, "{backend:?} {outcome}");
    });
}

/// Somebody else at the same machine does not become whoever went to Entra ID from there; and a no is told as such.
#[test]
fn au_55_a_browser_brings_back_its_own_persons_credential() {
    for_each_backend(|backend| {
        let world = World::start(backend, 1, "services");
        let to = world.site.address(0);
        give_passwords(&world.site);
        let (url, cookie) = world.depart(TIM, false);
        let target = world.entra.consent(&url, "Ada");
        let mut ada = Browser::default();
        assert_eq!(ada.try_sign_in(to, ADA, PASSWORD).status, 303);
        let (name, value) = cookie.split_once('=').expect("a pair");
        ada.jar.insert(name.to_owned(), value.to_owned());
        assert_eq!(ada.get(to, &target).status, 400);
        let (url, cookie) = world.depart(TIM, false);
        let target = world.entra.consent(&url, "Tim").replace("code=", "error=access_denied&other=");
        assert_eq!(world.come_back(&target, &cookie).status, 400);
        let row = audited(&world, "refused");
        assert_eq!((&row["outcome"], &row["user"]), (&json!("Entra ID says access_denied"), &json!(TIM)), "{row}");
        assert_eq!(row["target"], json!(world.id));
    });
}

/// What people have given stands in the way of a change; an administrator sees whose it is, and ends it.
#[test]
fn an_administrator_finds_and_ends_what_people_have_given() {
    for_each_backend(|backend| {
        let world = World::start(backend, 1, "services");
        world.keep(TIM, "/my-credential", &pat("tim"));
        let elsewhere = json!({"baseUrl": "https://dev.azure.com/other"});
        for change in [&elsewhere, &json!({"kind": "server"})] {
            assert_eq!(world.ask(ADA, "PATCH", "", change).status, 409, "{backend:?} {change}");
        }
        let path = format!("/api/v1/connections/{}/credentials", world.id);
        assert_eq!(world.site.client(TIM).send(HttpRequest::get(&path)).status, 403);
        let held = world.site.client(ADA).send(HttpRequest::get(&path)).json();
        crate::rest::check_members(&timeledger::http::v1::connections::HOLDER, &held["items"][0], "holder");
        assert_eq!(held["items"][0]["uniqueName"], "tim@example.com");
        let tim = held["items"][0]["userId"].as_str().expect("an id").to_owned();
        let drop = |user: &str| world.ask(user, "DELETE", &format!("/credentials/{tim}"), &Value::Null).status;
        assert_eq!((drop(TIM), drop(ADA), drop(ADA)), (403, 204, 404));
        assert_eq!(world.ask(ADA, "PATCH", "", &elsewhere).status, 200);
        // Who did it, from where, and what it was before.
        let row = audited(&world, "connection-changed");
        assert_eq!(row["details"]["before"]["baseUrl"], json!(world.devops.url()), "{row}");
        assert!(row["address"].is_string() && row["request"].is_string() && row["user"] == json!(ADA), "{row}");
    });
}

/// Its registration's end stops a whole site: its administrators hear of it, once.
#[test]
fn au_63_a_registration_that_ends_is_told() {
    for_each_backend(|backend| {
        let world = World::start(backend, 1, "services");
        world.authorize(TIM, false);
        world.entra.set_mood(Mood::Error("invalid_client"));
        for _ in 0..3 {
            world.site.pass(3_700);
            assert_eq!(world.test(TIM)["state"], "ok");
        }
        assert_eq!((notices(&world, ADA_ID), notices(&world, TIM_ID)), (1, 0), "{backend:?}");
        world.entra.set_mood(Mood::Good);
        world.site.pass(3_700);
        assert_eq!((world.test(TIM)["works"].as_bool(), notices(&world, ADA_ID)), (Some(true), 0));
    });
}
