//! TLS of the server itself (AU-91), as curl and requests see it: versions, one protocol, renewal, and the channel that
//! Windows sign-in is bound to (AU-25, attacks 9 and 13).

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use super::{LOCAL, TIM, keep_password};
use crate::backend::{Backend, Database, Fixture, for_each_backend};
use crate::support::server::Server;

/// A folder with an authority, and what it vouches for.
struct Authority {
    folder: tempfile::TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Authority {
        let folder = tempfile::tempdir().expect("a folder");
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let name = format!("An authority of {}", folder.path().display());
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.self_signed(&key).expect("a certificate");
        std::fs::write(folder.path().join("ca.pem"), certificate.pem()).expect("a file");
        Authority { folder, issuer: Issuer::new(params, key) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// A certificate for this machine, and its key.
    fn vouch(&self, certificate: &Path, key: &Path) {
        let own = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["localhost".into(), "127.0.0.1".into()]).expect("names");
        let signed = params.signed_by(&own, &self.issuer).expect("a certificate");
        std::fs::write(certificate, signed.pem()).expect("a file");
        std::fs::write(key, own.serialize_pem()).expect("a file");
    }
}

fn curl(address: SocketAddr, arguments: &[&str], target: &str) -> (bool, String) {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "-w", "\n%{http_code} %{http_version}"])
        .args(arguments)
        .arg(format!("https://{address}{target}"));
    let output = curl.output().expect("curl");
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

fn start(backend: Backend, authority: &Authority, more: &[(&str, &str)]) -> Server {
    let (certificate, key) = (authority.path("server.pem"), authority.path("server.key"));
    authority.vouch(&certificate, &key);
    let database = Database::loaded(backend, Fixture::SMALL);
    keep_password(&database, "tim@example.com", "CORP\\tim", TIM.2);
    let (certificate, key) = (authority.text("server.pem"), authority.text("server.key"));
    let own = [("TIMELEDGER_TLS__CERTIFICATE", certificate.as_str()), ("TIMELEDGER_TLS__KEY", &key)];
    let is_ready = |address| curl(address, &["-k"], "/health/ready").1.ends_with("\n200 1.1");
    Server::start_until(database, &[&LOCAL[..], &own, more].concat(), is_ready)
}

