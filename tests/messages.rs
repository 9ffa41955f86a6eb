//! What a refused request is told, all in one snapshot: to be read in a row and mended.

use std::fmt::Write as _;

use timeledger::db::DbError;
use timeledger::entities;
use timeledger::odata::ODataError;
use timeledger::odata::edm::Model;
use timeledger::odata::encode::json::Metadata;
use timeledger::odata::limits::Limits;
use timeledger::odata::parse::RawRequest;
use timeledger::odata::run::RunError;
use timeledger::odata::service::{self, Format, Setup};
use timeledger::odata::skiptoken::Sealer;
use timeledger::policy::Everything;
use timeledger::sql::Instant;

const V4: &[&str] = &[
    // Addresses
    "Worklog",
    "Worklogs(1)",
    "WorkItems(x)",
    "WorkItems(1,2)",
    "Worklogs(Key=1)",
    "WorkItems(1)/Nope",
    "WorkItems(1)/Title/Length",
    "WorkItems/$count/Title",
    "WorkItems(1)/Children/$ref?$select=Title",
    "WorkItems(1)/$filter(true)",
    "WorkItems/$each",
    "$entity",
    "$entity?$id=https://elsewhere.example/WorkItems(1)",
    "$entity?$id=WorkItems",
    "WorkItems?$id=WorkItems(1)",
    "$batch",
    "$all",
    "Worklogs/Default.Total()",
    // Options
    "Worklogs?$nope=1",
    "Worklogs?$fliter=true",
    "Worklogs?$top=1&$top=2",
    "Worklogs?$top=-1",
    "Worklogs?$top=ten",
    "Worklogs?$skip=1.5",
    "Worklogs?$count=maybe",
    "Worklogs/$count?$top=1",
    "WorkItems(1)?$filter=true",
    "Worklogs?$search=",
    "Worklogs?$search=\"zero",
    "Worklogs?$search=(zero",
    "Worklogs?$search=\"\"",
    "Dates?$search=zero",
    "Worklogs?$apply=aggregate($count as N)&$search=zero",
    "WorkItems(1)?$search=zero",
    "WorkItems?$expand=Parent($search=zero)",
    "WorkItems(1)/Title?$compute=1 as A",
    "Worklogs?$skiptoken=abc",
    "Worklogs?$deltatoken=abc",
    "Worklogs?$filter=%zz",
    "Worklogs?$filter=%ff",
    // Grammar
    "Worklogs?$filter=PeriodLength eq",
    "Worklogs?$filter=(true",
    "Worklogs?$filter=contains(Comment,'x",
    "Worklogs?$filter=PeriodLength = 5",
    "Worklogs?$filter=PeriodLength eq 5 and",
    "Worklogs?$filter=true true",
    "Worklogs?$orderby=Id sideways",
    "Worklogs?$select=",
    "Worklogs?$expand=User($select=Name",
    "Worklogs?$filter=@a&@a=@b&@b=@a",
    // Names
    "Worklogs?$filter=comment eq 'x'",
    "Worklogs?$filter=User/Nam eq 'x'",
    "Worklogs?$filter=Comment/Length eq 1",
    "Worklogs?$filter=contain(Comment,'x')",
    "Worklogs?$filter=soundex(Comment) eq 'x'",
    "Worklogs?$select=Hour",
    "Worklogs?$expand=Users",
    "Worklogs?$expand=Comment",
    "Worklogs?$expand=User,User",
    "Worklogs?$orderby=Nope",
    // Types
    "Worklogs?$filter=PeriodLength eq 'x'",
    "Worklogs?$filter=PeriodLength",
    "Worklogs?$filter=not Comment",
    "Worklogs?$filter=contains(PeriodLength,'1')",
    "Worklogs?$filter=contains(Comment)",
    "Worklogs?$filter=IsBillable add 1 eq 2",
    "Worklogs?$filter=User eq 'x'",
    "Worklogs?$filter=Timestamp ge 2024-02-30",
    "Worklogs?$filter=Timestamp ge 2024-01-01T00:00:00",
    "Worklogs?$filter=Id eq 'no guid'",
    "Worklogs?$filter=Id in (1,2)",
    "WorkItems?$filter=BudgetAssignment eq 'Nope'",
    "WorkItems?$filter=Worklogs eq null",
    "WorkItems?$filter=Worklogs/Comment eq 'x'",
    "WorkItems?$filter=Title/any(x:x eq 'y')",
    "WorkItems?$filter=Children/any(c:Children/any(c:true))",
    "Worklogs?$filter=matchesPattern(Comment,'(')",
    // $compute
    "Worklogs?$compute=PeriodLength div 60",
    "Worklogs?$compute=1 as Comment",
    "Worklogs?$compute=1 as A,2 as A",
    "Worklogs?$apply=aggregate($count as N)&$compute=1 as N",
    "Worklogs?$compute=1 as Minutes&$filter=minutes eq 1",
    "Worklogs?$compute=1 as A&$select=A/B",
    "Worklogs?$compute=1 as A&$select=A($select=B)",
    "Worklogs?$compute=User as A",
    "Worklogs?$compute=12345678901234567890.5 as A",
    "Worklogs?$compute=PeriodLength add 1 as A,A add A as B,B add B as C,C add C as D,D add D as E,E add E as F,F add F as G,\
     G add G as H,H add H as I,I add I as J,J add J as K",
    // $apply
    "Worklogs?$apply=aggregate(PeriodLength with sum)",
    "Worklogs?$apply=aggregate(PeriodLength)",
    "Worklogs?$apply=aggregate(Comment with sum as S)",
    "Worklogs?$apply=aggregate(Id with max as S)",
    "Worklogs?$apply=aggregate(PeriodLength with median as S)",
    "Worklogs?$apply=aggregate($count as N,PeriodLength with sum as N)",
    "Worklogs?$apply=groupby((Nope))",
    "WorkItems?$apply=groupby((Worklogs))",
    "Worklogs?$apply=groupby((WorkItemId))&$filter=Comment eq 'x'",
    "Worklogs?$apply=topcount(5,PeriodLength)",
    "Worklogs?$apply=shuffle()",
    // Expand
    "WorkItems?$expand=Children($levels=11)",
    "WorkItems?$expand=Worklogs($levels=2)",
    "WorkItems?$expand=Children($levels=2;$expand=Children)",
    "WorkItems?$expand=Children($levels=10;$expand=Descendants($levels=10;$expand=Ancestors($levels=10;$select=Title)))",
    "WorkItems?$expand=Parent/$count",
    "WorkItems?$expand=*,*/$ref",
    "WorkItems?$expand=*($select=Title)",
    "WorkItems?$expand=Children($apply=aggregate($count as N))",
    "WorkItems?$expand=Parent($top=1)",
    "WorkItems?$expand=Children($expand=Children($expand=Children($expand=Children($expand=Children($expand=Children)))))",
    "WorkItems?$select=Children/Title",
];

