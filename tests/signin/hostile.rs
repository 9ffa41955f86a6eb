//! Who must not get in: the attack table's rows 1 to 15, 26 and 37, each with its status, its audit, and no data.

use timeledger::auth::audit;
use timeledger::db::{Role, tables};

use diesel::prelude::*;
use timeledger::on;

use super::wire::{self, Wire, authenticate, authenticate_at, header, negotiate};
use super::{ADA, METADATA, TIM, audited, site};
use crate::backend::for_each_backend;
use crate::support::server::Server;

/// No limit on failures: these tests make many.
const UNLIMITED: [(&str, &str); 3] = [
    ("TIMELEDGER_AUTH__PAIR_FAILURES", "100000"),
    ("TIMELEDGER_AUTH__ADDRESS_FAILURES", "100000"),
    ("TIMELEDGER_NTLM__DOMAIN_FAILURES", "100000"),
];

fn reason(server: &Server) -> String {
    let (event, outcome, _) = audited(server, 1).remove(0);
    assert_eq!(event, "refused");
    outcome
}

/// Attacks 1, 2, 3 and 37.
#[test]
fn replayed_reordered_and_moved_messages_are_refused() {
    for_each_backend(|backend| {
        let server = site(backend, &UNLIMITED);
        let (mut a, mut b) = (Wire::open(server.address), Wire::open(server.address));
        let challenge = a.leg(METADATA, "NTLM", &negotiate()).token();
        let answer = authenticate(&challenge, ADA);
        // Moved: refused there, unharmed here.
        assert!(b.leg(METADATA, "NTLM", &answer).is_list(), "{backend:?}");
        assert_eq!(reason(&server), "an answer without a challenge");
        let _other = b.leg(METADATA, "NTLM", &negotiate()).token();
        assert!(b.leg(METADATA, "NTLM", &answer).is_list());
        assert_eq!(reason(&server), "wrong name or password");
        assert!(b.get(METADATA, &[]).is_list());
        assert_eq!(a.leg(METADATA, "NTLM", &answer).status, 200);
        // Replayed: there, and on a new connection.
        assert!(a.leg(METADATA, "NTLM", &answer).is_list());
        assert!(a.get(METADATA, &[]).is_list(), "a replay ends what it meant to repeat");
        assert!(Wire::open(server.address).leg(METADATA, "NTLM", &answer).is_list());
        // An old answer after a new first message.
        let _new = a.leg(METADATA, "NTLM", &negotiate()).token();
        assert!(a.leg(METADATA, "NTLM", &answer).is_list());
        // A challenge sent back to the server is no message of a client's.
        let challenge = a.leg(METADATA, "NTLM", &negotiate()).token();
        assert!(a.leg(METADATA, "NTLM", &challenge).is_list());
        assert_eq!(reason(&server), "a message that is none: it is no such message");
    });
}

/// Attacks 4 and 6: cut at every byte, oversized, no base64.
#[test]
fn cut_and_oversized_messages_are_refused() {
    for_each_backend(|backend| {
        let server = site(backend, &UNLIMITED);
        let mut wire = Wire::open(server.address);
        let challenge = wire.leg(METADATA, "NTLM", &negotiate()).token();
        let answer = authenticate(&challenge, ADA);
        for end in (1..answer.len()).step_by(7) {
            let mut wire = Wire::open(server.address);
            let _challenge = wire.leg(METADATA, "NTLM", &negotiate()).token();
            assert!(wire.leg(METADATA, "NTLM", &answer[..end]).is_list(), "{backend:?} cut at {end}");
            assert!(Wire::open(server.address).leg(METADATA, "Negotiate", &answer[..end]).is_list());
        }
        let long = [answer.as_slice(), &vec![0; 9 * 1024]].concat();
        assert!(wire.leg(METADATA, "NTLM", &long).is_list());
        let big_first = [negotiate().as_slice(), &[0; 1024]].concat();
        assert!(Wire::open(server.address).leg(METADATA, "NTLM", &big_first).is_list());
        for text in ["NTLM", "NTLM ", "NTLM =", "NTLM !!", "Negotiate", "Negotiate AAAA", "NTLMX TlRM", "N"] {
            assert!(Wire::open(server.address).get(METADATA, &[("Authorization", text)]).is_list(), "{text}");
        }
        let header = format!("NTLM {}", "A".repeat(70 * 1024));
        let mut wire = Wire::open(server.address);
        assert_eq!(wire.get(METADATA, &[("Authorization", &header)]).status, 431);
    });
}

