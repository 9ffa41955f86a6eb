//! Passwords that the server keeps (AU-70, AU-71, AU-90, AU-100).

use serde_json::json;
use timeledger::auth::links::For;
use timeledger::config::{Auth, Config, Server};

use super::{Browser, PASSWORD, audited, link, newest, site};
use crate::backend::{Database, for_each_backend};
use crate::rest::request;
use crate::support::http::Request;
use crate::support::program;
use crate::support::server::Printing;
use crate::tracking::{ADA, NORA, TIM};

fn set(site: &crate::tracking::Site, body: &serde_json::Value) -> crate::support::http::Reply {
    request("POST", "/setup", body).send(site.address(0))
}

/// The whole way of a new site: the printed link, once, then name and password.
#[test]
fn au_71_a_new_site_has_its_first_administrator_by_a_link() {
    for_each_backend(|backend| {
        let database = Database::migrated(backend);
        let serve = Printing::start(&database);
        let printed = serve.printed();
        let link = printed.lines().find_map(|line| line.trim().strip_prefix("http://")).expect("a link");
        let (address, secret) = link.split_once("/setup#").expect("a fragment");
        let address = address.parse().expect("an address");
        assert_eq!(address, serve.address);
        assert_eq!(secret.len(), 43);
        let body = |name: &str, password: &str| json!({"secret": secret, "name": name, "password": password});
        let post = |body: &serde_json::Value| request("POST", "/setup", body).send(address);
        for (sent, status, code) in [
            (json!({"secret": secret, "name": "ann@example.com"}), 400, "InvalidValue"),
            (body("", PASSWORD), 400, "InvalidValue"),
            (body("ann@example.com", "short"), 422, "DbValidationError"),
            (body("ann@example.com", "ann@example.com"), 422, "DbValidationError"),
            (body("ann@example.com", "password1234"), 422, "DbValidationError"),
            (json!({"secret": "x".repeat(43), "name": "ann", "password": PASSWORD}), 410, "LinkExpired"),
            (json!({"secret": "x", "name": "ann", "password": PASSWORD}), 410, "LinkExpired"),
        ] {
            let reply = post(&sent);
            assert_eq!((reply.status, reply.json()["code"].as_str()), (status, Some(code)), "{}", reply.lossy());
            assert!(!reply.lossy().contains(secret));
        }
        let mut browser = Browser::default();
        let reply = browser.send(address, request("POST", "/setup", &body("ann@example.com", PASSWORD)));
        assert_eq!((reply.status, reply.json()), (200, json!({"location": "/account"})), "{}", reply.lossy());
        let me = browser.learn(address);
        assert_eq!((&me["uniqueName"], &me["role"]), (&json!("ann@example.com"), &json!("Administrator")));
        assert_eq!(post(&body("eve@example.com", PASSWORD)).status, 410, "a link is good once");
        Browser::default().sign_in(address, "ANN@example.com", PASSWORD);
        let log = serve.log();
        assert!(!log.contains(secret) && !log.contains(PASSWORD), "{log}");
        // Another start invites nobody.
        assert!(!Printing::start(&database).printed().contains("/setup#"));
    });
}

#[test]
fn au_71_a_link_gives_another_password_and_ends_all_sessions() {
    for_each_backend(|backend| {
        let site = site(backend, 1, &Config::default());
        let to = site.address(0);
        let mut old = Browser::default();
        old.sign_in(to, TIM, PASSWORD);
        let printed = program::run(&["user", "link", TIM, "--database", &site.database.text]);
        let (base, rest) = printed.trim().split_once("/setup#").expect("a link");
        let (void, name) = rest.split_once('&').expect("a name");
        assert_eq!((base, name), ("http://127.0.0.1:7177", "tim%40example%2Ecom"));
        let secret = link(&site, For::Person(4));
        assert_eq!(
            set(&site, &json!({"secret": void, "password": "another password"})).status,
            410,
            "the later counts"
        );
        let named = set(&site, &json!({"secret": secret, "password": "Tim@Example.com1"}));
        assert_eq!(named.status, 422, "{}", named.lossy());
        let mut browser = Browser::default();
        let body = json!({"secret": secret, "password": "another password"});
        assert_eq!(browser.send(to, request("POST", "/setup", &body)).status, 200);
        assert_eq!(browser.learn(to)["uniqueName"], json!(TIM));
        assert!(!old.is_signed_in(to));
        let rows = audited(&site, 2);
        assert_eq!([rows[0].0.as_str(), rows[1].0.as_str()], ["sign-in", "password-set"]);
        assert_eq!(Browser::default().try_sign_in(to, TIM, PASSWORD).status, 401);
        Browser::default().sign_in(to, TIM, "another password");
        let secret = link(&site, For::Person(4));
        site.pass(3_600);
        assert_eq!(
            set(&site, &json!({"secret": secret, "password": "a third password"})).status,
            410,
            "an hour is over"
        );
        // Who has administrators needs none by a link.
        let secret = link(&site, For::FirstAdministrator);
        let eve = set(&site, &json!({"secret": secret, "name": "eve", "password": PASSWORD}));
        assert_eq!(eve.status, 410, "{}", eve.lossy());
    });
}

