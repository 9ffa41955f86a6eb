//! The way to the mail server: TLS, the password, which is nowhere else, and what `doctor` says of it.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};

use super::{MailServer, reused, wait_until};
use crate::backend::{Backend, Database, Fixture, for_each_backend};
use crate::support::http::Request;
use crate::support::program;
use crate::support::server::Server;

const PASSWORD: &str = "Corr3ct-Horse-Battery";
/// As PLAIN and LOGIN send it: `\0time\0…`, and alone.
const ENCODED: [&str; 2] = ["AHRpbWUAQ29ycjNjdC1Ib3JzZS1CYXR0ZXJ5", "Q29ycjNjdC1Ib3JzZS1CYXR0ZXJ5"];

/// An authority of its own and a certificate for this machine, as files.
fn certified(folder: &Path) -> [String; 3] {
    let authority_key = KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::new(Vec::new()).expect("names");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = authority.self_signed(&authority_key).expect("a certificate");
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().expect("a key");
    let own = CertificateParams::new(vec!["localhost".into(), "127.0.0.1".into()]).expect("names");
    let own = own.signed_by(&key, &issuer).expect("a certificate");
    [("ca.pem", root.pem()), ("mail.pem", own.pem()), ("mail.key", key.serialize_pem())].map(|(name, text)| {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    })
}

