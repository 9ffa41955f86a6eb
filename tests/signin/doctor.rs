//! What `doctor` finds of signing in, and what the commands for Windows accounts refuse.

use serde_json::Value;

use super::domain::script;
use super::wire::Wire;
use super::{ADA, KEY, LOCAL, METADATA, command, site};
use crate::backend::for_each_backend;
use crate::support::program;

fn finding(settings: &[(&str, &str)], database: &str, check: &str) -> (String, String) {
    let output = command(settings, &["doctor", "--json", "--database", database], "");
    let findings: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", program::both(&output)));
    let found = findings.as_array().into_iter().flatten().rfind(|finding| finding["check"] == check);
    let found = found.unwrap_or_else(|| panic!("no {check} in {findings}"));
    let text = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
    (text("state"), text("detail"))
}

fn with_helper<'s>(verifier: &'s str, helper: &'s str) -> [(&'static str, &'s str); 3] {
    [LOCAL[1], ("TIMELEDGER_NTLM__VERIFIER", verifier), ("TIMELEDGER_NTLM__HELPER", helper)]
}

#[test]
fn au_97_the_doctor_looks_at_keys_helper_and_audit() {
    const OTHER: &str = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";
    for_each_backend(|backend| {
        let server = site(backend, &[]);
        let database = server.database.text.as_str();
        assert_eq!(Wire::open(server.address).sign_in(METADATA, "NTLM", ADA).status, 200);
        let audit = ("ok".to_owned(), "1 rows, none changed".to_owned());
        assert_eq!(finding(&LOCAL, database, "audit"), audit, "{backend:?}");
        assert_eq!(finding(&LOCAL, database, "windows passwords").0, "ok");
        let wrong = [LOCAL[1], LOCAL[2], ("TIMELEDGER_KEY", OTHER)];
        assert_eq!(finding(&wrong, database, "windows passwords").0, "fail");
        let real = "ntlm_auth,--helper-protocol=ntlm-server-1,--configfile=/dev/null,--domain=CORP,--password=x";
        let (state, detail) = finding(&with_helper("winbind", real), database, "winbind");
        assert_eq!(state, "ok", "{detail}");
        assert_eq!(finding(&with_helper("winbind", "/nonexistent"), database, "winbind").0, "fail");
        let real = "ntlm_auth,--helper-protocol=gss-spnego,--configfile=/dev/null,--domain=CORP,--password=x";
        let (state, detail) = finding(&with_helper("winbind_spnego", real), database, "winbind");
        assert_eq!(state, "ok", "{detail}");
        assert!(detail.contains("NT_STATUS_LOGON_FAILURE"), "{detail}");
        for (name, says) in [("doctor-takes-all", "AF * CORP\\ada"), ("doctor-broken", "BH no winbind")] {
            let text = format!(
                "while read -r word token; do case $word in YR) printf '%s\\n' 'TT AAAA *';; *) printf '%s\\n' '{says}';; esac; done"
            );
            let helper = script(name, &text).display().to_string();
            let (state, detail) = finding(&with_helper("winbind_spnego", &helper), database, "winbind");
            assert_eq!(state, "fail", "{name}: {detail}");
        }
        let wide = [LOCAL[0], LOCAL[1], ("TIMELEDGER_AUTH__PROXY_ADDRESSES", "10.0.0.0/8")];
        assert!(finding(&wide, database, "sign-in").1.contains("not offered"));
    });
}

