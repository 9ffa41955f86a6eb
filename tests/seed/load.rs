//! Files that are loaded, and files that are refused as a whole with path and reason.

use diesel::prelude::*;
use timeledger::db::{Conn, Role, tables};
use timeledger::on;
use timeledger::seed::{self, LoadError, Summary};
use timeledger::sql::Instant;

use crate::backend::{BACKENDS, Backend, Database};

const NOW: Instant = Instant(1_750_000_000_000_000);

fn load(conn: &mut Conn, text: &str) -> Result<Summary, LoadError> {
    seed::load(conn, text.as_bytes(), NOW, &mut |_| {})
}

/// Loads into a new database of each kind and hands over the connection.
fn check_loaded(text: &str, check: impl Fn(&mut Conn, Summary)) {
    for backend in BACKENDS {
        let database = Database::empty(backend);
        let mut conn = database.connect(Role::Migrator);
        let summary = load(&mut conn, text).unwrap_or_else(|e| panic!("{backend:?}: {e}"));
        check(&mut conn, summary);
    }
}

/// The file must be refused with this line, and leave nothing.
fn check_refused(text: &str, said: &str) {
    let database = Database::empty(Backend::Sqlite);
    check_refused_by(&database, text, said);
}

fn check_refused_by(database: &Database, text: &str, said: &str) {
    let mut conn = database.connect(Role::Migrator);
    let error = load(&mut conn, text).expect_err(said);
    assert!(matches!(error, LoadError::Row { .. }), "{error:?}");
    let line = error.to_string();
    // serde's own errors end in a place in the text.
    assert_eq!(line.split(" at line ").next(), Some(said));
    let people: i64 = on!(&mut conn, c => tables::users::table.count().get_result(c)).expect("a count");
    let items: i64 = on!(&mut conn, c => tables::work_items::table.count().get_result(c)).expect("a count");
    assert_eq!((people, items), (0, 0), "{said}");
}

const SITE: &str = r#"{
    "users": [
        {"name": "Zoë", "uniqueName": "Zoe@example.com", "email": null, "role": "Team"},
        {"id": "11111111-2222-3333-4444-555555555555", "name": "", "uniqueName": "CORP\\bob", "email": "", "role": "administrator"}
    ],
    "activityTypes": [{"name": "Dev", "color": "ec654c"}],
    "workItems": [
        {"id": 3, "parentId": 2, "project": "Web", "type": "Task", "state": "Closed", "title": "",
         "areaPath": "Web\\Core", "iterationPath": "Web\\2024\\Sprint 1",
         "fields": {"Microsoft.VSTS.Common.Priority": 2, "Microsoft.VSTS.Scheduling.Effort": 3, "System.AssignedTo": "Zoë <zoe@example.com>",
                    "System.CreatedDate": "2024-01-02T03:04:05Z", "System.Title": "", "Custom.Team": "Red", "Custom.Cost": 7, "Custom.Ok": false, "Custom.None": null}},
        {"id": 2, "parentId": 1, "type": "Feature", "fields": {"Custom.Cost": 7.5}},
        {"id": 1}
    ],
    "budgets": [
        {"name": "Old", "planned": 0, "closed": true, "comment": "", "iterations": ["Web\\2024"]},
        {"name": "New", "planned": 2147483647, "workItems": [1]}
    ],
    "worklogs": [
        {"user": "zoe@EXAMPLE.com", "workItemId": 3, "timestamp": "2024-03-01T09:30:00", "length": 0, "comment": "", "activityType": "Dev"},
        {"user": "corp\\BOB", "workItemId": null, "timestamp": "2024-03-02T09:30:00Z", "length": 2147483647, "billableLength": 60, "isBillable": true,
         "budget": "Old", "flags": ["isTracked", "isImported"], "createdTimestamp": "2024-03-03", "editedTimestamp": "2024-03-04T01:02:03.5", "deleted": true}
    ]
}"#;

