//! The handshake of a connection: what each state takes (AU-30), on every API, and what a change of rights does to it.

use timeledger::auth::audit;
use timeledger::db::Role;

use super::wire::{Wire, authenticate, header, negotiate};
use super::{ADA, METADATA, NORA, TIM, audited, command, keep_password, site};
use crate::backend::for_each_backend;
use crate::support::program;

const EACH_API: [&str; 6] = [
    "/api/odata/v4.0/Worklogs?$top=1",
    "/api/My%20Team/odata/v3.2/workLogsOnly?$top=1",
    "/api/rest/me?api-version=3.2",
    "/api/My%20Team/rest/workLogs?api-version=3.2",
    "/api-internal/rest/me",
    "/api/v1/settings",
];

#[test]
fn au_30_each_api_is_open_to_who_signed_in_on_its_connection() {
    for_each_backend(|backend| {
        let server = site(backend, &[]);
        for target in EACH_API {
            for scheme in ["NTLM", "Negotiate", "ntlm"] {
                let mut wire = Wire::open(server.address);
                assert!(wire.get(target, &[]).is_list(), "{backend:?} {target}");
                let answer = wire.sign_in(target, scheme, ADA);
                assert_eq!(answer.status, 200, "{backend:?} {scheme} {target}: {}", answer.text());
                assert!(answer.all("WWW-Authenticate").is_empty());
                assert_eq!(wire.get(target, &[]).status, 200, "{target}: the connection is signed in");
                assert!(Wire::open(server.address).get(target, &[]).is_list(), "another is not");
            }
        }
        let newest = audited(&server, 1);
        assert_eq!(newest, [("sign-in".to_owned(), "ok".to_owned(), Some("CORP\\ada".to_owned()))]);
        let rows = audit::verify(&mut server.database.connect(Role::Reader)).expect("the audit");
        assert_eq!(rows, Ok(EACH_API.len() as u64 * 3));
    });
}

#[test]
fn au_30_each_state_takes_what_the_table_says() {
    for_each_backend(|backend| {
        let server = site(backend, &[]);
        let mut wire = Wire::open(server.address);
        // Challenged: no credential keeps the challenge, as does a token of somebody else.
        let challenge = wire.leg(METADATA, "NTLM", &negotiate()).token();
        assert!(wire.get(METADATA, &[]).is_list());
        let token = format!("Bearer {}", server.token("tim@example.com"));
        assert_eq!(wire.get(METADATA, &[("Authorization", &token)]).status, 200);
        assert_eq!(wire.leg(METADATA, "NTLM", &authenticate(&challenge, ADA)).status, 200);
        // User: the token is for its own request, and the connection stays Ada's.
        let me = "/api/rest/me?api-version=3.2";
        assert!(wire.get(me, &[("Authorization", &token)]).text().contains("tim@example.com"));
        assert!(wire.get(me, &[]).text().contains("ada@example.com"));
        assert!(wire.get(me, &[("Authorization", "Bearer wrong")]).is_list());
        assert!(wire.get(me, &[]).text().contains("ada@example.com"));
        let two = [("Authorization", token.as_str()), ("Authorization", "NTLM TlRMTVNTUAABAAAAAAAAAA==")];
        assert_eq!(wire.get(me, &two).status, 400, "{backend:?}");
        // A new handshake forgets her, whether or not it succeeds.
        let challenge = wire.leg(me, "NTLM", &negotiate()).token();
        assert!(wire.get(me, &[]).is_list());
        let answer = wire.leg(me, "NTLM", &authenticate(&challenge, TIM));
        assert!(answer.text().contains("tim@example.com"), "{}", answer.text());
        assert!(wire.get(me, &[]).text().contains("tim@example.com"));
    });
}

/// AU-6: every form of a name is one person.
#[test]
fn au_6_every_form_of_a_name_is_one_person() {
    for_each_backend(|backend| {
        let server = site(backend, &[("TIMELEDGER_AUTH__DEFAULT_DOMAIN", "CORP")]);
        let me = "/api/rest/me?api-version=3.2";
        let forms = [
            ("CORP", "ada"),
            ("corp", "ADA"),
            ("", "ada@corp.example.com"),
            ("corp.example.com", "Ada"),
            ("", "CORP\\ada"),
            ("", "ada"),
        ];
        for (domain, user) in forms {
            let answer = Wire::open(server.address).sign_in(me, "NTLM", (domain, user, "Secret1"));
            assert!(answer.text().contains("ada@example.com"), "{backend:?} {domain} {user}: {}", answer.text());
        }
        for (domain, user) in [("OTHER", "ada"), ("", "ada@other.example"), ("CORP", "nobody")] {
            assert!(
                Wire::open(server.address).sign_in(me, "NTLM", (domain, user, "Secret1")).is_list(),
                "{domain} {user}"
            );
        }
    });
}

