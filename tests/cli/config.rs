//! `config show|check`: layers, origins, and refusals.

use super::{program, run};

#[test]
fn every_value_is_shown_with_its_origin_and_no_secret() {
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    std::fs::write(file.path(), "[odata]\npage_size = 7\n[metrics]\ntoken = \"s3cret\"\n").unwrap();
    let path = file.path().to_str().unwrap();
    let shown = run(program(["config", "show", "--json", "--config", path, "--database", "postgres://a:s3cret@db/x"])
        .env("TIMELEDGER_SERVER__WORKERS", "3"));
    let settings = shown.json();
    for (key, value, origin) in [
        ("odata.page_size", serde_json::json!(7), path),
        ("server.workers", serde_json::json!(3), "TIMELEDGER_SERVER__WORKERS"),
        ("database.url", serde_json::json!("postgres://a:***@db/x"), "--database"),
        ("metrics.token", serde_json::json!("***"), path),
        ("server.keep_alive", serde_json::json!(75), "default"),
    ] {
        assert_eq!(settings[key], serde_json::json!({"value": value, "origin": origin}), "{key}");
    }
    assert!(!shown.out.contains("s3cret"));
    assert!(!run(&mut program(["config", "show", "--config", path])).printed().contains("s3cret"));
}

#[test]
fn a_configuration_that_cannot_be_used_ends_with_3() {
    let cases = [
        ("TIMELEDGER_ODATA__PAGESIZE", "1", "TIMELEDGER_ODATA__PAGE_SIZE"),
        ("TIMELEDGER_ODATA__PAGE_SIZE", "many", "odata.page_size"),
        ("TIMELEDGER_CONFIG", "/nowhere/timeledger.toml", "/nowhere/timeledger.toml"),
        ("TIMELEDGER_DATABASE__URL", "mysql://db/x", "database.url"),
    ];
    for (variable, value, named) in cases {
        let checked = run(program(["config", "check"]).env(variable, value));
        assert!(checked.failed(3).contains(named), "{variable}={value}: {}", checked.err);
        assert!(checked.err.starts_with("error: ") && checked.err.contains("\n  try: "), "{}", checked.err);
    }
}
