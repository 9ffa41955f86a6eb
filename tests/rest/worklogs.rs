//! Work logs: what is written is there, in REST and in reports, at once.

use serde_json::json;

use super::{TIM, request, server};
use crate::backend::for_each_backend;

#[test]
fn a_log_that_is_posted_shows_in_rest_and_in_reports() {
    for_each_backend(|backend| {
        let server = server(backend);
        let body = json!({"timeStamp": "2024-05-02T09:30:00", "length": 5400, "workItemId": 5, "comment": "thin walk"});
        let made = server.send(TIM, request("POST", "/api/rest/workLogs?api-version=3.2", &body));
        assert_eq!(made.status, 200, "{}", made.lossy());
        let log = &made.json()["data"];
        assert_eq!((log["timestamp"].as_str(), log["length"].as_i64()), (Some("2024-05-02T09:30:00"), Some(5400)));
        let id = log["id"].as_str().expect("an id").to_owned();

        let read = server.get(TIM, &format!("/api/rest/workLogs/{id}"));
        assert_eq!(&read.json()["data"], log);

        let target = format!("/api/odata/v3.2/workLogsOnly?$filter=Id eq {id}");
        let report = server.get(TIM, &target).json();
        let row = &report["value"][0];
        assert_eq!(row["Timestamp"], "2024-05-02T09:30:00Z");
        assert_eq!((&row["PeriodLength"], &row["Comment"]), (&json!(5400), &json!("thin walk")));
        assert_eq!((&row["IsFromApi"], &row["WorkItemId"]), (&json!(true), &json!(5)));
        assert_eq!(row["WorklogDate"]["ShortDate"], "2024-05-02");
    });
}
