//! `Prefer`: OD-72, OD-184 (Part 1 §8.2.8). Page sizes are in `paging`.

use serde_json::{Value, json};

use super::{ADA, V4, V33, report, send};
use crate::support::http::{Reply, Request};

fn ask(target: &str, prefer: &str) -> Reply {
    send(ADA, Request::get(target).header("Prefer", prefer))
}

/// The members that are not null, at every level; the type of one that is absent is gone with it.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Array(rows) => rows.into_iter().map(without_nulls).collect(),
        Value::Object(members) => {
            let is_null = |name: &str| members.get(name).is_some_and(Value::is_null);
            let types_null = |name: &str| name.strip_suffix("@odata.type").is_some_and(is_null);
            let kept = members.iter().filter(|(name, value)| !value.is_null() && !types_null(name));
            kept.map(|(name, value)| (name.clone(), without_nulls(value.clone()))).collect()
        }
        other => other,
    }
}

#[test]
fn od_72_nulls_are_left_out_where_that_was_asked_for() {
    let mut wrong = Vec::new();
    let levels = ["", "&$format=application/json;metadata=full", "&$format=application/json;metadata=none"];
    for (root, target) in [
        (V4, "Budgets?$orderby=BudgetName"),
        (V4, "Worklogs?$expand=WorkItem($expand=Parent,AssignedTo),ActivityType,Budget&$top=20"),
        (V4, "WorkItems?$select=Custom_Team,Custom_Score"),
        (V4, "WorkItems?$select=Custom_Team&$expand=Children($select=Custom_Team),Parent($select=Custom_Team)"),
        (
            V4,
            "WorkItems?$select=Custom_Team&$expand=Children($select=Custom_Score;$expand=Children,Parent($select=Severity))",
        ),
        (V4, "WorkItems?$select=X,WorkItemId&$compute=Priority add 1 as X"),
        (V4, "WorkItems?$select=X&$compute=null as X"),
        (V4, "WorkItems(1)?$select=Custom_Team"),
        (V4, "WorkItems(1)?$select=Custom_Team,Title&$expand=Parent"),
        (V4, "WorkItems(1)/Children?$count=true"),
        (V4, "WorkItems?$select=Custom_Team&$expand=Parent($levels=3;$select=Custom_Team)"),
        (
            V4,
            "WorkItems?$select=Custom_Team&$expand=Parent($levels=max;$select=Title;$expand=AssignedTo),Children/$count",
        ),
        (V4, "WorkItems?$select=Custom_Team&$expand=Parent/$ref,Children/$ref"),
        (V4, "WorkItems?$select=Custom_Team&$expand=*"),
        (V4, "$entity?$id=WorkItems(1)&$select=Custom_Team"),
        (V33, "workLogsOnly?$orderby=Timestamp&$count=true"),
        (V33, "workItems?$expand=Parent&$select=System_Id,Parent,Budget"),
        (V33, "workLogsOnly(cccccccc-0000-4000-8000-000000000004)/User?$select=Name,N&$compute=null as N"),
        (V33, "workLogsOnly(cccccccc-0000-4000-8000-000000000004)/User?$select=N&$compute=null as N"),
    ] {
        for (level, word) in levels.iter().zip(["nulls", "defaults", "nulls"]) {
            let target = format!("{root}/{target}{}{level}", if target.contains('?') { "" } else { "?" });
            let whole = super::get(&target);
            let reply = ask(&target, &format!("omit-values={word}"));
            let applied = reply.header("Preference-Applied") == Some(&format!("omit-values={word}"));
            let (found, expected) = (serde_json::from_slice(&reply.body).ok(), without_nulls(whole.json()));
            if whole.status != 200 || !applied || found.as_ref() != Some(&expected) || expected == whole.json() {
                let shown = |text: String| text.chars().take(400).collect::<String>();
                let (expected, found) = (shown(expected.to_string()), shown(reply.lossy()));
                wrong.push(format!("  {target}\n      expected {expected}\n      found    {found}"));
            }
        }
    }
    report(&wrong);
    let reply = ask(&format!("{V4}/WorkItems(1)?$select=Custom_Team"), "omit-values=nulls");
    let context = "http://timeledger.test/api/odata/v4.0/$metadata#WorkItems(Custom_Team)/$entity";
    assert_eq!(reply.text(), format!("{{\"@odata.context\":\"{context}\"}}"));
    let lines =
        ask(&format!("{V4}/Budgets?$select=Comment,Closed&$orderby=BudgetName&$format=ndjson"), "omit-values=nulls");
    assert_eq!(
        lines.text(),
        "{\"Comment\":\"keeps its time\",\"Closed\":true}\n{\"Closed\":false}\n{\"Comment\":\"\",\"Closed\":false}\n\
         {\"Comment\":\"nothing here\",\"Closed\":false}\n"
    );
    assert_eq!(lines.header("Preference-Applied"), Some("omit-values=nulls"));
    let both = ask(&format!("{V4}/Budgets?$select=Comment"), "omit-values=defaults,maxpagesize=1");
    assert_eq!(both.header("Preference-Applied"), Some("maxpagesize=1, omit-values=defaults"));
}