struct Setup {
    mail: MailServer,
    environment: Vec<(&'static str, String)>,
    folder: tempfile::TempDir,
}

/// A mail server that wants TLS and a password, and the settings that fit it.
fn setup(tls: &str) -> Setup {
    let folder = tempfile::tempdir().expect("a folder");
    let [root, certificate, key] = certified(folder.path());
    let options = [
        format!("auth=time:{PASSWORD}"),
        format!("certificate={certificate}"),
        format!("key={key}"),
        format!("tls={tls}"),
    ];
    let mail = MailServer::start(&options);
    let environment = vec![
        ("TIMELEDGER_MAIL__SERVER", "localhost".to_owned()),
        ("TIMELEDGER_MAIL__PORT", mail.port.to_string()),
        ("TIMELEDGER_MAIL__TLS", tls.to_owned()),
        ("TIMELEDGER_MAIL__USER", "time".to_owned()),
        ("TIMELEDGER_MAIL__PASSWORD", PASSWORD.to_owned()),
        ("TIMELEDGER_MAIL__FROM", "time@example.com".to_owned()),
        ("TIMELEDGER_MAIL__TIMEOUT", "3".to_owned()),
        ("TIMELEDGER_SERVER__PUBLIC_URL", "https://time.example.com".to_owned()),
        ("TIMELEDGER_LOG__LEVEL", "trace".to_owned()),
        ("SSL_CERT_FILE", root),
    ];
    Setup { mail, environment, folder }
}

impl Setup {
    /// Its settings, with one of them different.
    fn with(&self, key: &str, value: &str) -> Vec<(&'static str, String)> {
        let changed = |(name, old): &(&'static str, String)| (*name, if *name == key { value } else { old }.to_owned());
        self.environment.iter().map(changed).collect()
    }
}

/// What `doctor` finds of a check.
fn finding(environment: &[(&'static str, String)], database: &str, check: &str) -> (String, String) {
    let mut doctor = program::timeledger(&["doctor", "--json", "--database", database]);
    let output = doctor.envs(environment.iter().cloned()).output().expect("it runs");
    let said = program::both(&output);
    check_no_password(&said);
    let findings: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"));
    let found = findings.as_array().expect("a list").iter().find(|finding| finding["check"] == check);
    let found = found.unwrap_or_else(|| panic!("no {check} in {findings}"));
    let text = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
    (text("state"), text("detail"))
}

fn check_no_password(text: &str) {
    for secret in [&[PASSWORD][..], &ENCODED].concat() {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

/// Tells Tim something on a server of the program.
fn tell(database: &Database, about: &str) {
    let now = timeledger::clock::Clock::system().now();
    let told = database.connect(timeledger::db::Role::Writer).write::<_, timeledger::db::DbError>(|tx| {
        tx.hold(timeledger::db::Hold::Shared)?;
        timeledger::domain::notices::tell(tx, &reused(about, "192.0.2.1"), now)
    });
    assert!(told.expect("told"));
}

fn start(database: Database, environment: &[(&'static str, String)]) -> Server {
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Server::start_with(database, &environment)
}

#[test]
fn mail_goes_encrypted_and_signed_in_and_the_password_is_in_no_log() {
    for (backend, tls) in [(Backend::Sqlite, "starttls"), (Backend::Postgres, "tls")] {
        let setup = setup(tls);
        let environment = setup.with("TIMELEDGER_MAIL__TLS", tls);
        let database = Database::loaded(backend, Fixture::SMALL);
        let server = start(database.again(), &environment);
        tell(&server.database, "r");
        let mail = setup.mail.wait_for(1).remove(0);
        assert_eq!((&mail["signedIn"], &mail["envelopeTo"]), (&json!(true), &json!(["tim@example.com"])), "{tls}");
        assert!(tls == "tls" || mail["encrypted"] == json!(true), "{mail}");
        assert_eq!(finding(&environment, &server.database.text, "mail").0, "ok", "{tls}");
        assert_eq!(finding(&environment, &server.database.text, "mails"), ("ok".into(), "none fails".into()));
        // A password that is wrong, of a server that says so; the right one shows nowhere either.
        let wrong = setup.with("TIMELEDGER_MAIL__PASSWORD", "wrong-one");
        let other = start(database.again(), &wrong);
        check_no_password(&server.log());
        drop(server);
        tell(&other.database, "with the wrong password");
        wait_until("refused", || setup.mail.lines("sign-ins") > 2 && other.log().contains("could not be sent"));
        assert!(!other.log().contains("wrong-one") && !other.log().contains("d3Jvbmctb25l"), "{}", other.log());
        // Who gets mail stands in no log.
        assert!(!other.log().contains("tim@example.com"));
        let (state, detail) = finding(&wrong, &other.database.text, "mail");
        assert!(state == "fail" && !detail.contains("wrong-one"), "{state} {detail}");
        wait_until("kept", || finding(&wrong, &other.database.text, "mails").0 == "warn");
        assert_eq!(setup.mail.lines("mails"), 1);
        let figures = Request::get("/metrics").send(other.address).lossy();
        assert!(figures.contains("timeledger_mails_total{kind=\"grantReused\",outcome=\"failed\"} 1"), "{figures}");
        let mut show = program::timeledger(&["config", "show"]);
        let shown = program::both(&show.envs(environment.iter().cloned()).output().expect("it runs"));
        assert!(shown.contains("mail.password") && shown.contains("***"), "{shown}");
        check_no_password(&shown);
    }
}

/// Nothing is sent in the open where TLS is wanted, and nothing to somebody else.
#[test]
fn without_its_tls_nothing_is_sent() {
    for_each_backend(|backend| {
        let setup = setup("starttls");
        // The authority is nobody's.
        let empty = setup.folder.path().join("none.pem");
        std::fs::write(&empty, std::fs::read(setup.folder.path().join("mail.pem")).expect("a file")).expect("a file");
        let distrusted = setup.with("SSL_CERT_FILE", &empty.display().to_string());
        let database = Database::loaded(backend, Fixture::SMALL);
        let (state, detail) = finding(&distrusted, &database.text, "mail");
        assert_eq!(state, "fail", "{backend:?} {detail}");
        // A server without STARTTLS.
        let open = MailServer::start(&[]);
        let port = open.port.to_string();
        let plain = setup.with("TIMELEDGER_MAIL__PORT", &port);
        let (state, detail) = finding(&plain, &database.text, "mail");
        assert!(state == "fail" && detail.contains("STARTTLS"), "{state} {detail}");
        let server = start(database, &plain);
        tell(&server.database, "r");
        wait_until("refused", || server.log().contains("could not be sent"));
        assert_eq!((open.lines("tries"), setup.mail.lines("sign-ins")), (0, 0));
        // Nobody there.
        let (state, _) = finding(&setup.with("TIMELEDGER_MAIL__PORT", "1"), &server.database.text, "mail");
        assert_eq!(state, "fail");
        // In the open, with a password, to another machine.
        let mut elsewhere = setup.with("TIMELEDGER_MAIL__TLS", "none");
        elsewhere[0].1 = "mail.example.com".to_owned();
        let (state, detail) = finding(&elsewhere, &server.database.text, "configuration");
        assert!(state == "fail" && detail.contains("mail.tls"), "{state} {detail}");
    });
}
