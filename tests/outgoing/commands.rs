//! `timeledger connection`: the same rules as over HTTP, with secrets from standard input alone.

use serde_json::{Value, json};

use super::KEY;
use super::fakes::{DevOps, Entra, MARK, pat};
use crate::backend::{Database, Fixture, for_each_backend};
use crate::signin::command;
use crate::support::program;

#[test]
fn a_connection_is_made_tested_and_listed_on_the_machine() {
    for_each_backend(|backend| {
        let entra = Entra::start();
        let devops = DevOps::start(&entra);
        let database = Database::loaded(backend, Fixture::SMALL);
        let run = |arguments: &[&str], input: &str| {
            let all = [&["connection"], arguments, &["--database", &database.text]].concat();
            let output = command(&[("TIMELEDGER_KEY", KEY)], &all, input);
            let said = program::both(&output);
            assert!(!said.contains(MARK), "{said}");
            (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), said)
        };
        let done = |arguments: &[&str], input: &str| {
            let (code, told, said) = run(arguments, input);
            assert_eq!(code, Some(0), "{backend:?} {arguments:?}: {said}");
            told
        };
        let refused = |arguments: &[&str], input: &str, why: &str| {
            let (code, _, said) = run(arguments, input);
            assert!(code != Some(0) && said.contains(why), "{backend:?} {arguments:?}: {said}");
        };
        refused(&["add", "Main", &devops.url()], "", "set allowHttp");
        done(&["add", "Main", &devops.url(), "--allow-http"], "");
        done(&["add", "Plant", "https://tfs.corp.example/tfs/Plant", "--kind", "server"], "");
        refused(&["add", "MAIN", "https://dev.azure.com/example"], "", "another connection is called MAIN");
        refused(&["test", "Main"], "", "no credential is kept");
        done(&["credential", "main", "--kind", "pat", "--expires", "2099-03-01"], &format!("{}\n", pat("svc")));
        done(&["credential", "Main", "--kind", "pat", "--of", "tim@example.com"], &pat("tim"));
        assert!(done(&["test", "Main"], "").contains("Main takes it for svc (svc@corp)"));
        assert!(done(&["test", "Main", "--of", "TIM@example.com"], "").contains("takes it for tim"));
        done(&["credential", "Plant", "--kind", "ntlm", "--account", "CORP\\svc"], "m4rked-password\r\n");
        let list: Value = serde_json::from_str(&done(&["list", "--json"], "")).expect("JSON");
        assert_eq!(
            (&list[0]["name"], &list[0]["state"], &list[1]["state"]),
            (&json!("Main"), &json!("ok"), &json!("ok"))
        );
        // A day is good to its end.
        assert!(done(&["list"], "").contains("pat ok, until 2099-03-02"));
        let cases = [
            (&["credential", "Main", "--kind", "pat"][..], "\n", "secret must have 1 to 4000 bytes"),
            (&["credential", "Main", "--kind", "pat"], "m4rked one\nm4rked two\n", "secret must have"),
            (&["credential", "Main", "--kind", "pat"], "m4rked and blanks\n", "no personal access token"),
            (&["credential", "Main", "--kind", "pat", "--expires", "2001-01-01"], "m4rked\n", "expiresAt is over"),
            (
                &["credential", "Main", "--kind", "ntlm", "--account", "CORP\\a"],
                "m4rked\n",
                "Services takes no Windows account",
            ),
            (&["credential", "Plant", "--kind", "ntlm"], "m4rked\n", "user must name the account"),
            (
                &["credential", "Plant", "--kind", "ntlm", "--account", "CORP\\"],
                "m4rked\n",
                "user must name the account",
            ),
            (&["credential", "Nowhere", "--kind", "pat"], "m4rked\n", "there is no connection Nowhere"),
            (&["credential", "Main", "--kind", "pat", "--of", "nobody"], "m4rked\n", "nobody has this name"),
            (&["credential", "Main"], "m4rked\n", "--kind"),
        ];
        for (arguments, input, why) in cases {
            refused(arguments, input, why);
        }
        done(&["credential", "Main", "--remove"], "");
        refused(&["credential", "Main", "--remove"], "", "no credential is kept");
        assert!(
            done(&["test", "Main", "--of", "tim@example.com"], "").contains("takes it for tim"),
            "a person's own stays"
        );
    });
}
