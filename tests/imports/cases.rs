//! What a file does, and what is said of it.

use serde_json::{Value, json};

use super::{counts, import, logs, over, problems, upload};
use crate::backend::for_each_backend;
use crate::rest::{ADA, BO, TESS, TIM, ask, error_code, server};
use crate::support::http::Request;
use crate::support::program;

const HEADER: &str = "ExternalId,UserName,Date,Start,Duration,ActivityType,Comment,WorkItem\n";

#[test]
fn ux_82_a_file_becomes_logs_once() {
    for_each_backend(|backend| {
        let server = server(backend);
        let file = "UserName,TimeStamp,Duration,ActivityType,Comment,WorkItem\n\
            tim@example.com,2024-04-02 09:00,1.5,Development,imported once,3\n\
            tess@example.com,2024-04-02 09:00,2,development,imported once,\n\
            Tim Tëam,2024-04-03 09:00,0.5,,imported once,3\n\
            Tim Tëam,2024-04-03 09:00,0.5,,imported once,3\n";
        let dry = import(&server, ADA, "fileName=a.csv&dryRun=true", file);
        assert_eq!((dry["state"].as_str(), counts(&dry)), (Some("succeeded"), [4, 0, 0, 0, 0]), "{dry}");
        assert_eq!(logs(&server, "imported once"), 0);
        let job = import(&server, ADA, "fileName=a.csv", file);
        assert_eq!((job["state"].as_str(), counts(&job)), (Some("succeeded"), [4, 0, 0, 0, 0]), "{job}");
        assert_eq!(logs(&server, "imported once"), 4);
        for who in [ADA, ADA] {
            let again = import(&server, who, "fileName=b.csv", file);
            assert_eq!(counts(&again), [0, 0, 0, 4, 0], "{again}");
        }
        assert_eq!(logs(&server, "imported once"), 4);
        // The effective budget is that of the item, as for a log that is posted.
        let target = "/api/odata/v4.0/Worklogs?$filter=Comment eq 'imported once' and WorkItemId eq 3&$expand=Budget";
        let rows = server.get(ADA, target).json();
        assert!(
            rows["value"].as_array().unwrap().iter().all(|log| log["Budget"]["BudgetName"] == "Budget One"),
            "{rows}"
        );
        // Taken back as a whole, and brought back by the file.
        let id = job["id"].as_str().unwrap();
        let undone = ask(&server, ADA, "POST", &format!("/api/v1/imports/{id}/undo"), &Value::Null);
        assert_eq!((undone.status, undone.json()), (200, json!({"worklogs": 4})));
        assert_eq!(logs(&server, "imported once"), 0);
        assert_eq!(counts(&import(&server, ADA, "fileName=a.csv", file)), [0, 0, 4, 0, 0]);
        assert_eq!(logs(&server, "imported once"), 4);
    });
}

#[test]
fn ux_82_a_row_with_an_id_is_changed_in_place() {
    for_each_backend(|backend| {
        let server = server(backend);
        let row =
            |hours: &str, comment: &str| format!("{HEADER}77,tim@example.com,2024-04-02,09:00,{hours},,{comment},3\n");
        assert_eq!(counts(&import(&server, TIM, "fileName=a.csv", &row("1", "keyed first"))), [1, 0, 0, 0, 0]);
        assert_eq!(counts(&import(&server, TIM, "fileName=a.csv", &row("2", "keyed second"))), [0, 1, 0, 0, 0]);
        assert_eq!(counts(&import(&server, TIM, "fileName=a.csv", &row("2", "keyed second"))), [0, 0, 0, 1, 0]);
        assert_eq!((logs(&server, "keyed first"), logs(&server, "keyed second")), (0, 1));
        // Another person's row of that id is another row.
        let theirs = row("1", "keyed third").replace("tim@", "tess@");
        assert_eq!(counts(&import(&server, TESS, "fileName=a.csv", &theirs)), [1, 0, 0, 0, 0]);
        let twice = format!("{}77,tim@example.com,2024-04-02,09:00,1,,x,3\n", row("2", "keyed second"));
        let job = import(&server, TIM, "fileName=a.csv", &twice);
        assert_eq!(job["state"], "failed", "{job}");
        assert_eq!(problems(&server, TIM, &job), [("DuplicateRow".to_owned(), "A3".to_owned())]);
    });
}