/// What is not echoed is not done.
#[test]
fn od_72_nulls_are_written_where_it_has_no_place() {
    let groups = "Worklogs?$apply=groupby((WorkItem/State),aggregate($count as N))&$orderby=WorkItem/State&$top=1";
    for target in [
        groups,
        "Budgets?$format=csv",
        "Budgets?$format=xlsx",
        "Budgets/$count",
        "WorkItems(1)/Title",
        "WorkItems(1)/Title/$value",
        "WorkItems(1)/Custom_Team",
        "WorkItems(1)/Children/$ref",
        "WorkItems(2)/Parent/$ref",
        "$metadata",
        "",
    ] {
        let target = format!("{V4}/{target}");
        let reply = ask(&target, "omit-values=nulls");
        assert!([200, 204].contains(&reply.status), "{target}: {}", reply.lossy());
        assert_eq!(reply.header("Preference-Applied"), None, "{target}");
        if !target.contains("xlsx") {
            assert_eq!(reply.lossy(), super::get(&target).lossy(), "{target}");
        }
    }
    assert_eq!(
        ask(&format!("{V4}/{groups}"), "omit-values=nulls").json()["value"][0]["WorkItem"],
        json!({"State": null})
    );
    for junk in ["omit-values=all", "omit-values", "omit-values=", "omit-values=\"nulls", "odata.omit-values=nulls"] {
        let reply = ask(&format!("{V4}/Budgets?$select=Comment"), junk);
        assert_eq!((reply.status, reply.header("Preference-Applied")), (200, None), "{junk}");
        assert!(reply.text().contains("\"Comment\":null"), "{junk}");
    }
}

/// No answer has an instance annotation: the preference is understood, and there is nothing to do about it.
#[test]
fn od_184_annotations_are_not_asked_for_in_vain() {
    let plain = super::get(&format!("{V4}/Budgets"));
    for prefer in [
        "odata.include-annotations=\"*\"",
        "include-annotations=\"-*\"",
        "odata.include-annotations=\"OData.Community.Display.V1.FormattedValue,-foo.*\"",
        "include-annotations=\"a,maxpagesize=1,omit-values=nulls\"",
        "include-annotations=\"",
    ] {
        let reply = ask(&format!("{V4}/Budgets"), prefer);
        assert_eq!((reply.status, reply.header("Preference-Applied")), (200, None), "{prefer}");
        assert_eq!(reply.text(), plain.text(), "{prefer}");
    }
    let reply = ask(&format!("{V4}/Budgets"), "odata.include-annotations=\"*,x.*\",odata.maxpagesize=2");
    assert_eq!(reply.header("Preference-Applied"), Some("odata.maxpagesize=2"));
}
