//! The audit (AU-96): what is in it, who reads it, and how it is shortened without a gap that does not show.

use diesel::connection::SimpleConnection;
use serde_json::{Value, json};
use timeledger::auth::audit::{self, Entry};
use timeledger::db::{DbError, Hold, Role};
use timeledger::http::v1::audit::ROW;
use timeledger::on;
use timeledger::sql::Instant;

use super::{ADA, BO, TESS, TIM, ask, check_members, server};
use crate::backend::{Database, for_each_backend};
use crate::support::program;
use crate::support::server::Server;

fn read(server: &Server, options: &str) -> Vec<Value> {
    let reply = ask(server, ADA, "GET", &format!("/api/v1/audit{options}"), &Value::Null);
    assert_eq!(reply.status, 200, "{}", reply.lossy());
    let rows = reply.json()["items"].as_array().expect("items").clone();
    rows.iter().for_each(|row| check_members(&ROW, row, "row"));
    rows
}

#[test]
fn what_matters_is_told_and_an_administrator_reads_it() {
    for_each_backend(|backend| {
        let server = server(backend);
        ask(&server, ADA, "PATCH", "/api/v1/settings", &json!({"futureDays": 3}));
        let raise = json!({"users": [{"email": "tess@example.com", "role": {"name": "Product"}}]});
        assert_eq!(ask(&server, ADA, "POST", "/api/rest/users/roles", &raise).status, 200);
        ask(&server, TIM, "POST", "/api/v1/tokens", &json!({"name": "=cmd|x"}));
        assert_eq!(ask(&server, TIM, "GET", "/api/v1/exports/times", &Value::Null).status, 200);
        ask(&server, TIM, "POST", "/api/v1/imports?fileName=a.csv", &json!({"no": "file"}));
        let rows = read(&server, "");
        let told: Vec<(&str, &str)> =
            rows.iter().map(|row| (row["event"].as_str().unwrap(), row["user"].as_str().unwrap_or(""))).collect();
        let expected =
            [("import", TIM), ("export", TIM), ("token-made", TIM), ("person-changed", ADA), ("settings-changed", ADA)];
        assert_eq!(told, expected);
        assert_eq!(rows[3]["details"], json!({"before": {"role": "Team"}, "after": {"role": "Product"}}));
        assert_eq!(rows[4]["details"]["after"], json!({"futureDays": 3}));
        // Reading it is told, too.
        assert_eq!(read(&server, "")[0]["event"], "audit-read");
        let tim = "00000000-0000-4000-8000-000000000004";
        let of_tim = read(&server, &format!("?userId={tim}&event=export"));
        assert_eq!((of_tim.len(), &of_tim[0]["event"]), (1, &json!("export")));
        assert_eq!(read(&server, "?$skip=2&$count=2").len(), 2);
        assert_eq!((read(&server, "?to=2020-01-01").len(), read(&server, "?from=2020-01-01").len() > 6), (0, true));
        let csv = ask(&server, ADA, "GET", "/api/v1/audit?format=csv&event=export", &Value::Null);
        assert_eq!(csv.header("Content-Type"), Some("text/csv; charset=utf-8"));
        let lines = csv.text();
        let lines: Vec<&str> = lines.split("\r\n").collect();
        assert_eq!(lines[0], "id,at,event,outcome,user,credential,address,request,target,details");
        assert!(lines.len() == 3 && lines[1].contains(",export,ok,tim@example.com,"), "{lines:?}");
        for user in [TIM, TESS, BO] {
            assert_eq!(ask(&server, user, "GET", "/api/v1/audit", &Value::Null).status, 403);
        }
        for wrong in ["?format=xlsx", "?from=yesterday", "?userId=x"] {
            let reply = ask(&server, ADA, "GET", &format!("/api/v1/audit{wrong}"), &Value::Null);
            assert_eq!(reply.status, 400, "{wrong}");
        }
    });
}

fn write(database: &Database, event: &'static str, at: Instant) {
    let entry = Entry { event, outcome: "ok".into(), ..Entry::default() };
    let add = |tx: &mut timeledger::db::Tx<'_>| {
        tx.hold(Hold::Shared)?;
        audit::write(tx, &entry, at)
    };
    database.connect(Role::Writer).write::<_, DbError>(add).expect("a row");
}

fn command(database: &Database, arguments: &[&str]) -> (bool, String) {
    let output = program::timeledger(&[&["audit"], arguments, &["--database", &database.text]].concat()).output();
    let output = output.expect("the program runs");
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[test]
fn old_rows_go_and_the_chain_holds() {
    for_each_backend(|backend| {
        let database = Database::migrated(backend);
        let now = Instant(jiff::Timestamp::now().as_microsecond());
        for days in [900, 800, 401, 10, 1] {
            write(&database, "sign-in", Instant(now.0 - days * 86_400_000_000));
        }
        assert_eq!(command(&database, &["verify"]), (true, "5 rows, none changed\n".to_owned()));
        let (is_done, said) = command(&database, &["prune", "--days", "399"]);
        assert!(!is_done && said.contains("400"), "{said}");
        assert_eq!(command(&database, &["prune", "--days", "400"]), (true, "3 rows taken away\n".to_owned()));
        assert_eq!(command(&database, &["prune", "--days", "400"]), (true, "0 rows taken away\n".to_owned()));
        assert_eq!(command(&database, &["verify"]), (true, "3 rows, none changed\n".to_owned()));
        let (_, listed) = command(&database, &["list", "--json"]);
        let listed: Value = serde_json::from_str(&listed).expect("JSON");
        let events: Vec<&str> =
            listed.as_array().expect("rows").iter().map(|row| row["event"].as_str().unwrap()).collect();
        assert_eq!(events, ["audit-pruned", "sign-in", "sign-in"]);
        assert_eq!(listed[0]["details"]["rows"], json!(3));
        // Again, later: the newest cut counts.
        let mut conn = database.connect(Role::Writer);
        let prune = |tx: &mut timeledger::db::Tx<'_>| {
            tx.hold(Hold::Shared)?;
            audit::prune(tx, Instant(now.0 - 5 * 86_400_000_000), now)
        };
        assert_eq!(conn.write::<_, DbError>(prune), Ok(1));
        assert_eq!(audit::verify(&mut conn), Ok(Ok(3)));
        // A cut that no row tells of, and rows that are taken away beside it.
        let mut run = |statement: &str| on!(&mut conn, c => c.batch_execute(statement)).is_ok();
        assert!(
            !run("DELETE FROM audit") && !run("DELETE FROM audit_cuts") && !run("UPDATE audit_cuts SET audit_id = 99")
        );
        assert!(run(
            "INSERT INTO audit_cuts (audit_id, digest, at) SELECT id, digest, at FROM audit ORDER BY id DESC LIMIT 1"
        ));
        assert!(run("DELETE FROM audit"));
        assert!(matches!(audit::verify(&mut conn), Ok(Err(_))), "{backend:?}");
        assert!(!command(&database, &["verify"]).0);
    });
}