#[test]
fn a_site_is_stored_as_it_is() {
    check_loaded(SITE, |conn, summary| {
        assert_eq!((summary.users, summary.work_items, summary.budgets), (2, 3, 2));
        assert_eq!((summary.worklogs, summary.deleted, summary.seconds), (2, 1, 0));
        let people: Vec<(String, Option<String>, i32)> = on!(conn, c => {
            use tables::users::{email, id, name, role, table};
            table.order(id).select((name, email, role)).load(c)
        })
        .expect("people");
        assert_eq!(people, [("Zoë".into(), None, 1), (String::new(), Some(String::new()), 4)]);

        type Item = (i32, i32, bool, Option<i32>, i32, Option<i32>, Option<String>, Option<String>);
        let items: Vec<Item> = on!(conn, c => {
            use tables::work_items::{
                assigned_to_user_id, budget_assignment, budget_id, has_children, id, root_id, state_category, table, title,
            };
            table
                .order(id)
                .select((id, root_id, has_children, budget_id, budget_assignment, assigned_to_user_id, title, state_category))
                .load(c)
        })
        .expect("items");
        let done = Some("Completed".to_owned());
        assert_eq!(
            items,
            [
                (1, 1, true, Some(2), 2, None, None, None),
                (2, 1, true, Some(2), 3, None, None, None),
                (3, 1, false, Some(2), 3, Some(1), Some(String::new()), done),
            ]
        );
        let closure: Vec<(i32, i32, i32)> = on!(conn, c => {
            use tables::work_item_tree::{ancestor_id, depth, descendant_id, table};
            table.order((ancestor_id, descendant_id)).select((ancestor_id, descendant_id, depth)).load(c)
        })
        .expect("the closure");
        assert_eq!(closure, [(1, 1, 0), (1, 2, 1), (1, 3, 2), (2, 2, 0), (2, 3, 1), (3, 3, 0)]);

        type Custom = (String, Option<String>, Option<f64>, Option<bool>);
        let custom: Vec<Custom> = on!(conn, c => {
            use tables::{fields, work_item_fields};
            work_item_fields::table
                .inner_join(fields::table)
                .order((work_item_fields::work_item_id, fields::reference_name))
                .select((fields::reference_name, work_item_fields::text_value, work_item_fields::number_value, work_item_fields::bool_value))
                .load(c)
        })
        .expect("custom fields");
        assert_eq!(
            custom,
            [
                ("Custom.Cost".into(), None, Some(7.5), None),
                ("Custom.Cost".into(), None, Some(7.0), None),
                ("Custom.Ok".into(), None, None, Some(false)),
                ("Custom.Team".into(), Some("Red".into()), None, None),
            ]
        );

        type Log = (i64, Option<i32>, Option<i32>, i32, Option<i32>, Option<String>, bool, bool, bool);
        let logs: Vec<Log> = on!(conn, c => {
            use tables::worklogs::{
                billable_seconds, budget_id, comment, deleted, id, is_billable, is_tracked, length_seconds, table, work_item_id,
            };
            table
                .order(id)
                .select((id, work_item_id, budget_id, length_seconds, billable_seconds, comment, is_billable, is_tracked, deleted))
                .load(c)
        })
        .expect("logs");
        assert_eq!(
            logs,
            [
                (1, Some(3), Some(2), 0, None, Some(String::new()), false, false, false),
                (2, None, Some(1), i32::MAX, Some(60), None, true, true, true),
            ]
        );
        let days: i64 = on!(conn, c => tables::dates::table.count().get_result(c)).expect("days");
        assert_eq!(days, 365 + 366 + 365);
        let known: i64 = on!(conn, c => tables::worklogs::table
            .inner_join(tables::dates::table.on(tables::dates::day.eq(tables::worklogs::work_date)))
            .count()
            .get_result(c))
        .expect("days of logs");
        assert_eq!(known, 2);
    });
}

#[test]
fn dates_of_items_are_in_the_calendar() {
    let item = r#"{"workItems": [{"id": 1, "fields": {"System.CreatedDate": "1999-05-05", "System.RevisedDate": "9999-01-01"}}]}"#;
    check_loaded(item, |conn, _| {
        let years: Vec<i32> = on!(conn, c => {
            use tables::dates::{table, year};
            table.select(year).distinct().order(year).load(c)
        })
        .expect("years");
        assert_eq!(years, [1998, 1999, 2000]);
    });
}

#[test]
fn a_second_file_builds_on_the_first() {
    check_loaded(SITE, |conn, _| {
        let more = r#"{
            "workItems": [{"id": 4, "parentId": 3, "iterationPath": "Web\\2024"}],
            "budgets": [{"name": "Third", "planned": 1, "workItems": [2]}],
            "worklogs": [{"user": "Zoe@example.com", "workItemId": 4, "timestamp": "2030-01-01", "length": 1}]
        }"#;
        load(conn, more).expect("the second file");
        let budgets: Vec<Option<i32>> = on!(conn, c => {
            use tables::worklogs::{budget_id, id, table};
            table.order(id).select(budget_id).load(c)
        })
        .expect("budgets of logs");
        // The log on item 3 counts for the nearer budget now.
        assert_eq!(budgets, [Some(3), Some(1), Some(3)]);
        assert!(load(conn, more).is_err_and(|e| e.to_string() == "workItems[0].id: work item 4 is there already"));
    });
}

