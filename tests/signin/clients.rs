//! Clients that others wrote: curl, `requests-ntlm`, `httpntlm`, `ntlmclient`. Each reads a report and posts a body of 1 MiB.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::wire::{Wire, authenticate, header, negotiate};
use super::{ADA, METADATA, TIM, site};
use crate::backend::for_each_backend;
use crate::clients::run_node;
use crate::support::server::Server;

const REPORT: &str = "/api/odata/v3.2/workLogsOnly?$top=2";
const ENTER: &str = "/api/rest/workLogs?api-version=3.2";
const LOG: &str = r#"{"timeStamp":"2024-05-02T09:30:00","length":60,"comment":"1 MiB"}"#;

/// A log with blanks behind it, of 1 MiB in all.
fn body() -> String {
    format!("{LOG}{}", " ".repeat(1024 * 1024 - LOG.len()))
}

fn body_file() -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("one-mebibyte.json");
    std::fs::write(&path, body()).expect("a body");
    path
}

fn url(server: &Server, target: &str) -> String {
    format!("http://{}{target}", server.address)
}

fn curl(arguments: &[&str]) -> String {
    let output = Command::new("curl").args(["-sS", "-w", "\n%{http_code}"]).args(arguments).output().expect("curl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn curl_reads_and_posts() {
    let file = format!("@{}", body_file().display());
    for_each_backend(|backend| {
        let server = site(backend, &[]);
        let who = ["--ntlm", "-u", "CORP\\tim:Geheim 2"];
        let read = curl(&[&who[..], &[&url(&server, REPORT)]].concat());
        assert!(read.contains("\"value\":[") && read.ends_with("200"), "{backend:?} {read}");
        let json = ["-H", "Content-Type: application/json", "--data-binary", &file];
        let posted = curl(&[&who[..], &json, &[&url(&server, ENTER)]].concat());
        assert!(posted.ends_with("200"), "{backend:?} {posted}");
        let refused = curl(&["--ntlm", "-u", "CORP\\tim:wrong", &url(&server, REPORT)]);
        assert!(refused.ends_with("401") && !refused.contains("\"value\""), "{refused}");
        // One connection for several requests: a handshake once.
        let both = curl(&[&who[..], &["-v", &url(&server, METADATA), &url(&server, REPORT)]].concat());
        assert_eq!(both.matches("\n200").count(), 2, "{both}");
    });
}

#[test]
fn requests_ntlm_reads_and_posts() {
    let python = std::env::var("TIMELEDGER_TEST_PYTHON").expect("TIMELEDGER_TEST_PYTHON, which tests/run sets");
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/ntlm.py");
    for_each_backend(|backend| {
        let server = site(backend, &[]);
        let output = Command::new(&python)
            .arg(&program)
            .arg(format!("http://{}", server.address))
            .args(["CORP\\tim", "Geheim 2"])
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .output()
            .expect("Python starts");
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{backend:?}\n{}", String::from_utf8_lossy(&said));
    });
}

#[test]
fn httpntlm_reads_and_posts() {
    for_each_backend(|backend| {
        let server = site(backend, &[]);
        run_node("ntlm.cjs", &[&format!("http://{}", server.address), "CORP", "tim", "Geheim 2"]);
    });
}

#[test]
fn ntlmclient_reads_and_posts() {
    for_each_backend(|backend| {
        let server = site(backend, &[]);
        let mut wire = Wire::open(server.address);
        let read = wire.sign_in(REPORT, "NTLM", TIM);
        assert!(read.status == 200 && read.text().contains("\"value\":["), "{backend:?} {}", read.text());
        let mut wire = Wire::open(server.address);
        let json = ("Content-Type", "application/json");
        let first = header("NTLM", &negotiate());
        let challenge = wire.ask("POST", ENTER, &[json, ("Authorization", &first)], b"").token();
        let last = header("NTLM", &authenticate(&challenge, TIM));
        let posted = wire.ask("POST", ENTER, &[json, ("Authorization", &last)], body().as_bytes());
        assert_eq!(posted.status, 200, "{backend:?} {}", posted.text());
    });
}

/// 200 connections at once, half of them with a wrong password: each hears its own answer, all the way.
#[test]
fn two_hundred_connections_at_once_never_mix_identities() {
    let limits = [
        ("TIMELEDGER_AUTH__PAIR_FAILURES", "100000"),
        ("TIMELEDGER_AUTH__ADDRESS_FAILURES", "100000"),
        ("TIMELEDGER_AUTH__ACCOUNT_FAILURES", "100000"),
        ("TIMELEDGER_ODATA__MAX_CONCURRENT", "1000"),
    ];
    for_each_backend(|backend| {
        let server = site(backend, &limits);
        let me = "/api/rest/me?api-version=3.2";
        // All wait for their challenge before the first answers.
        let gate = std::sync::Barrier::new(200);
        let statuses: Vec<(usize, u16)> = std::thread::scope(|scope| {
            let walks: Vec<_> = (0..200)
                .map(|n| {
                    let (server, gate) = (&server, &gate);
                    scope.spawn(move || {
                        let (domain, user, password) = if n % 4 < 2 { ADA } else { TIM };
                        let password = if n % 2 == 0 { password } else { "wrong" };
                        let mut wire = Wire::open(server.address);
                        let challenge = wire.leg(me, "NTLM", &negotiate()).token();
                        gate.wait();
                        let answer = wire.leg(me, "NTLM", &authenticate(&challenge, (domain, user, password)));
                        let mine = format!("{user}@example.com");
                        assert_eq!(answer.text().contains(&mine), n % 2 == 0, "{backend:?} {n}: {}", answer.text());
                        let again = wire.get(me, &[]);
                        assert_eq!(again.text().contains(&mine), n % 2 == 0, "{backend:?} {n}: {}", again.text());
                        (n, answer.status)
                    })
                })
                .collect();
            walks.into_iter().map(|walk| walk.join().expect("a walk")).collect()
        });
        for (n, status) in statuses {
            assert_eq!(status, if n % 2 == 0 { 200 } else { 401 }, "{backend:?} {n}");
        }
    });
}

/// `examples/clients`, as whoever copies them runs them: each tells the same sums, and enters a minute.
#[test]
fn the_examples_run() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("examples/clients");
    let python = std::env::var("TIMELEDGER_TEST_PYTHON").expect("TIMELEDGER_TEST_PYTHON, which tests/run sets");
    for_each_backend(|backend| {
        let server = site(backend, &[]);
        let token = server.token("ada@example.com");
        let with_token = [("TIMELEDGER_TOKEN", token.as_str())];
        let with_account = [("TIMELEDGER_WINDOWS_USER", "CORP\\ada"), ("TIMELEDGER_WINDOWS_PASSWORD", ADA.2)];
        let examples = [
            ("sh", "curl.sh", &with_token[..]),
            ("sh", "curl.sh", &with_account),
            ("node", "node_token.mjs", &with_token),
            ("node", "node_ntlm.cjs", &with_account),
            (&python, "python_token.py", &with_token),
            (&python, "python_ntlm.py", &with_account),
        ];
        for (entered, (program, file, environment)) in examples.into_iter().enumerate() {
            let mut client = Command::new(program);
            client.arg(folder.join(file)).envs(environment.iter().copied());
            client.env("TIMELEDGER_URL", url(&server, "")).env("PYTHONDONTWRITEBYTECODE", "1");
            client.env("NODE_PATH", root.join(".cache/clients/node_modules"));
            let output = client.output().expect("it starts");
            let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            assert!(output.status.success() && said.trim_end().ends_with("entered"), "{file}: {said}");
            let sums: Vec<&str> =
                said.lines().filter(|line| line.contains("Ada Admin,") || line.contains("Bo Budget,")).collect();
            let ada = format!("Ada Admin,{}", 300 + 60 * entered);
            assert_eq!(sums, [ada.as_str(), "Bo Budget,2700"], "{file}: {said}");
        }
    });
}
