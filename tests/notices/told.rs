//! Who is told what: tokens that end, refresh tokens that come again, accounts that are guessed.

use serde_json::{Value, json};
use timeledger::config::{self, Config, Secret, Verifier};
use timeledger::db::{DbError, Hold, Tx};
use timeledger::domain::notices::{self, Kind};
use timeledger::sql::Instant;

use super::{People, TIM_KEY, count_where, member, reused, tell, wait_until};
use crate::backend::{Database, Fixture, for_each_backend};
use crate::rest::request;
use crate::signin::wire::Wire;
use crate::signin::{KEY, METADATA, keep_password};
use crate::support::http::Request;
use crate::tracking::{ADA, PETRA, Site, TESS, TIM};

const DAY: u64 = 86_400;

/// A token of that person's, made over HTTP: its id.
fn made(people: &People<'_>, user: &str, name: &str, days: u32) -> String {
    let reply = people.client(0, user).send(request("POST", "/api/v1/tokens", &json!({"name": name, "days": days})));
    assert_eq!(reply.status, 201, "{}", reply.lossy());
    reply.json()["id"].as_str().expect("an id").to_owned()
}

#[test]
fn au_13_a_token_tells_of_its_end_three_times_once_each() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 2);
        let people = People::of(&site);
        made(&people, TIM, "Power BI", 30);
        let revoked = made(&people, TIM, "revoked", 30);
        let rotated = made(&people, TIM, "rotated", 30);
        let tim = people.client(0, TIM);
        let path = format!("/api/v1/tokens/{revoked}");
        assert_eq!(tim.send(Request::get(&path).method("DELETE")).status, 204);
        made(&people, PETRA, "a day less", 29);
        site.pass(15 * DAY);
        wait_until("the servers have looked", || people.subjects(0, PETRA).len() == 1);
        assert_eq!(people.subjects(0, TIM), Vec::<String>::new(), "{backend:?}: fifteen days are left");
        let path = format!("/api/v1/tokens/{rotated}/rotate");
        assert_eq!(tim.send(request("POST", &path, &json!({"overlapHours": 168}))).status, 201);
        // Of hers something is told at later steps of the clock: it shows that the servers have looked.
        made(&people, TESS, "short", 14);
        made(&people, TESS, "long", 29);
        let steps = [
            (DAY, 1, "expires in 14 days", 0),
            (11 * DAY, 2, "expires in 3 days", 1),
            (2 * DAY, 3, "expires within a day", 2),
            (DAY, 3, "expires within a day", 3),
        ];
        for (pass, told, says, hers) in steps {
            site.pass(pass);
            wait_until("hers", || people.subjects(0, TESS).len() >= hers);
            let power_bi = || -> Vec<String> {
                people.subjects(1, TIM).into_iter().filter(|subject| subject.contains("Power BI")).collect()
            };
            wait_until(says, || power_bi().len() >= told);
            let found = power_bi();
            assert_eq!(found.len(), told, "{backend:?} {says} {found:?}");
            let newest = format!("Your API token “Power BI” {says}");
            assert!(found.first().is_none_or(|subject| *subject == newest), "{found:?}");
        }
        // The old secret of the rotated one ends in the hours that follow, and that is no news.
        let all = people.subjects(0, TIM);
        assert!(!all.iter().any(|subject| subject.contains("revoked")), "{all:?}");
        assert!(!all.iter().any(|subject| subject.contains("rotated")), "{all:?}");
        let newest = &people.list(0, TIM)[0];
        assert_eq!((newest["kind"].as_str(), newest["readAt"].as_str()), (Some("tokenExpires"), None));
        let text = newest["text"].as_str().expect("a text");
        assert!(text.contains("2024-06-01 09:00 UTC") && text.contains("\n\nRotate it"), "{text}");
    });
}

/// What was told already goes, when the token does.
#[test]
fn au_13_a_token_that_is_revoked_is_no_news_any_more() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 2);
        let people = People::of(&site);
        let ids = ["one", "two", "three"].map(|name| made(&people, TIM, name, 20));
        site.pass(7 * DAY);
        wait_until("three", || people.subjects(0, TIM).len() == 3);
        let tim = people.client(0, TIM);
        let path = |n: usize| format!("/api/v1/tokens/{}", ids[n]);
        assert_eq!(tim.send(Request::get(&path(0)).method("DELETE")).status, 204);
        assert_eq!(tim.send(request("POST", &format!("{}/rotate", path(1)), &json!({}))).status, 201);
        assert_eq!(people.subjects(0, TIM), ["Your API token “three” expires in 13 days"], "{backend:?}");
    });
}