#[test]
fn ux_83_all_rows_or_none_or_the_good_ones() {
    for_each_backend(|backend| {
        let server = server(backend);
        ask(&server, ADA, "PATCH", "/api/v1/settings", &json!({"approvalStartDate": "2024-03-01"}));
        let file = format!(
            "{HEADER}1,tim@example.com,2024-04-02,09:00,1,,mixed good,3\n\
             2,timm@example.com,2024-04-02,09:00,1,,mixed bad,3\n\
             3,tim@example.com,2024-04-02,09:00,1,Developmint,mixed bad,3\n\
             4,tim@example.com,2024-04-02,09:00,1,,mixed bad,999\n\
             5,tim@example.com,2024-02-02,09:00,1,,mixed bad,3\n\
             6,tim@example.com,2024-04-02,09:00,30,,mixed bad,3\n\
             7,tim@example.com,2024-04-02,09:00,0,,mixed bad,3\n\
             8,tim@example.com,2024-04-02,09:00,1,,,\n\
             9,tim@example.com,2099-04-02,09:00,1,,mixed bad,3\n\
             10,tim@example.com,2024-04-02,09:00,one,,mixed bad,3\n"
        );
        let job = import(&server, ADA, "fileName=a.csv", &file);
        assert_eq!((job["state"].as_str(), counts(&job)), (Some("failed"), [1, 0, 0, 0, 9]), "{job}");
        assert_eq!(logs(&server, "mixed"), 0);
        let expected = [
            ("PersonUnknown", "B3"),
            ("ActivityUnknown", "F4"),
            ("WorkItemUnknown", "H5"),
            ("ApprovalStateFailed", "C6"),
            ("MaxLengthExceeded", "E7"),
            ("LengthMustBePositive", "E8"),
            ("WorkItemIdOrCommentRequired", "9"),
            ("FutureCheckFailed", "C10"),
            ("DurationUnreadable", "E11"),
        ];
        let found = problems(&server, ADA, &job);
        assert_eq!(found, expected.map(|(code, cell)| (code.to_owned(), cell.to_owned())));
        let report = format!("/api/v1/jobs/{}/result", job["id"].as_str().unwrap());
        let report = ask(&server, ADA, "GET", &report, &Value::Null);
        assert!(report.status == 200 && report.body.starts_with(b"PK"), "{}", report.status);
        // The report is a valid file itself.
        let again = over(&server, ADA, &upload(&server, ADA, "fileName=a.xlsx&dryRun=1", &report.body));
        assert_eq!(counts(&again), [1, 0, 0, 0, 9], "{again}");
        let job = import(&server, ADA, "fileName=a.csv&onlyGood=true", &file);
        assert_eq!((job["state"].as_str(), counts(&job)), (Some("succeeded"), [1, 0, 0, 0, 9]), "{job}");
        assert_eq!((logs(&server, "mixed good"), logs(&server, "mixed bad")), (1, 0));
        // A Team member enters own time alone.
        let theirs = format!("{HEADER}1,tess@example.com,2024-04-02,09:00,1,,not mine,3\n");
        let job = import(&server, TIM, "fileName=a.csv", &theirs);
        assert_eq!(problems(&server, TIM, &job), [("NoRightsToWorkLogModification".to_owned(), "B2".to_owned())]);
    });
}

