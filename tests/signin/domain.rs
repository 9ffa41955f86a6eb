//! The domain's word by winbind's helper: Debian's own `ntlm_auth`, which verifies one password for every name where there is
//! no domain (AU-40, AU-41), and helpers that fall, hang or talk nonsense.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::wire::{Wire, authenticate, negotiate};
use super::{METADATA, audited};
use crate::backend::{Backend, Database, Fixture, for_each_backend};
use crate::support::server::Server;

const ANN: (&str, &str, &str) = ("CORP", "ann", "Domain-Pass");

/// A site of the domain CORP.
pub fn with_helper(database: Database, verifier: &str, helper: &str, more: &[(&str, &str)]) -> Server {
    let settings = [
        ("TIMELEDGER_AUTH__WINDOWS_DOMAINS", "CORP=corp.example.com"),
        ("TIMELEDGER_NTLM__VERIFIER", verifier),
        ("TIMELEDGER_NTLM__HELPER", helper),
    ];
    Server::start_with(database, &[&settings, more].concat())
}

fn site(backend: Backend, helper: &str, more: &[(&str, &str)]) -> Server {
    with_helper(Database::loaded(backend, Fixture::SMALL), "winbind", helper, more)
}

/// A program of the test's own, as a helper.
pub fn script(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("a script");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("its rights");
    path
}

/// A helper that refuses everybody, and counts in a file how often it is asked.
fn refusing(name: &str, asked: &Path) -> PathBuf {
    let text = format!(
        "while read l; do case \"$l\" in .) echo x >> '{}'; echo 'Authenticated: No'; \
         echo 'Authentication-Error: NT_STATUS_WRONG_PASSWORD'; echo .; echo .;; esac; done",
        asked.display()
    );
    script(name, &text)
}

#[test]
fn au_40_the_real_helper_lets_in_and_refuses() {
    let config = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("smb.conf");
    std::fs::write(&config, "[global]\nworkgroup = CORP\n").expect("a configuration of Samba");
    let helper = format!(
        "ntlm_auth,--helper-protocol=ntlm-server-1,--configfile={},--domain=CORP,--password=Domain-Pass",
        config.display()
    );
    for_each_backend(|backend| {
        let unlimited = [("TIMELEDGER_AUTH__PAIR_FAILURES", "1000"), ("TIMELEDGER_NTLM__DOMAIN_FAILURES", "1000")];
        let server = site(backend, &helper, &unlimited);
        for n in 0..6 {
            let wrong = ("CORP", "ann", "other");
            assert!(Wire::open(server.address).sign_in(METADATA, "NTLM", wrong).is_list(), "{backend:?}");
            let answer = Wire::open(server.address).sign_in(METADATA, "NTLM", ANN);
            assert_eq!(answer.status, 200, "{backend:?} {n}: in step after a refusal: {:?}", audited(&server, 3));
        }
        // A name that needs base64, and a domain of nobody's.
        let answer = Wire::open(server.address).sign_in(METADATA, "Negotiate", ("CORP", "jörg ö", "Domain-Pass"));
        assert_eq!(answer.status, 200, "{:?}", audited(&server, 3));
        assert!(Wire::open(server.address).sign_in(METADATA, "NTLM", ("OTHER", "ann", "Domain-Pass")).is_list());
        assert_eq!(audited(&server, 1)[0].1, "the domain is none of ours");
    });
}

#[test]
fn au_40_a_helper_that_is_down_is_503_and_comes_back() {
    let counted = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("helper-starts");
    for_each_backend(|backend| {
        let cases = [
            ("missing", "/nonexistent/ntlm_auth".to_owned()),
            ("falls", script("helper-falls", "exit 1").display().to_string()),
            ("nonsense", script("helper-nonsense", "while read l; do echo what; echo .; done").display().to_string()),
            ("endless", script("helper-endless", "read l; exec yes").display().to_string()),
        ];
        for (name, helper) in cases {
            let server = site(backend, &helper, &[]);
            let answer = Wire::open(server.address).sign_in(METADATA, "NTLM", ANN);
            assert_eq!(answer.status, 503, "{backend:?} {name}: {}", answer.text());
            assert!(
                !answer.all("Retry-After").is_empty() && answer.text().contains("ApiDisabled"),
                "{}",
                answer.text()
            );
            assert_eq!(audited(&server, 1)[0].0, "verifier_down", "{name}");
            assert_eq!(server.get("tim@example.com", METADATA).status, 200, "tokens need no helper");
        }
        // The first one falls, the next one answers.
        let _ = std::fs::remove_file(&counted);
        let text = format!(
            "echo x >> '{}'\nif [ $(wc -l < '{0}') -lt 2 ]; then exit 1; fi\n\
             while read l; do case \"$l\" in .) echo 'Authenticated: No'; echo 'Authentication-Error: NT_STATUS_WRONG_PASSWORD'; echo .;; esac; done",
            counted.display()
        );
        let server = site(backend, &script("helper-second", &text).display().to_string(), &[]);
        let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while Wire::open(server.address).sign_in(METADATA, "NTLM", ANN).status == 503 {
            assert!(std::time::Instant::now() < until, "it is not started again");
        }
        assert_eq!(audited(&server, 1)[0].1, "the domain refused: NT_STATUS_WRONG_PASSWORD");
    });
}

