//! Help, mistakes, completions and manual pages: all of the same declarations.

use super::timeledger;

/// The help of every command is one text, read in a row when it changes.
#[test]
fn the_help_of_every_command() {
    let mut pages = Vec::new();
    gather(&mut timeledger::cli::command(), "timeledger", &mut pages);
    insta::assert_snapshot!(pages.join("\n\n"));
}

fn gather(command: &mut clap::Command, path: &str, pages: &mut Vec<String>) {
    let words = path.split(' ').skip(1).chain(["--help"]);
    pages.push(format!("$ {path} --help\n{}", timeledger(words).printed()));
    let names: Vec<String> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    for name in names {
        if let Some(command) = command.find_subcommand_mut(&name) {
            gather(command, &format!("{path} {name}"), pages);
        }
    }
}

#[test]
fn an_unknown_command_is_a_usage_error_with_the_nearest_name() {
    let run = timeledger(["sevre"]);
    assert!(run.failed(2).contains("'serve'"), "{}", run.err);
    timeledger(["user", "role", "ann", "Owner"]).failed(2);
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        assert!(timeledger(["completions", shell]).printed().contains("revoke"), "{shell}");
    }
    assert!(timeledger(["man"]).printed().contains("timeledger"));
    assert!(timeledger(["man", "token", "create"]).printed().contains("\\-\\-days"));
    timeledger(["man", "nothing"]).failed(2);
    let folder = tempfile::tempdir().unwrap();
    timeledger(["man", "--dir", folder.path().to_str().unwrap()]).printed();
    assert!(folder.path().join("timeledger-token-create.1").is_file());
}