/// Attacks 7, 8 and 10: older protocols, nobody, and clocks that are off.
#[test]
fn downgrades_and_wrong_clocks_are_refused() {
    for_each_backend(|backend| {
        let server = site(backend, &UNLIMITED);
        // LM alone, NTLMv1 and NTLM2 session have no more than these 24 bytes.
        for (lm, nt) in [(24, 0), (24, 24), (0, 24), (0, 43)] {
            let mut wire = Wire::open(server.address);
            let _challenge = wire.leg(METADATA, "NTLM", &negotiate()).token();
            let who = wire::credentials(ADA);
            let older = ntlmclient::ChallengeResponse {
                lm_response: vec![7; lm],
                ntlm_response: vec![7; nt],
                session_key: Vec::new(),
            };
            let flags = ntlmclient::Flags::NEGOTIATE_UNICODE | ntlmclient::Flags::NEGOTIATE_NTLM;
            let message = older.to_message(&who, "WS", flags).to_bytes().expect("a message");
            assert!(wire.leg(METADATA, "NTLM", &message).is_list(), "{backend:?} {lm} {nt}");
            assert_eq!(reason(&server), "a message that is none: it answers with LM, NTLMv1 or NTLM2 session");
        }
        let mut wire = Wire::open(server.address);
        assert!(wire.sign_in(METADATA, "NTLM", ("CORP", "", "Secret1")).is_list());
        assert_eq!(reason(&server), "a message that is none: it names nobody");
        let minute = 60 * 10_000_000;
        for (later, status) in [(29, 200), (-29, 200), (31, 401), (-31, 401)] {
            let mut wire = Wire::open(server.address);
            let challenge = wire.leg(METADATA, "NTLM", &negotiate()).token();
            let answer = authenticate_at(&challenge, ADA, later * minute);
            assert_eq!(wire.leg(METADATA, "NTLM", &answer).status, status, "{backend:?} {later}");
        }
        let strict = site(backend, &[("TIMELEDGER_NTLM__REQUIRE_MIC", "true")]);
        assert!(Wire::open(strict.address).sign_in(METADATA, "NTLM", ADA).is_list());
        assert_eq!(reason(&strict), "there is no MIC");
    });
}

/// Attack 15: names that would end a line of the helper's, or hold what no name holds.
#[test]
fn names_with_controls_are_refused() {
    for_each_backend(|backend| {
        let server = site(backend, &UNLIMITED);
        for user in ["ada\nAuthenticated: Yes", "ada\0", "ada\r", "\u{7f}", ".", "a/b", "ada "] {
            let mut wire = Wire::open(server.address);
            assert!(wire.sign_in(METADATA, "NTLM", ("CORP", user, "Secret1")).is_list(), "{backend:?} {user:?}");
        }
        let long = "a".repeat(300);
        assert!(Wire::open(server.address).sign_in(METADATA, "NTLM", ("CORP", &long, "Secret1")).is_list());
        assert!(!server.log().contains("panic"));
    });
}

/// Five failures close a connection; the reason is in the audit alone, and one text is everybody's.
#[test]
fn the_fifth_failure_closes_the_connection() {
    for_each_backend(|backend| {
        let server = site(backend, &UNLIMITED);
        let mut wire = Wire::open(server.address);
        let bare = wire.get(METADATA, &[]);
        for n in 1..=5 {
            let answer = wire.sign_in(METADATA, "NTLM", ("CORP", "ada", "wrong"));
            assert!(answer.is_list(), "{backend:?} {n}");
            assert_eq!(answer.body, bare.body, "one text for all");
            assert_eq!(!answer.all("Connection").is_empty(), n == 5, "{n}");
        }
        assert!(wire.is_closed());
    });
}