const V3: &[&str] = &[
    "workLogsOnly?prefilter=You",
    "workItems?workItemFilterApplyTarget=None",
    "workLogsOnly?worklogsFilter=Nope eq 1",
    "workItems?customFields=A,B,C,D,E,F",
    "workLogsOnly?$select=User/Nope",
    "workLogsOnly?$select=User($select=Nope)",
    "workLogsOnly?$select=User($filter=Name eq 'x')",
    "workLogsOnly?$select=User($expand=X)",
    "workLogsOnly?$select=Comment($top=1)",
    "workLogsOnly?$select=Comment($select=X)",
    "workLogsOnly?$compute=1 as periodlength",
];

const FILES: &[&str] = &[
    "WorkItems(1)",
    "WorkItems?$expand=Children",
    "WorkItems(1)/Title",
    "Worklogs?$compute=1 as User_Name&$select=User_Name&$expand=User($select=Name)",
];

/// What the rows themselves refuse.
const ROWS: [DbError; 2] = [DbError::DivisionByZero, DbError::Overflow];

#[test]
fn every_refusal_in_a_row() {
    let json = Format::Json { metadata: Metadata::Minimal, ieee754: false };
    let mut told = String::new();
    for (segment, format, addresses) in [("v4.0", json, V4), ("v3.3", json, V3), ("v4.0", Format::Csv, FILES)] {
        for address in addresses {
            let kind = if format == json { "" } else { "(as a file) " };
            tell(&mut told, &format!("{kind}{segment}/{address}"), &refusal(segment, address, format));
        }
    }
    for error in ROWS {
        let shown = format!("(in a row) {error:?}");
        let RunError::Request(error) = RunError::from(error) else { panic!("{shown} is the request's fault") };
        tell(&mut told, &shown, &error);
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("messages", told));
}

fn tell(told: &mut String, request: &str, error: &ODataError) {
    let target = error.target.as_deref().map(|target| format!(" in {target}")).unwrap_or_default();
    let _ = writeln!(told, "{request}\n    {} {}{target}: {error}", error.status(), error.code.name());
}

fn refusal(segment: &str, address: &str, format: Format) -> ODataError {
    let (schema, version) = entities::schema_for(segment).expect("a version of ours");
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let setup = Setup {
        model: Model { schema, version, granted: entities::rights(true), fields: &[] },
        limits: &Limits::default(),
        viewer: &Everything,
        me: None,
        caller: "",
        now: Instant(0),
        sealer: &Sealer::new([0; 32]),
        root: "/",
        format,
        payload_401: false,
        continuation: None,
        omit_nulls: false,
        page: None,
        page_limit: None,
    };
    match service::prepare(&RawRequest { path, query, body: None }, &setup) {
        Ok(_) => panic!("{segment}/{address} is answered"),
        Err(error) => error,
    }
}