#[test]
fn commands_for_windows_accounts_refuse_what_cannot_be() {
    for_each_backend(|backend| {
        let server = site(backend, &[]);
        let run = |settings: &[(&str, &str)], action: &str, person: &str, account: &str, input: &str| {
            let arguments = ["user", action, person, account, "--database", &server.database.text];
            let output = command(settings, &arguments, input);
            (output.status.success(), program::both(&output))
        };
        let cases = [
            ("windows-password", "tim@example.com", "CORP\\ada", "x\n", "another person's account"),
            ("windows-password", "tim@example.com", "OTHER\\tim", "x\n", "is in no domain"),
            ("windows-password", "tim@example.com", "CORP\\tim", "\n", "no line with a password"),
            ("windows-password", "tim@example.com", "CORP\\tim", "a\nb\n", "no line with a password"),
            ("windows-password", "nobody", "CORP\\zoe", "x\n", "nobody has this name"),
            ("windows-account", "tim@example.com", "CORP\\ada", "", "another person's account"),
        ];
        for (action, person, account, input, why) in cases {
            let (done, said) = run(&LOCAL, action, person, account, input);
            assert!(!done && said.contains(why), "{backend:?} {action} {account}: {said}");
        }
        let keyless = [LOCAL[1], LOCAL[2]];
        let (done, said) = run(&keyless, "windows-password", "tim@example.com", "CORP\\tim", "x\n");
        assert!(!done && said.contains("no key is configured"), "{said}");
        // The password before still holds, and the key is in nobody's output.
        assert_eq!(Wire::open(server.address).sign_in(METADATA, "NTLM", super::TIM).status, 200);
        let shown = command(&LOCAL, &["config", "show"], "");
        assert!(!program::both(&shown).contains(KEY));
    });
}

#[test]
fn au_64_a_key_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("key");
    std::fs::write(&file, format!("1:{KEY}\n")).expect("a key");
    let path = file.to_str().expect("a path");
    for_each_backend(|backend| {
        let server = site(backend, &[]);
        let settings = [LOCAL[1], LOCAL[2], ("TIMELEDGER_KEY_FILE", path)];
        let keep = ["user", "windows-password", "tim@example.com", "CORP\\tim", "--database", &server.database.text];
        for (mode, works) in [(0o644, false), (0o600, true)] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("rights");
            let output = command(&settings, &keep, "by the file\n");
            assert_eq!(output.status.success(), works, "{backend:?} {}", program::both(&output));
        }
        let now = ("CORP", "tim", "by the file");
        assert_eq!(Wire::open(server.address).sign_in(METADATA, "NTLM", now).status, 200);
    });
}

/// AU-64: a new key takes the place of an old one, while people go on signing in.
#[test]
fn au_64_keys_turn() {
    const NEW: &str = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";
    for_each_backend(|backend| {
        let server = site(backend, &[]);
        let database = server.database.text.as_str();
        let run = |keys: &str, action: &str| {
            let settings = [LOCAL[1], LOCAL[2], ("TIMELEDGER_KEY", keys)];
            let output = command(&settings, &["key", action, "--json", "--database", database], "");
            (output.status.success(), String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<String>())
        };
        let old = |number: u32| format!("{number}:{KEY}");
        let told = |text: &str| (true, text.to_owned());
        assert_eq!(run(&old(1), "check"), told(r#"[{"key":1,"seals":true,"secrets":3}]"#));
        // Without the old key nothing opens, and nothing is changed.
        assert!(!run(&format!("2:{NEW}"), "rotate").0);
        let both = format!("2:{NEW},{}", old(1));
        assert_eq!(run(&both, "check"), told(r#"[{"key":1,"seals":false,"secrets":3}]"#));
        assert_eq!(run(&both, "rotate"), told(r#"{"secrets":3}"#));
        assert_eq!(run(&both, "rotate"), told(r#"{"secrets":0}"#));
        assert_eq!(run(&both, "check"), told(r#"[{"key":2,"seals":true,"secrets":3}]"#));
        let settings = [LOCAL[1], LOCAL[2], ("TIMELEDGER_KEY", NEW)];
        assert_eq!(finding(&settings, database, "windows passwords").0, "fail", "a key without a number is the first");
        let numbered = format!("2:{NEW}");
        let settings = [LOCAL[1], LOCAL[2], ("TIMELEDGER_KEY", numbered.as_str())];
        assert_eq!(finding(&settings, database, "windows passwords").0, "ok");
        assert!(!run("", "rotate").0);
    });
}