#[test]
fn ux_83_an_import_is_undone_while_none_of_its_weeks_is_closed() {
    for_each_backend(|backend| {
        let server = server(backend);
        ask(&server, ADA, "PATCH", "/api/v1/settings", &json!({"approvalStartDate": "2024-03-01"}));
        let file = format!(
            "{HEADER}1,tim@example.com,2024-04-02,09:00,1,,held,3\n2,tim@example.com,2024-04-10,09:00,1,,held,3\n"
        );
        let job = import(&server, TIM, "fileName=a.csv", &file);
        assert_eq!(counts(&job), [2, 0, 0, 0, 0], "{job}");
        let week = ask(&server, TIM, "POST", "/api/rest/timeApproval/week", &json!({"weekStart": "2024-04-08"}));
        assert_eq!(week.status, 200, "{}", week.lossy());
        let undo = format!("/api/v1/imports/{}/undo", job["id"].as_str().unwrap());
        let refused = ask(&server, TIM, "POST", &undo, &Value::Null);
        assert_eq!((refused.status, error_code(&refused).as_str()), (422, "ApprovalStateFailed"));
        assert_eq!(logs(&server, "held"), 2);
        // The same file changes nothing in a locked week either; another row does not go in.
        assert_eq!(counts(&import(&server, TIM, "fileName=a.csv", &file)), [0, 0, 0, 2, 0]);
        let more = file.replace("\n1,", "\n3,").replace("04-02", "04-09");
        let job = import(&server, TIM, "fileName=a.csv", &more);
        assert_eq!(problems(&server, TIM, &job), [("ApprovalStateFailed".to_owned(), "C2".to_owned())]);
        ask(&server, TIM, "DELETE", "/api/rest/timeApproval/week?weekStart=2024-04-08", &Value::Null);
        assert_eq!(ask(&server, TIM, "POST", &undo, &Value::Null).status, 200);
        assert_eq!(logs(&server, "held"), 0);
        // Nobody else's.
        assert_eq!(ask(&server, TESS, "POST", &undo, &Value::Null).status, 404);
    });
}

#[test]
fn an_export_that_comes_back_changes_nothing() {
    for_each_backend(|backend| {
        let server = server(backend);
        for (format, name) in [("csv", "export.csv"), ("xlsx", "export.xlsx")] {
            let target = format!("/api/odata/v4.0/Worklogs?$format={format}&$expand=User,ActivityType");
            let export = server.get(ADA, &target);
            assert_eq!(export.status, 200, "{}", export.lossy());
            let options = format!("fileName={name}");
            let job = over(&server, ADA, &upload(&server, ADA, &options, &export.body));
            assert_eq!(counts(&job), [0, 0, 0, 11, 0], "{name} {job} {:?}", problems(&server, ADA, &job));
        }
        // A line that somebody changed is an edit of that log.
        let export = server.get(TIM, "/api/odata/v4.0/Worklogs?$format=csv&$expand=User");
        let edited = export.text().replace("stand-up", "sit-down");
        assert_eq!(counts(&import(&server, TIM, "fileName=export.csv", &edited)), [0, 1, 0, 2, 0]);
        assert_eq!((logs(&server, "sit-down"), logs(&server, "stand-up")), (1, 0));
    });
}

#[test]
fn what_is_no_file_is_said_so_and_leaves_nothing() {
    for_each_backend(|backend| {
        let server = server(backend);
        for (name, bytes, code) in [
            ("a.xlsx", b"UserName,Date\n".as_slice(), "FileFormat"),
            ("a.csv", b"\x00\x01\x02\x03", "FileFormat"),
            ("a.csv", b"foo,bar\nbaz,qux\n", "HeaderMissing"),
        ] {
            let job = over(&server, TIM, &upload(&server, TIM, &format!("fileName={name}"), bytes));
            assert_eq!(job["state"], "failed", "{name} {job}");
            assert_eq!(problems(&server, TIM, &job)[0].0, code, "{name} {job}");
        }
        let empty = upload(&server, TIM, "fileName=a.csv", b"");
        assert_eq!(empty.status, 400, "{}", empty.lossy());
        let unknown = upload(&server, TIM, "fileName=a.csv&map=nothing", b"x");
        assert_eq!(unknown.status, 400, "{}", unknown.lossy());
        assert_eq!(upload(&server, "nora@example.com", "fileName=a.csv", b"x").status, 403);
        // A token that may only read.
        let arguments =
            ["token", "create", "--database", &server.database.text, "--user", TIM, "--scopes", "reports.read"];
        let token = program::run(&arguments);
        let reading = Request::post("/api/v1/imports", "text/csv", b"x").bearer(token.trim()).send(server.address);
        assert_eq!(reading.status, 403, "{}", reading.lossy());
        for form in ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=xx"] {
            let sent = Request::post("/api/v1/imports", form, b"UserName,Date\n").bearer(&server.full_token(TIM));
            assert_eq!(sent.send(server.address).status, 400, "{form}");
        }
    });
}