/// AU-90: an account and an address together are blocked; the owner signs in from elsewhere, and nobody's token suffers.
#[test]
fn au_90_guessing_is_slowed_and_locks_nobody_out() {
    for_each_backend(|backend| {
        let server = site(backend, &[("TIMELEDGER_SERVER__TRUSTED_PROXIES", "")]);
        for _ in 0..5 {
            assert!(Wire::open(server.address).sign_in(METADATA, "NTLM", ("CORP", "ada", "wrong")).is_list());
        }
        let mut wire = Wire::open(server.address);
        let answer = wire.sign_in(METADATA, "NTLM", ADA);
        assert_eq!(answer.status, 429, "{backend:?} {}", answer.text());
        let wait: u64 = answer.all("Retry-After")[0].parse().expect("seconds");
        assert!((25..=30).contains(&wait), "{wait}");
        assert_eq!(audited(&server, 1)[0].0, "locked");
        // Others at the address, and other ways of hers, are free.
        assert_eq!(Wire::open(server.address).sign_in(METADATA, "NTLM", TIM).status, 200);
        assert_eq!(server.get("ada@example.com", METADATA).status, 200);
        // Once the wait is over, a success forgets what failed.
        let conn = &mut server.database.connect(Role::Writer);
        let over: Option<timeledger::sql::Instant> = None;
        on!(conn, c => diesel::update(tables::sign_in_counts::table)
            .set(tables::sign_in_counts::blocked_until.eq(over))
            .execute(c))
        .expect("the block is lifted");
        assert_eq!(Wire::open(server.address).sign_in(METADATA, "NTLM", ADA).status, 200);
        assert!(Wire::open(server.address).sign_in(METADATA, "NTLM", ("CORP", "ada", "wrong")).is_list());
        assert_eq!(Wire::open(server.address).sign_in(METADATA, "NTLM", ADA).status, 200);
    });
}

#[test]
fn au_90_an_address_that_guesses_is_stopped() {
    for_each_backend(|backend| {
        let server = site(backend, &[("TIMELEDGER_AUTH__ADDRESS_FAILURES", "6")]);
        for n in 0..6 {
            let name = format!("nobody{n}");
            assert!(Wire::open(server.address).sign_in(METADATA, "NTLM", ("CORP", &name, "x")).is_list());
        }
        let answer = Wire::open(server.address).sign_in(METADATA, "NTLM", TIM);
        assert_eq!(answer.status, 429, "{backend:?}");
        assert_eq!(server.get("tim@example.com", METADATA).status, 200, "a token is nobody's failure");
    });
}

/// Attack 11, its first half: handshakes that are begun and left.
#[test]
fn au_33_half_open_handshakes_are_bounded() {
    for_each_backend(|backend| {
        let limits = [("TIMELEDGER_NTLM__MAX_HALF_OPEN", "20"), ("TIMELEDGER_NTLM__MAX_HALF_OPEN_PER_ADDRESS", "10")];
        let server = site(backend, &limits);
        let mut open: Vec<Wire> = (0..10).map(|_| Wire::open(server.address)).collect();
        for wire in &mut open {
            wire.leg(METADATA, "NTLM", &negotiate()).token();
        }
        let answer = Wire::open(server.address).leg(METADATA, "NTLM", &negotiate());
        assert_eq!((answer.status, answer.all("Retry-After")), (503, vec!["1"]), "{backend:?}");
        // Who signs in gives the place back, and who leaves does.
        let mut first = open.remove(0);
        assert_eq!(first.sign_in(METADATA, "NTLM", ADA).status, 200);
        assert_eq!(Wire::open(server.address).leg(METADATA, "NTLM", &negotiate()).status, 401);
        drop(open);
        let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while Wire::open(server.address).sign_in(METADATA, "NTLM", ADA).status != 200 {
            assert!(std::time::Instant::now() < until, "places do not come back");
        }
    });
}