/// AU-100, attack 31: nobody learns which names there are.
#[test]
fn au_100_whatever_is_wrong_looks_alike() {
    for_each_backend(|backend| {
        let site = site(backend, 1, &Config::default());
        let to = site.address(0);
        site.sql("UPDATE users SET is_active = FALSE, auth_version = auth_version + 1 WHERE id = 4");
        let shown = |name: &str, password: &str| {
            let reply = Browser::default().try_sign_in(to, name, password);
            let mut headers = reply.headers.clone();
            headers.retain(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()));
            headers.sort();
            (reply.status, headers, reply.lossy().replace(name, "NAME"))
        };
        let unknown = shown("zoe@example.com", PASSWORD);
        assert_eq!(unknown.0, 401);
        assert!(unknown.2.contains("The name or the password is wrong."));
        assert_eq!(shown(ADA, "not the password"), unknown.clone(), "wrong");
        assert_eq!(shown(TIM, PASSWORD), unknown, "disabled");
        let reasons: Vec<String> = audited(&site, 3).into_iter().map(|(_, outcome, _)| outcome).collect();
        assert_eq!(reasons, ["the person is disabled", "the password is wrong", "there is no such account"]);
    });
}

/// The same by the clock: medians of 200 each, one after the other. `TIMELEDGER_TEST_PROOF=1`, on a quiet machine.
#[test]
fn au_100_whatever_is_wrong_takes_as_long() {
    if std::env::var_os("TIMELEDGER_TEST_PROOF").is_none() {
        return;
    }
    for_each_backend(|backend| {
        let unlimited = Auth {
            pair_failures: 1_000_000,
            address_failures: 1_000_000,
            account_failures: 1_000_000,
            ..Auth::default()
        };
        let site = site(backend, 1, &Config { auth: unlimited, ..Config::default() });
        site.sql("UPDATE users SET is_active = FALSE, auth_version = auth_version + 1 WHERE id = 4");
        let cases =
            [("unknown", "zoe@example.com", PASSWORD), ("wrong", ADA, "not the password"), ("disabled", TIM, PASSWORD)];
        let mut times = [const { Vec::new() }; 3];
        for _ in 0..200 {
            for (n, (_, name, password)) in cases.iter().enumerate() {
                let began = std::time::Instant::now();
                assert_eq!(Browser::default().try_sign_in(site.address(0), name, password).status, 401);
                times[n].push(began.elapsed().as_secs_f64());
            }
        }
        let medians = times.map(|mut of| {
            of.sort_by(f64::total_cmp);
            of[of.len() / 2]
        });
        let shown: Vec<String> =
            cases.iter().zip(medians).map(|((name, ..), s)| format!("{name} {:.2} ms", s * 1e3)).collect();
        println!("{backend:?}: {}", shown.join(", "));
        let (least, most) =
            (medians.iter().copied().fold(f64::MAX, f64::min), medians.iter().copied().fold(0.0, f64::max));
        assert!(most / least < 1.1, "{shown:?}");
    });
}

/// AU-90, attack 30: guessing is slow, and locks nobody out.
#[test]
fn au_90_guesses_are_counted_and_the_owner_gets_in() {
    for_each_backend(|backend| {
        let server = Server { trusted_proxies: vec!["127.0.0.1".into()], ..Server::default() };
        let site = site(backend, 2, &Config { server, ..Config::default() });
        let (to, other) = (site.address(0), site.address(1));
        let mut thief = Browser { address: Some("203.0.113.9"), ..Browser::default() };
        for n in 0..5 {
            let reply = thief.try_sign_in(if n % 2 == 0 { to } else { other }, ADA, "a wrong password");
            assert_eq!(reply.status, 401);
        }
        let reply = thief.try_sign_in(other, ADA, PASSWORD);
        assert_eq!((reply.status, reply.header("Retry-After")), (429, Some("30")), "even with the right one");
        assert_eq!(newest(&site).0, "locked");
        let mut owner = Browser { address: Some("198.51.100.7"), ..Browser::default() };
        owner.sign_in(to, ADA, PASSWORD);
        // Who is in already stays in, at the address of the thief, too.
        owner.address = Some("203.0.113.9");
        assert!(owner.is_signed_in(to));
        site.pass(31);
        thief.sign_in(to, ADA, PASSWORD);
        // The changing of a password is no way around.
        for _ in 0..5 {
            let guess = json!({"current": "a wrong password", "password": "a long new password"});
            let reply = thief.ask(to, "POST", "/account/password", &guess);
            assert_eq!(reply.status, 403, "{}", reply.lossy());
        }
        let right = json!({"current": PASSWORD, "password": "a long new password"});
        assert_eq!(thief.ask(to, "POST", "/account/password", &right).status, 429);
    });
}