/// The same where they come all at once: each is counted before the next is tried.
#[test]
fn au_90_the_domain_is_not_asked_more_often_by_many_at_once() {
    let asked = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("helper-asked-at-once");
    for_each_backend(|backend| {
        let _ = std::fs::remove_file(&asked);
        let server = site(backend, &refusing("helper-counts-at-once", &asked).display().to_string(), &[]);
        let gate = std::sync::Barrier::new(60);
        std::thread::scope(|scope| {
            for n in 0..60 {
                let (gate, server) = (&gate, &server);
                scope.spawn(move || {
                    let mut wire = Wire::open(server.address);
                    let challenge = wire.leg(METADATA, "NTLM", &negotiate()).token();
                    gate.wait();
                    let answer = wire.leg(METADATA, "NTLM", &authenticate(&challenge, ANN));
                    assert!(answer.status == 429 || answer.is_list(), "{n}: {}", answer.text());
                });
            }
        });
        let times = std::fs::read_to_string(&asked).expect("it was asked").lines().count();
        assert_eq!(times, 3, "{backend:?}");
    });
}

/// A helper that says more than it was asked is out of step: what it says next is the answer to somebody else's question.
#[test]
fn au_40_a_helper_out_of_step_signs_nobody_in() {
    for_each_backend(|backend| {
        let yes = "echo 'Authenticated: Yes'; echo 'User-Session-Key: 00000000000000000000000000000000'; echo .";
        let late = format!(
            "echo 'Authenticated: No'; echo 'Authentication-Error: NT_STATUS_WRONG_PASSWORD'; echo .; sleep 0.05; {yes}"
        );
        let cases = [("hiccup", format!("echo 'Error: hiccup'; echo .; {yes}")), ("late", late)];
        for (name, said) in cases {
            let text = format!("while read l; do case \"$l\" in .) {said};; esac; done");
            let server = site(backend, &script(&format!("helper-{name}"), &text).display().to_string(), &[]);
            for n in 0..3 {
                let answer = Wire::open(server.address).sign_in(METADATA, "NTLM", ANN);
                assert!(answer.status == 401 || answer.status == 503, "{backend:?} {name} {n}: {}", answer.status);
                std::thread::sleep(std::time::Duration::from_millis(200));
            }
        }
    });
}

/// A domain whose controllers are away refuses nobody, and closes no address.
#[test]
fn au_40_a_domain_that_cannot_judge_is_503_and_nobodys_failure() {
    for_each_backend(|backend| {
        let sentence = "No logon servers are currently available to service the logon request.";
        let text = format!(
            "while read l; do case \"$l\" in .) echo 'Authenticated: No'; echo 'Authentication-Error: {sentence}'; echo .; echo .;; esac; done"
        );
        let server = site(backend, &script("helper-alone", &text).display().to_string(), &[]);
        for _ in 0..8 {
            assert_eq!(Wire::open(server.address).sign_in(METADATA, "NTLM", ANN).status, 503, "{backend:?}");
        }
        assert_eq!(audited(&server, 1)[0].0, "verifier_down");
    });
}

/// AU-90: a stranger's guesses must not trip the domain's own lock; after three the domain is not asked.
#[test]
fn au_90_the_domain_is_not_asked_after_three_failures() {
    let asked = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("helper-asked");
    for_each_backend(|backend| {
        let _ = std::fs::remove_file(&asked);
        let server = site(backend, &refusing("helper-counts", &asked).display().to_string(), &[]);
        for _ in 0..5 {
            assert!(Wire::open(server.address).sign_in(METADATA, "NTLM", ANN).is_list(), "{backend:?}");
        }
        assert_eq!(Wire::open(server.address).sign_in(METADATA, "NTLM", ANN).status, 429);
        let times = std::fs::read_to_string(&asked).expect("it was asked").lines().count();
        assert_eq!(times, 3, "{backend:?}");
    });
}