#[test]
fn what_is_refused() {
    let user = r#"{"name": "A", "uniqueName": "a", "role": "Team"}"#;
    let users = format!(r#""users": [{user}]"#);
    let log = |members: &str| {
        format!(r#"{{{users}, "worklogs": [{{"user": "a", "timestamp": "2024-01-01", "length": 1{members}}}]}}"#)
    };
    for (text, said) in [
        (r#"{"people": []}"#.to_owned(), "the file: there is no member `people`; the members are users, activityTypes, workItems, budgets, worklogs"),
        (r#"{"worklogs": [], "users": []}"#.to_owned(), "the file: `users` comes too late or twice; the members come in this order: users, activityTypes, workItems, budgets, worklogs"),
        (format!(r#"{{{users}, "users": []}}"#), "the file: `users` comes too late or twice; the members come in this order: users, activityTypes, workItems, budgets, worklogs"),
        (r#"{"users": [{"name": 5}]}"#.to_owned(), "users[0].name: invalid type: integer `5`, expected a string"),
        (r#"{"users": [{"name": "A"}]}"#.to_owned(), "users[0]: missing field `uniqueName`"),
        (format!(r#"{{"users": [{user}, {user}]}}"#), "users[1].uniqueName: there is a user `a` already"),
        (r#"{"users": [{"name": "A", "uniqueName": "a", "role": "Owner"}]}"#.to_owned(), "users[0].role: no role `Owner`; the roles are None, Team, Product, Budget, Administrator"),
        (r#"{"workItems": [{"id": 1, "parentId": 2}, {"id": 2, "parentId": 1}]}"#.to_owned(), "workItems[0].parentId: work item 1 would be its own ancestor: 1 → 2 → 1"),
        (r#"{"workItems": [{"id": 1}, {"id": 5, "parentId": 7}]}"#.to_owned(), "workItems[1].parentId: no work item 7, the parent of 5"),
        (r#"{"workItems": [{"id": 1, "fields": {"X.Y": 1}}, {"id": 2, "fields": {"X.Y": "1"}}]}"#.to_owned(), "workItems[1].fields.X.Y: a text here, a number elsewhere; a field has one type"),
        (r#"{"workItems": [{"id": 1, "fields": {"Microsoft.VSTS.Common.Priority": "1"}}]}"#.to_owned(), "workItems[0].fields.Microsoft.VSTS.Common.Priority: this field holds whole numbers"),
        (r#"{"workItems": [{"id": 1, "title": "a", "fields": {"System.Title": "b"}}]}"#.to_owned(), "workItems[0].fields.System.Title: differs from the member `title`; give it once"),
        (r#"{"workItems": [{"id": 1}], "budgets": [{"name": "A", "planned": 0, "workItems": [1]}, {"name": "B", "planned": 0, "workItems": [1]}]}"#.to_owned(), "budgets[1].workItems[0]: work item 1 belongs to the budget `A` already"),
        (r#"{"budgets": [{"name": "A", "planned": 0, "iterations": ["X"]}]}"#.to_owned(), "budgets[0].iterations[0]: no work item lies in an iteration `X`"),
        (r#"{"budgets": [{"name": "A", "planned": 2147483648}]}"#.to_owned(), "budgets[0].planned: 2147483648 is no length; it must be from 0 to 2147483647 seconds"),
        (log(r#", "workItemId": 9"#), "worklogs[0].workItemId: no work item 9"),
        (log(r#", "budget": """#), "worklogs[0].budget: no budget ``"),
        (log(r#", "flags": ["isTracked", "isFun"]"#), "worklogs[0].flags[1]: no flag `isFun`; the flags are isTracked, isManuallyEntered, isChanged, isTrackedExtended, isImported, isFromApi, isBillable"),
        (log(r#", "comment": "a\u0000b""#), "worklogs[0].comment: a text cannot hold the character NUL"),
        (log(r#", "color": 1"#), "worklogs[0].color: unknown field `color`, expected one of `id`, `user`, `workItemId`, `timestamp`, `length`, `billableLength`, `isBillable`, `comment`, `activityType`, `budget`, `flags`, `createdTimestamp`, `editedTimestamp`, `deleted`"),
        (format!(r#"{{{users}, "worklogs": [{{"user": "b", "timestamp": "2024-01-01", "length": 1}}]}}"#), "worklogs[0].user: no user `b`"),
        (format!(r#"{{{users}}} x"#), "the file: trailing characters"),
        (format!(r#"{{{users}"#), "the file: EOF while parsing an object"),
    ] {
        check_refused(&text, said);
    }
}

#[test]
fn ids_are_taken_once_however_far_apart() {
    let id = "11111111-2222-3333-4444-555555555555";
    let log = |id: &str| format!(r#"{{"id": "{id}", "user": "a", "timestamp": "2024-01-01", "length": 1}}"#);
    let file = |between: u128| {
        let mut logs = vec![log(id)];
        logs.extend((0..between).map(|n| log(&uuid::Uuid::from_u128(n + 1).to_string())));
        logs.push(log(id));
        format!(
            r#"{{"users": [{{"name": "A", "uniqueName": "a", "role": "Team"}}], "worklogs": [{}]}}"#,
            logs.join(",")
        )
    };
    for backend in BACKENDS {
        let database = Database::empty(backend);
        check_refused_by(&database, &file(1), &format!("worklogs[2].id: the id {id} is in use already"));
        check_refused_by(&database, &file(9_000), "worklogs[8000..9001].id: one of these ids is in use already");
    }
}