#[test]
fn a_password_of_an_older_cost_is_kept_at_todays() {
    for_each_backend(|backend| {
        let site = site(backend, 1, &Config::default());
        // Of "an older password", with 8 MiB and one pass.
        let old = "$argon2id$v=19$m=8192,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$";
        let phc = hashed_cheaply("an older password");
        assert!(phc.starts_with(&old[..29]), "{phc}");
        site.sql(&format!("UPDATE local_passwords SET phc = '{phc}'"));
        let to = site.address(0);
        Browser::default().sign_in(to, ADA, "an older password");
        let kept = timeledger::auth::local::of_person(&mut site.conn(), 1).expect("a row").expect("a password");
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        Browser::default().sign_in(to, ADA, "an older password");
    });
}

fn hashed_cheaply(password: &str) -> String {
    use argon2::password_hash::PasswordHasher;
    use argon2::{Algorithm, Argon2, Params, Version};
    let cheap = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8_192, 1, 1, None).expect("a cost"));
    cheap.hash_password(password.as_bytes()).expect("a hash").to_string()
}

/// Guesses sent side by side are counted one after the other.
#[test]
fn au_90_guesses_at_once_are_no_more_than_guesses() {
    for_each_backend(|backend| {
        let site = site(backend, 1, &Config::default());
        let to = site.address(0);
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let tries: Vec<_> = (0..30)
                .map(|_| scope.spawn(move || Browser::default().try_sign_in(to, ADA, "a guess").status))
                .collect();
            tries.into_iter().map(|one| one.join().expect("an answer")).collect()
        });
        assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 5, "{statuses:?}");
        assert!(statuses.iter().all(|status| [401, 429, 503].contains(status)), "{statuses:?}");
    });
}

/// Who goes away before the answer is counted all the same.
#[test]
fn au_90_a_guess_that_does_not_wait_counts() {
    use std::io::Write;
    for_each_backend(|backend| {
        let site = site(backend, 1, &Config::default());
        let body = format!("name={ADA}&password=a+guess");
        for _ in 0..5 {
            let mut stream = std::net::TcpStream::connect(site.address(0)).expect("a connection");
            let head = "POST /signin HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length:";
            write!(stream, "{head} {}\r\n\r\n{body}", body.len()).expect("it reads");
            // The request has arrived; nobody waits for what comes of it.
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while Browser::default().try_sign_in(site.address(0), ADA, "a guess").status != 429 {
            assert!(std::time::Instant::now() < until, "{:?}", audited(&site, 5));
        }
        assert!(audited(&site, 9).iter().any(|(event, why, _)| event == "refused" && why == "the password is wrong"));
    });
}

#[test]
fn names_that_cannot_be_are_wrong_as_others_are() {
    for_each_backend(|backend| {
        let site = site(backend, 1, &Config::default());
        let long = "x".repeat(257);
        for name in ["a\0b", "a\nb", long.as_str(), ""] {
            assert_eq!(Browser::default().try_sign_in(site.address(0), name, PASSWORD).status, 401, "{name:?}");
        }
        site.sql("UPDATE users SET role = 1, auth_version = auth_version + 1 WHERE role = 4");
        let secret = link(&site, For::FirstAdministrator);
        let reply = set(&site, &json!({"secret": secret, "name": "a\0b", "password": PASSWORD}));
        assert_eq!(reply.status, 400, "{}", reply.lossy());
    });
}

#[test]
fn who_has_no_role_finds_the_door_locked() {
    for_each_backend(|backend| {
        let site = site(backend, 1, &Config::default());
        let mut nora = Browser::default();
        let reply = nora.try_sign_in(site.address(0), NORA, PASSWORD);
        assert_eq!((reply.status, nora.jar.len()), (403, 0));
        assert!(reply.lossy().contains("This door is locked"));
        assert_eq!(newest(&site), ("denied".into(), "the door is locked".into()));
    });
}

#[test]
fn a_site_without_passwords_has_no_form() {
    for_each_backend(|backend| {
        let auth = Auth { local_accounts: false, ..Auth::default() };
        let site = site(backend, 1, &Config { auth: auth.clone(), ..Config::default() });
        let to = site.address(0);
        assert!(!Request::get("/signin").send(to).lossy().contains("<form"));
        assert_eq!(Browser::default().try_sign_in(to, ADA, PASSWORD).status, 404);
        assert_eq!(set(&site, &json!({"secret": "x", "password": PASSWORD})).status, 404);
    });
}