/// Attack 26: a page elsewhere makes a browser write with its signed-in connection.
#[test]
fn au_73_another_sites_page_cannot_write() {
    for_each_backend(|backend| {
        let server = site(backend, &[]);
        let target = "/api/rest/workLogs?api-version=3.2";
        let log = br#"{"timeStamp":"2024-05-02T09:30:00","length":60,"comment":"forged"}"#;
        for foreign in [
            ("Origin", "https://evil.example"),
            ("Origin", "null"),
            ("Sec-Fetch-Site", "cross-site"),
            ("Sec-Fetch-Site", "same-site"),
        ] {
            for kind in ["application/json", "text/plain"] {
                let mut wire = Wire::open(server.address);
                assert_eq!(wire.sign_in(METADATA, "NTLM", TIM).status, 200);
                let answer = wire.ask("POST", target, &[foreign, ("Content-Type", kind)], log);
                assert_eq!(answer.status, 403, "{backend:?} {foreign:?}: {}", answer.text());
                assert!(answer.text().contains("CsrfFailed"));
            }
        }
        let mut wire = Wire::open(server.address);
        assert_eq!(wire.sign_in(METADATA, "NTLM", TIM).status, 200);
        assert_eq!(
            wire.get(METADATA, &[("Origin", "https://evil.example")]).status,
            200,
            "reads tell the page nothing"
        );
        let ours = [("Origin", "http://timeledger.test"), ("Sec-Fetch-Site", "same-origin")];
        assert_eq!(wire.ask("POST", target, &ours, log).status, 200);
        let query =
            wire.ask("POST", "/api/odata/v4.0/Worklogs/$query", &[("Origin", "https://evil.example")], b"$top=1");
        assert_eq!(query.status, 403);
        // The last message of a handshake rides along as well.
        let mut wire = Wire::open(server.address);
        let challenge = wire.leg(METADATA, "NTLM", &negotiate()).token();
        let last = header("NTLM", &authenticate(&challenge, TIM));
        let headers = [("Authorization", last.as_str()), ("Origin", "https://evil.example")];
        assert_eq!(wire.ask("POST", target, &headers, log).status, 403);
        assert!(audited(&server, 20).iter().any(|(event, ..)| event == "csrf"));
    });
}

/// Attack 35: rows of the audit are not changed, and one that was shows.
#[test]
fn au_96_the_audit_is_not_changed() {
    for_each_backend(|backend| {
        let server = site(backend, &UNLIMITED);
        for password in ["Secret1", "wrong", "Secret1"] {
            Wire::open(server.address).sign_in(METADATA, "NTLM", ("CORP", "ada", password));
        }
        let conn = &mut server.database.connect(Role::Writer);
        assert_eq!(audit::verify(conn), Ok(Ok(3)), "{backend:?}");
        let change = diesel::update(tables::audit::table).set(tables::audit::outcome.eq("ok"));
        assert!(on!(conn, c => change.execute(c)).is_err());
        assert!(on!(conn, c => diesel::delete(tables::audit::table).execute(c)).is_err());
        assert_eq!(audit::verify(conn), Ok(Ok(3)));
        let row: i64 = on!(conn, c => tables::audit::table.select(tables::audit::id).order(tables::audit::id).first(c))
            .expect("a row");
        use diesel::connection::SimpleConnection;
        let off = match conn {
            timeledger::db::Conn::Sqlite(_) => "DROP TRIGGER audit_unchanged",
            timeledger::db::Conn::Postgres(_) => "ALTER TABLE audit DISABLE TRIGGER audit_unchanged",
        };
        let forge = "UPDATE audit SET target = 'CORP\\bob' WHERE id = (SELECT min(id) FROM audit)";
        let conn = &mut server.database.connect(Role::Migrator);
        on!(conn, c => c.batch_execute(&format!("{off}; {forge}"))).expect("behind the triggers' back");
        assert_eq!(audit::verify(conn), Ok(Err(row)), "{backend:?}");
    });
}

/// Who goes on guessing at a closed door cannot fill the audit with names.
#[test]
fn a_closed_address_does_not_fill_the_audit() {
    for_each_backend(|backend| {
        let server = site(backend, &[("TIMELEDGER_AUTH__ADDRESS_FAILURES", "3")]);
        for n in 0..12 {
            let name = format!("guess{n}");
            Wire::open(server.address).sign_in(METADATA, "NTLM", ("CORP", &name, "x"));
        }
        let rows = audited(&server, 100);
        let locked = rows.iter().filter(|(event, ..)| event == "locked").count();
        assert_eq!((rows.len(), locked), (4, 1), "{backend:?} {rows:?}");
    });
}