/// AU-5: role, disabled person, another password, an account taken away: each holds for the very next request.
#[test]
fn au_5_a_change_holds_for_the_next_request_of_a_connection() {
    for_each_backend(|backend| {
        let server = site(backend, &[]);
        let database = ["--database", server.database.text.as_str()];
        let run = |arguments: &[&str]| drop(program::run(&[arguments, &database].concat()));
        let mut wire = Wire::open(server.address);
        let budgets = "/api/odata/v4.0/Budgets?$top=1";
        assert_eq!(wire.sign_in(METADATA, "NTLM", TIM).status, 200);
        assert_eq!(wire.get(budgets, &[]).status, 404, "{backend:?}");
        run(&["user", "role", "tim@example.com", "Budget"]);
        assert_eq!(wire.get(budgets, &[]).status, 200, "{backend:?}");
        run(&["user", "role", "tim@example.com", "None"]);
        assert_eq!(wire.get(METADATA, &[]).status, 403, "{backend:?}");
        run(&["user", "role", "tim@example.com", "Team"]);
        run(&["user", "disable", "tim@example.com"]);
        assert!(wire.get(METADATA, &[]).is_list(), "{backend:?}");
        assert!(Wire::open(server.address).sign_in(METADATA, "NTLM", TIM).is_list());
        let newest = audited(&server, 1).remove(0);
        assert_eq!((newest.0.as_str(), newest.1.as_str()), ("refused", "the person is disabled"));
        run(&["user", "disable", "tim@example.com", "--undo"]);
        assert_eq!(wire.get(METADATA, &[]).status, 200, "{backend:?}");
        // Another password is another answer from now on.
        keep_password(&server.database, "tim@example.com", "CORP\\tim", "changed");
        assert!(Wire::open(server.address).sign_in(METADATA, "NTLM", TIM).is_list());
        let now = ("CORP", "tim", "changed");
        assert_eq!(Wire::open(server.address).sign_in(METADATA, "NTLM", now).status, 200);
        let arguments =
            [&["user", "windows-account", "tim@example.com", "CORP\\tim", "--remove"], &database[..]].concat();
        let output = command(&super::LOCAL, &arguments, "");
        assert!(output.status.success(), "{}", program::both(&output));
        assert!(wire.get(METADATA, &[]).is_list(), "{backend:?}");
        assert!(Wire::open(server.address).sign_in(METADATA, "NTLM", now).is_list());
    });
}

#[test]
fn role_none_finds_the_door_locked_on_a_signed_in_connection() {
    for_each_backend(|backend| {
        let server = site(backend, &[]);
        let mut wire = Wire::open(server.address);
        let answer = wire.sign_in(METADATA, "NTLM", NORA);
        assert_eq!(answer.status, 403, "{backend:?} {}", answer.text());
        assert!(answer.all("WWW-Authenticate").is_empty());
        assert_eq!(wire.get(METADATA, &[]).status, 403);
    });
}

/// AU-32: the body of every leg is swallowed, and the connection lives on; what is too long ends it.
#[test]
fn au_32_bodies_of_refused_legs_are_thrown_away() {
    for_each_backend(|backend| {
        let server = site(backend, &[]);
        let target = "/api/rest/workLogs?api-version=3.2";
        let log = r#"{"timeStamp":"2024-05-02T09:30:00","length":60,"comment":"by NTLM"}"#;
        let body = format!("{log}{}", " ".repeat(1024 * 1024 - log.len()));
        let json = ("Content-Type", "application/json");
        let mut wire = Wire::open(server.address);
        assert!(wire.ask("POST", target, &[json], body.as_bytes()).is_list());
        let first = header("NTLM", &negotiate());
        let challenge = wire.ask("POST", target, &[json, ("Authorization", &first)], body.as_bytes()).token();
        let last = header("NTLM", &authenticate(&challenge, TIM));
        let answer = wire.ask("POST", target, &[json, ("Authorization", &last)], body.as_bytes());
        assert_eq!(answer.status, 200, "{backend:?} {}", answer.text());
        assert_eq!(wire.ask("POST", target, &[json], log.as_bytes()).status, 200);

        let mut wire = Wire::open(server.address);
        let huge = vec![b' '; 8 * 1024 * 1024 + 1];
        let answer = wire.ask("POST", target, &[json], &huge);
        assert_eq!(answer.status, 413, "{}", answer.text());
        assert!(wire.is_closed());
    });
}