/// Whether it comes true within ten seconds.
fn soon(is_so: impl Fn() -> bool) -> bool {
    let until = Instant::now() + Duration::from_secs(10);
    while Instant::now() < until {
        if is_so() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}

#[test]
fn au_91_tls_is_spoken_and_renewed() {
    for_each_backend(|backend| {
        let (authority, other) = (Authority::new(), Authority::new());
        let server = start(backend, &authority, &[("TIMELEDGER_TLS__HSTS_SECONDS", "31536000")]);
        let ca = authority.text("ca.pem");
        let token = server.token("ada@example.com");
        let bearer = format!("Authorization: Bearer {token}");
        let ask = |arguments: &[&str], target: &str| {
            curl(server.address, &[&["--cacert", &ca, "-g"], arguments].concat(), target)
        };
        let (is_good, said) = ask(&["-D", "-", "-H", &bearer], "/api/odata/v3.2/workLogsOnly?$top=1&$count=true");
        assert!(is_good && said.contains("strict-transport-security: max-age=31536000"), "{said}");
        assert!(said.contains(&format!("https://{}/api/odata/v3.2/$metadata", server.address)), "{said}");
        // One protocol, and no old version.
        assert!(ask(&["--http2"], "/health/ready").1.ends_with("\n200 1.1"));
        assert!(ask(&["--tlsv1.2", "--tls-max", "1.2"], "/health/ready").0);
        assert!(ask(&["--tlsv1.3"], "/health/ready").0);
        assert!(!ask(&["--tls-max", "1.1"], "/health/ready").0);
        let plain = Command::new("curl").args(["-sS", &format!("http://{}/health/ready", server.address)]).output();
        assert!(!plain.expect("curl").status.success());
        // Another certificate takes the place of the first, without a restart.
        let new_ca = other.text("ca.pem");
        let knows = |authority: &str| curl(server.address, &["--cacert", authority], "/health/ready").0;
        assert!(knows(&ca) && !knows(&new_ca));
        other.vouch(&authority.path("server.pem"), &authority.path("server.key"));
        server.signal("HUP");
        assert!(soon(|| knows(&new_ca)) && !knows(&ca));
        // What is no good is not taken.
        std::fs::write(authority.path("server.key"), "no key").expect("a file");
        server.signal("HUP");
        assert!(soon(|| server.log().contains("the old one is kept")), "{}", server.log());
        assert!(knows(&new_ca));
        let key = KeyPair::generate().expect("a key").serialize_pem();
        std::fs::write(authority.path("server.key"), key).expect("a file");
        server.signal("HUP");
        assert!(soon(|| server.log().contains("not the key of the certificate")), "{}", server.log());
        assert!(knows(&new_ca) && !server.log().contains("PRIVATE KEY"));
    });
}

#[test]
fn au_25_windows_sign_in_is_bound_to_the_channel() {
    let python = std::env::var("TIMELEDGER_TEST_PYTHON").expect("TIMELEDGER_TEST_PYTHON, which tests/run sets");
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/ntlm_tls.py");
    for_each_backend(|backend| {
        for (setting, told) in [("if_sent", "200 200"), ("require", "200 401")] {
            let authority = Authority::new();
            let server = start(backend, &authority, &[("TIMELEDGER_NTLM__CHANNEL_BINDING", setting)]);
            let ca = authority.text("ca.pem");
            let address = format!("https://{}", server.address);
            let asked = || {
                let mut client = Command::new(&python);
                client.arg(&program).args([&address, "CORP\\tim", TIM.2, &ca]).env("PYTHONDONTWRITEBYTECODE", "1");
                let output = client.output().expect("Python");
                String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim().to_owned()
            };
            assert_eq!(asked(), told, "{setting}");
            // curl names no channel.
            let who = format!("CORP\\tim:{}", TIM.2);
            let (_, said) =
                curl(server.address, &["--cacert", &ca, "--ntlm", "-u", &who], "/api/odata/v3.2/workLogsOnly/$count");
            assert!(said.ends_with(if setting == "require" { "\n401 1.1" } else { "\n200 1.1" }), "{said}");
            // Renewed, both channels count: that of a connection which is open, and the new one.
            authority.vouch(&authority.path("server.pem"), &authority.path("server.key"));
            server.signal("HUP");
            assert!(soon(|| server.log().contains("the TLS certificate was renewed")));
            assert_eq!(asked(), told, "{setting}");
        }
    });
}

#[test]
fn au_97_the_doctor_sees_a_certificate_end() {
    use time::{Duration, OffsetDateTime};
    let authority = Authority::new();
    let database = Database::loaded(Backend::Sqlite, Fixture::SMALL);
    for (days, state, told) in [(-3, "fail", "expired"), (5, "warn", "ends in 5 days"), (90, "ok", "good for 90 days")]
    {
        let own = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec!["localhost".into()]).expect("names");
        params.not_after = OffsetDateTime::now_utc() + Duration::days(days) + Duration::hours(1);
        let signed = params.signed_by(&own, &authority.issuer).expect("a certificate");
        std::fs::write(authority.path("d.pem"), signed.pem()).expect("a file");
        std::fs::write(authority.path("d.key"), own.serialize_pem()).expect("a file");
        let (certificate, key) = (authority.text("d.pem"), authority.text("d.key"));
        let settings = [("TIMELEDGER_TLS__CERTIFICATE", certificate.as_str()), ("TIMELEDGER_TLS__KEY", &key)];
        let output = super::command(&settings, &["doctor", "--json", "--database", &database.text], "");
        let findings: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let found =
            findings.as_array().expect("findings").iter().find(|finding| finding["check"] == "tls").expect("it");
        assert!(found["state"] == state && found.to_string().contains(told), "{days}: {found}");
    }
}

#[test]
fn a_server_does_not_start_without_its_certificate() {
    let authority = Authority::new();
    authority.vouch(&authority.path("a.pem"), &authority.path("a.key"));
    authority.vouch(&authority.path("b.pem"), &authority.path("b.key"));
    let database = Database::loaded(Backend::Sqlite, Fixture::SMALL);
    for (certificate, key, setting) in [
        ("nothing.pem", "a.key", "tls.certificate"),
        ("a.key", "a.key", "tls.certificate"),
        ("a.pem", "nothing.key", "tls.key"),
        ("a.pem", "a.pem", "tls.key"),
        ("a.pem", "b.key", "tls.key"),
    ] {
        let mut serve =
            crate::support::program::timeledger(&["serve", "--database", &database.text, "--listen", "127.0.0.1:0"]);
        serve.env("TIMELEDGER_TLS__CERTIFICATE", authority.text(certificate));
        serve.env("TIMELEDGER_TLS__KEY", authority.text(key));
        let output = serve.output().expect("the program runs");
        let said = crate::support::program::both(&output);
        assert!(!output.status.success() && said.contains(setting), "{certificate} {key}: {said}");
    }
}