#[test]
fn au_13_nobody_looked_for_a_while_and_only_the_last_step_is_told() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 1);
        let people = People::of(&site);
        made(&people, TIM, "weekend", 30);
        made(&people, TESS, "for a week", 7);
        site.pass(28 * DAY);
        wait_until("told", || !people.subjects(0, TIM).is_empty());
        assert_eq!(people.subjects(0, TIM), ["Your API token “weekend” expires in 2 days"], "{backend:?}");
        // Long over.
        assert_eq!(people.subjects(0, TESS), Vec::<String>::new());
    });
}

#[test]
fn au_57_the_owner_of_a_pairing_hears_of_a_thief() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 2);
        let people = People::of(&site);
        let token = |form: &str| {
            let form = format!("client_id=OpenApi&{form}");
            let sent = Request::post("/token", "application/x-www-form-urlencoded", form.as_bytes());
            let reply = sent.send(site.address(0));
            (reply.status, reply.json()["refresh_token"].as_str().unwrap_or_default().to_owned())
        };
        let refresh = |token_: &str| token(&format!("grant_type=refresh_token&refresh_token={token_}"));
        let (pin, secret) = crate::tracking::pairing::create(&site);
        assert_eq!(crate::tracking::pairing::validate(&site.client(TIM), &json!(pin)).0, 200);
        let (_, first) = token(&format!("grant_type=authorization_code&code={secret}"));
        let (_, second) = refresh(&first);
        assert_eq!(refresh(&second).0, 200);
        assert_eq!(people.subjects(1, TIM), Vec::<String>::new());
        site.pass(61);
        assert_eq!(refresh(&first).0, 400);
        // At once: it is one transaction with the end of the pairing.
        let told = people.list(1, TIM);
        assert_eq!(member(&told, "subject"), ["A paired client was signed out: its token came twice"], "{backend:?}");
        assert!(told[0]["text"].as_str().expect("a text").contains("from 127.0.0.1"), "{told:?}");
        assert_eq!(told[0]["facts"], json!({"client": "OpenApi", "address": "127.0.0.1"}));
        // The dead one again tells nothing new.
        assert_eq!(refresh(&first).0, 400);
        assert_eq!((people.list(0, TIM).len(), people.list(0, ADA).len()), (1, 0));
    });
}

#[test]
fn au_90_the_owner_of_a_guessed_account_hears_of_it_once_a_day() {
    for_each_backend(|backend| {
        let database = Database::loaded(backend, Fixture::SMALL);
        keep_password(&database, "tim@example.com", "CORP\\tim", "Geheim 2");
        let auth = config::Auth {
            key: Secret::new(KEY),
            windows_domains: vec!["CORP=example.com".into()],
            pair_failures: 1_000,
            account_failures: 4,
            ..config::Auth::default()
        };
        let ntlm = config::Ntlm { verifier: Verifier::Local, ..config::Ntlm::default() };
        let config = Config { auth, ntlm, ..Config::default() };
        let now = Instant(jiff::Timestamp::now().as_microsecond());
        let site = Site::configured(database, 2, &config, now);
        let people = People::of(&site);
        let guess = |server: usize, name: &str| {
            let answer = Wire::open(site.address(server)).sign_in(METADATA, "NTLM", ("CORP", name, "wrong"));
            assert!(answer.is_list(), "{} {}", answer.status, answer.text());
        };
        for n in 0..3 {
            guess(n % 2, "tim");
        }
        assert_eq!(people.list(0, TIM).len(), 0, "{backend:?}");
        guess(1, "tim");
        let told = people.list(0, TIM);
        assert_eq!(member(&told, "subject"), ["Somebody guesses the password of CORP\\tim"]);
        assert_eq!(told[0]["facts"], json!({"account": "CORP\\tim", "failures": 4}));
        guess(0, "tim");
        assert_eq!(people.list(0, TIM).len(), 1);
        // Tess has never signed in so; her name says that the account is hers. Nobody's account tells nobody.
        for name in ["tess", "nobody"] {
            (0..4).for_each(|n| guess(n % 2, name));
        }
        assert_eq!((people.list(1, TESS).len(), people.list(1, ADA).len()), (1, 0));
        assert_eq!(count_where(&site, "kind = 'guessed'"), 2);
        // Another calendar day is not another day's length.
        let two_hours_on = |times: usize| {
            site.pass(7_200);
            (0..times).for_each(|n| guess(n % 2, "tim"));
            people.list(0, TIM).len()
        };
        for _ in 0..11 {
            assert_eq!(two_hours_on(4), 1);
        }
        assert_eq!(two_hours_on(4), 2, "{backend:?}: a day is over");
    });
}