#[test]
fn forms_profiles_and_the_template() {
    for_each_backend(|backend| {
        let server = server(backend);
        let body = "Wer;Wann;Wie lang;Text\ntim@example.com;02.04.2024 09:00;90;by form\n";
        let profile = json!({
            "columns": {"Wer": "person", "Wann": "timeStamp", "Wie lang": {"field": "duration", "unit": "minutes"}, "Text": "comment"},
            "dateFormat": "dd.MM.yyyy", "timeFormat": "HH:mm",
        });
        let kept = ask(&server, TIM, "PUT", "/api/v1/import-profiles/german", &profile);
        assert_eq!((kept.status, &kept.json()["name"]), (200, &json!("german")), "{}", kept.lossy());
        let wrong = ask(&server, TIM, "PUT", "/api/v1/import-profiles/wrong", &json!({"dateFormat": "QQ"}));
        assert_eq!(wrong.status, 400, "{}", wrong.lossy());
        let list = ask(&server, TESS, "GET", "/api/v1/import-profiles", &Value::Null);
        assert_eq!(list.json(), json!({"items": []}));
        let form = format!(
            "--xx\r\nContent-Disposition: form-data; name=\"f\"; filename=\"zeit.csv\"\r\n\r\n{body}\r\n--xx--\r\n"
        );
        let sent = Request::post("/api/v1/imports?map=german", "multipart/form-data; boundary=xx", form.as_bytes())
            .bearer(&server.full_token(TIM))
            .send(server.address);
        let job = over(&server, TIM, &sent);
        assert_eq!(counts(&job), [1, 0, 0, 0, 0], "{job} {:?}", problems(&server, TIM, &job));
        assert_eq!(logs(&server, "by form"), 1);
        assert_eq!(ask(&server, TIM, "DELETE", "/api/v1/import-profiles/german", &Value::Null).status, 204);
        assert_eq!(ask(&server, TIM, "GET", "/api/v1/import-profiles", &Value::Null).json(), json!({"items": []}));
        let template = ask(&server, TIM, "GET", "/api/v1/imports/template", &Value::Null);
        assert!(template.status == 200 && template.body.starts_with(b"PK"));
        // A column of budgets is for those who manage them.
        let file = "UserName,Date,Duration,Comment,Budget\nbo@example.com,2024-04-02,1,budgeted,Directly\n";
        assert_eq!(counts(&import(&server, BO, "fileName=a.csv", file)), [1, 0, 0, 0, 0]);
        let job = import(&server, TIM, "fileName=a.csv", &file.replace("bo@", "tim@"));
        assert_eq!(problems(&server, TIM, &job), [("AccessDenied".to_owned(), "E2".to_owned())]);
    });
}

#[test]
fn a_date_that_speaks_for_the_whole_file_is_told_once() {
    for_each_backend(|backend| {
        let server = server(backend);
        let file = "UserName,Date,Duration,Comment\n\
            tim@example.com,05.06.2024,1,day first\n\
            tim@example.com,31.05.2024,1,day first\n\
            nobody@example.com,05.06.2024,1,day first\n";
        let job = import(&server, ADA, "fileName=a.csv&onlyGood=true", file);
        let found = problems(&server, ADA, &job);
        let expected = [("DateUnreadable", "B3"), ("PersonUnknown", "A4")];
        assert_eq!(found, expected.map(|(code, cell)| (code.to_owned(), cell.to_owned())), "{job}");
        assert_eq!(logs(&server, "day first"), 0);
    });
}