/// AU-31, AU-34: one client a connection, or no Windows sign-in at all.
#[test]
fn au_34_nothing_is_offered_through_connections_that_others_share() {
    for_each_backend(|backend| {
        let server = site(backend, &[]);
        let rest = ["Bearer", "Basic realm=\"timetracker\""];
        for name in ["Via", "Forwarded", "X-Forwarded-For"] {
            let mut wire = Wire::open(server.address);
            let proxied = (name, "1.1 proxy");
            let answer = wire.get(METADATA, &[proxied]);
            assert_eq!((answer.status, answer.all("WWW-Authenticate").as_slice()), (401, rest.as_slice()), "{name}");
            let first = header("NTLM", &negotiate());
            let answer = wire.get(METADATA, &[proxied, ("Authorization", &first)]);
            assert_eq!((answer.status, answer.all("WWW-Authenticate").as_slice()), (401, rest.as_slice()), "{name}");
            // Nor is what was signed in on such a connection anybody's who comes through the proxy.
            assert_eq!(wire.sign_in(METADATA, "NTLM", ADA).status, 200, "{backend:?}");
            assert_eq!(wire.get(METADATA, &[proxied]).status, 401, "{name}");
        }
        let mut wire = Wire::open(server.address);
        let first = header("NTLM", &negotiate());
        let answer = wire.get(METADATA, &[("Authorization", &first), ("Connection", "close")]);
        assert!(answer.is_list(), "a connection that ends has no second message");
        let mut wire = Wire::open(server.address);
        let keep = [("Authorization", first.as_str()), ("Connection", "keep-alive")];
        wire.send(&super::wire::request("HTTP/1.0", "GET", METADATA, &keep, b"")).expect("sent");
        let answer = wire.receive().expect("an answer");
        assert_eq!((answer.status, answer.all("WWW-Authenticate").as_slice()), (401, rest.as_slice()));
        let pinned = site(backend, &[("TIMELEDGER_NTLM__PINNED_PROXIES", "127.0.0.0/8")]);
        let mut wire = Wire::open(pinned.address);
        let via = ("Via", "1.1 nginx");
        let first = header("NTLM", &negotiate());
        let challenge = wire.get(METADATA, &[via, ("Authorization", &first)]).token();
        let last = header("NTLM", &authenticate(&challenge, ADA));
        assert_eq!(wire.get(METADATA, &[via, ("Authorization", &last)]).status, 200);
    });
}

/// Requests sent in one go are answered in their order, each in the state that the one before has left.
#[test]
fn pipelined_requests_cannot_borrow_an_identity() {
    for_each_backend(|backend| {
        let server = site(backend, &[]);
        let me = "/api/rest/me?api-version=3.2";
        let plain = super::wire::request("HTTP/1.1", "GET", me, &[], b"");
        let mut wire = Wire::open(server.address);
        let challenge = wire.leg(me, "NTLM", &negotiate()).token();
        let last = header("NTLM", &authenticate(&challenge, TIM));
        let last = super::wire::request("HTTP/1.1", "GET", me, &[("Authorization", &last)], b"");
        let bearer = format!("Bearer {}", server.token("ada@example.com"));
        let as_ada = super::wire::request("HTTP/1.1", "GET", me, &[("Authorization", &bearer)], b"");
        let again = header("NTLM", &negotiate());
        let again = super::wire::request("HTTP/1.1", "GET", me, &[("Authorization", &again)], b"");
        let all = [&plain[..], &last, &plain, &as_ada, &plain, &again, &plain].concat();
        wire.send(&all).expect("sent");
        let answers: Vec<_> = (0..7).map(|_| wire.receive().expect("an answer")).collect();
        let told = |n: usize, who: &str| assert!(answers[n].text().contains(who), "{backend:?} {n}: {:?}", answers[n]);
        assert!(answers[0].is_list());
        told(1, "tim@example.com");
        told(2, "tim@example.com");
        told(3, "ada@example.com");
        told(4, "tim@example.com");
        assert_eq!((answers[5].status, answers[5].body.len()), (401, 0));
        assert!(answers[6].is_list());
    });
}

#[test]
fn au_33_an_identity_ends() {
    // Minutes are the least that can be set, so the end itself is tested where the clock is held: `auth::ntlm::vectors`.
    for_each_backend(|backend| {
        let server = site(backend, &[("TIMELEDGER_AUTH__MODE", "cloud")]);
        let answer = Wire::open(server.address).get(METADATA, &[]);
        assert_eq!(answer.all("WWW-Authenticate"), ["Bearer", "Basic realm=\"timetracker\""], "cloud offers none");
        assert_eq!(Wire::open(server.address).leg(METADATA, "NTLM", &negotiate()).status, 401);
    });
}