/// What others build on.
#[test]
fn a_thing_is_told_once_until_it_is_cleared() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 2);
        let people = People::of(&site);
        let write = |write: &mut dyn FnMut(&mut Tx<'_>) -> Result<bool, DbError>| {
            let done = site.conn().write::<_, DbError>(|tx| {
                tx.hold(Hold::Shared)?;
                write(tx)
            });
            done.expect("written")
        };
        for about in ["abc 14", "abc 3", "abc", "abcd", "abd 14"] {
            assert!(tell(&site, &reused(about, "192.0.2.1")), "{backend:?} {about}");
            assert!(!tell(&site, &reused(about, "192.0.2.9")), "{backend:?} {about} again");
        }
        // Many at once: one is the first.
        let firsts: usize = std::thread::scope(|scope| {
            let tell = || usize::from(tell(&site, &reused("at once", "192.0.2.1")));
            let all: Vec<_> = (0..8).map(|_| scope.spawn(tell)).collect();
            all.into_iter().map(|one| one.join().expect("told")).sum()
        });
        assert_eq!(firsts, 1);
        write(&mut |tx| notices::clear(tx, TIM_KEY, Kind::Guessed, "abc").map(|()| true));
        write(&mut |tx| notices::clear(tx, TIM_KEY + 1, Kind::GrantReused, "abc").map(|()| true));
        assert_eq!(people.list(0, TIM).len(), 6, "another kind and another person");
        write(&mut |tx| notices::clear(tx, TIM_KEY, Kind::GrantReused, "abc").map(|()| true));
        assert_eq!(people.list(0, TIM).len(), 3, "its steps go with it, and nothing else");
        assert!(tell(&site, &reused("abc 14", "192.0.2.1")));
        // Administrators.
        let facts = json!({"connection": "dev.azure.com/contoso", "reason": "the grant was revoked."});
        let facts = facts.as_object().expect("an object");
        let tell_all =
            || write(&mut |tx| notices::tell_administrators(tx, Kind::CredentialFailed, "c1", facts, site.clock.now()));
        assert!(tell_all());
        assert!(!tell_all());
        let told = people.list(1, ADA);
        assert_eq!(member(&told, "subject"), ["The sign-in to dev.azure.com/contoso fails"]);
        assert!(told[0]["text"].as_str().expect("a text").contains("any more: the grant was revoked.\n\n"), "{told:?}");
        assert_eq!(people.list(1, TIM).len(), 4);
        write(&mut |tx| notices::clear_of_all(tx, Kind::CredentialFailed, "c1").map(|()| true));
        assert_eq!(people.list(1, ADA), Vec::<Value>::new());
        // Nobody writes without its hold.
        let loose = site.conn().write::<_, DbError>(|tx| notices::tell(tx, &reused("x", "y"), site.clock.now()));
        assert!(matches!(loose, Err(DbError::Other(_))));
    });
}

#[test]
fn old_notices_go() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 1);
        tell(&site, &reused("old", "192.0.2.1"));
        site.pass(399 * DAY);
        tell(&site, &reused("younger", "192.0.2.1"));
        site.pass(2 * DAY);
        wait_until("the old one is gone", || count_where(&site, "about = 'old'") == 0);
        assert_eq!(count_where(&site, "about = 'younger'"), 1, "{backend:?}");
    });
}

/// As above, by passwords that the site keeps.
#[test]
fn au_90_guesses_at_a_password_of_the_site_are_told_of() {
    for_each_backend(|backend| {
        let auth = config::Auth { account_failures: 3, pair_failures: 1_000, ..config::Auth::default() };
        let config = Config { auth, ..Config::default() };
        let database = Database::loaded(backend, Fixture::SMALL);
        let now = Instant(jiff::Timestamp::now().as_microsecond());
        let site = Site::configured(database, 1, &config, now);
        let people = People::of(&site);
        let phc = timeledger::auth::local::hash("a password of Tim's").expect("a hash");
        let set = site.conn().write::<_, DbError>(|tx| timeledger::auth::local::set(tx, TIM_KEY, &phc, now));
        set.expect("a password");
        for (n, name) in
            ["tim@example.com", "nobody@example.com"].into_iter().flat_map(|name| (0..3).map(move |n| (n, name)))
        {
            assert_eq!(people.list(0, TIM).len(), usize::from(name.starts_with("nobody")), "{backend:?} {name} {n}");
            let form = format!("name={name}&password=wrong-one");
            let sent = Request::post("/signin", "application/x-www-form-urlencoded", form.as_bytes());
            assert_eq!(sent.send(site.address(0)).status, 401);
        }
        assert_eq!(people.subjects(0, TIM), ["Somebody guesses the password of tim@example.com"], "{backend:?}");
        assert_eq!(count_where(&site, "kind = 'guessed'"), 1);
    });
}
