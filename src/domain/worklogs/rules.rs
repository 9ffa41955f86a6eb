//! The rules for work logs, each once and pure (contract §4.4, §4.5, §6.2, §6.3).
//!
//! In: a log as it would be, and loaded facts. Out: nothing, or the first rule that is broken with the member at fault.
//! Every writer passes here, so that no door is more lenient than another.

use crate::domain::approvals::State;
use crate::domain::refusal::{Kind, Refusal, Rule};
use crate::domain::settings::Settings;
use crate::domain::wall;
use crate::policy::{Caller, Role};
use crate::sql::{Day, Instant};

/// What a log must say of itself.
#[derive(Clone, Copy, Debug)]
pub struct Content<'a> {
    pub work_item: Option<i32>,
    pub comment: Option<&'a str>,
    pub activity_type: Option<i32>,
}

/// Work item, comment and kind of work, as far as the site asks for them.
pub fn content(log: Content<'_>, settings: &Settings) -> Result<(), Refusal> {
    let has_comment = log.comment.is_some_and(|comment| !comment.trim().is_empty());
    if log.work_item.is_none() && !has_comment {
        let message = "A work log needs a work item or a comment.";
        return Err(Refusal::rule(Rule::WorkItemIdOrCommentRequired, "workItemId", message));
    }
    if settings.work_item_required && log.work_item.is_none() {
        return Err(Refusal::rule(Rule::WorkItemRequired, "workItemId", "A work log needs a work item."));
    }
    if settings.comment_required && !has_comment {
        return Err(Refusal::rule(Rule::CommentRequired, "comment", "A work log needs a comment."));
    }
    if settings.activity_types_enabled && settings.activity_type_required && log.activity_type.is_none() {
        return Err(Refusal::rule(Rule::ActivityTypeRequired, "activityTypeId", "A work log needs an activity type."));
    }
    Ok(())
}

/// The length in seconds.
pub fn length(seconds: Option<i64>, settings: &Settings) -> Result<i32, Refusal> {
    let Some(seconds) = seconds else {
        return Err(Refusal::rule(Rule::LengthIsRequired, "length", "length is missing: seconds of work."));
    };
    if seconds <= 0 {
        return Err(Refusal::rule(Rule::LengthMustBePositive, "length", "length must be more than 0 seconds."));
    }
    let most = settings.max_length.unwrap_or(i32::MAX);
    match i32::try_from(seconds) {
        Ok(length) if length <= most => Ok(length),
        _ => Err(Refusal::rule(Rule::MaxLengthExceeded, "length", format!("A single log has at most {most} seconds."))),
    }
}

/// Seconds to bill: 0 is not billable, none is as the site has it.
pub fn billable(given: Option<i64>, length: i32, settings: &Settings) -> Result<Option<i32>, Refusal> {
    let Some(seconds) = given else {
        return Ok(settings.billable_by_default.then_some(length));
    };
    if seconds < 0 {
        let message = "billableLength must not be less than 0 seconds.";
        return Err(Refusal::rule(Rule::LengthMustBePositive, "billableLength", message));
    }
    let too_long = |_| {
        let message = format!("billableLength has at most {} seconds.", i32::MAX);
        Refusal::rule(Rule::MaxLengthExceeded, "billableLength", message)
    };
    i32::try_from(seconds).map(Some).map_err(too_long)
}

/// How far ahead time may be entered.
pub fn not_ahead(day: Day, today: Day, settings: &Settings) -> Result<(), Refusal> {
    match settings.future_days {
        Some(ahead) if day.0 > today.0.saturating_add(ahead) => {
            let message = format!(
                "{} lies ahead: time may be entered for {} and before.",
                wall::written_day(day),
                wall::written_day(Day(today.0 + ahead))
            );
            Err(Refusal::rule(Rule::FutureCheckFailed, "timeStamp", message))
        }
        _ => Ok(()),
    }
}

/// What is known of a person's day.
#[derive(Clone, Copy, Debug)]
pub struct DayFacts {
    pub day: Day,
    pub week: State,
    /// For everybody.
    pub week_is_locked: bool,
}

/// Whether a day takes changes: its week open or reopened and not locked, and not before the approval start date.
pub fn unlocked(facts: DayFacts, settings: &Settings) -> Result<(), Refusal> {
    let day = wall::written_day(facts.day);
    let refused = |message: String| Err(Refusal::rule(Rule::ApprovalStateFailed, "timeStamp", message));
    if !settings.approval_enabled {
        return Ok(());
    }
    if let Some(start) = settings.approval_start().filter(|start| facts.day < *start) {
        return refused(format!("{day} lies before {}, the approval start date.", wall::written_day(start)));
    }
    if facts.week_is_locked {
        return refused(format!("The week of {day} is locked."));
    }
    if !facts.week.is_open() {
        return refused(format!("The week of {day} is {}.", facts.week.name()));
    }
    Ok(())
}

/// Whether a work item still takes time; `closed_at` is when it was closed.
pub fn item_open(item: i32, closed_at: Option<Instant>, now: Instant, settings: &Settings) -> Result<(), Refusal> {
    let Some(closed_at) = closed_at.filter(|_| settings.closed_items_refused) else { return Ok(()) };
    let grace = i64::from(settings.closed_items_grace_hours) * 3_600_000_000;
    if now.0 > closed_at.0.saturating_add(grace) {
        let message = format!("Work item {item} is closed and takes no more time.");
        return Err(Refusal::rule(Rule::ClosedWorkItem, "workItemId", message));
    }
    Ok(())
}

/// Whose a log is.
#[derive(Clone, Copy, Debug)]
pub struct Ownership {
    pub owner: i32,
    pub added_by: Option<i32>,
    pub owner_edited: bool,
}

/// Whether the caller may change a log, were its day open: the owner; who added it, until the owner edits it; the role of
/// the setting "Editing Time".
pub fn may_change(caller: &Caller, log: Ownership, settings: &Settings) -> bool {
    caller.user_id == log.owner
        || (log.added_by == Some(caller.user_id) && !log.owner_edited)
        || caller.role >= settings.editing_role.0
}

/// Whether the caller may enter time for this person; none stands for somebody unknown.
pub fn may_enter_for(caller: &Caller, owner: Option<i32>, settings: &Settings) -> bool {
    owner == Some(caller.user_id) || caller.role >= settings.editing_role.0
}

/// Whether the caller may give a log a budget of its own (contract §6.6).
pub fn may_assign_budget(caller: &Caller) -> Result<(), Refusal> {
    if caller.role >= Role::Budget {
        return Ok(());
    }
    Err(Refusal::new(Kind::Denied, "Your role does not assign budgets.").at("budgetId"))
}

pub fn not_yours() -> Refusal {
    Refusal::new(Kind::NotYours, "This work log is another person's, and your role does not let you change it.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::day_of;
    use crate::domain::settings::RoleName;
    use crate::policy::Duties;
    use crate::sql::Guid;

    fn broken(result: Result<impl std::fmt::Debug, Refusal>) -> Option<(Rule, String)> {
        result.err().map(|refusal| match refusal.kind {
            Kind::Rule(rule) => (rule, refusal.member.unwrap_or_default()),
            other => panic!("{other:?}"),
        })
    }

    fn rule(rule: Rule, member: &str) -> Option<(Rule, String)> {
        Some((rule, member.to_owned()))
    }

    #[test]
    fn contract_4_4_work_item_or_comment() {
        let off = Settings::default();
        let all = Settings {
            work_item_required: true,
            comment_required: true,
            activity_type_required: true,
            ..Settings::default()
        };
        let log = |work_item, comment, activity_type| Content { work_item, comment, activity_type };
        let none = rule(Rule::WorkItemIdOrCommentRequired, "workItemId");
        for (content_of, without, with_all) in [
            (log(None, None, None), none.clone(), none.clone()),
            (log(None, Some("  "), None), none.clone(), none),
            (log(None, Some("x"), None), None, rule(Rule::WorkItemRequired, "workItemId")),
            (log(Some(1), None, None), None, rule(Rule::CommentRequired, "comment")),
            (log(Some(1), Some(" "), Some(1)), None, rule(Rule::CommentRequired, "comment")),
            (log(Some(1), Some("x"), None), None, rule(Rule::ActivityTypeRequired, "activityTypeId")),
            (log(Some(1), Some("x"), Some(1)), None, None),
        ] {
            assert_eq!(broken(content(content_of, &off)), without, "{content_of:?}");
            assert_eq!(broken(content(content_of, &all)), with_all, "{content_of:?}");
        }
        let no_types = Settings { activity_types_enabled: false, ..all };
        assert_eq!(broken(content(log(Some(1), Some("x"), None), &no_types)), None);
    }

    #[test]
    fn contract_4_4_lengths() {
        let settings = Settings::default();
        let any = Settings { max_length: None, billable_by_default: true, ..Settings::default() };
        for (seconds, expected) in [
            (None, Err(Rule::LengthIsRequired)),
            (Some(0), Err(Rule::LengthMustBePositive)),
            (Some(-1), Err(Rule::LengthMustBePositive)),
            (Some(1), Ok(1)),
            (Some(86_400), Ok(86_400)),
            (Some(86_401), Err(Rule::MaxLengthExceeded)),
            (Some(i64::MAX), Err(Rule::MaxLengthExceeded)),
        ] {
            let found = length(seconds, &settings).map_err(|refusal| broken(Err::<(), _>(refusal)).unwrap().0);
            assert_eq!(found, expected, "{seconds:?}");
        }
        assert_eq!(length(Some(i64::from(i32::MAX)), &any), Ok(i32::MAX));
        assert_eq!(broken(length(Some(i64::from(i32::MAX) + 1), &any)), rule(Rule::MaxLengthExceeded, "length"));
        assert_eq!(billable(None, 60, &settings), Ok(None));
        assert_eq!(billable(None, 60, &any), Ok(Some(60)));
        assert_eq!(billable(Some(0), 60, &any), Ok(Some(0)));
        assert_eq!(billable(Some(90), 60, &any), Ok(Some(90)));
        assert_eq!(broken(billable(Some(-1), 60, &any)), rule(Rule::LengthMustBePositive, "billableLength"));
        assert_eq!(broken(billable(Some(i64::MAX), 60, &any)), rule(Rule::MaxLengthExceeded, "billableLength"));
    }

    #[test]
    fn contract_4_5_days_ahead() {
        let settings = Settings::default();
        let refused = rule(Rule::FutureCheckFailed, "timeStamp");
        assert_eq!(broken(not_ahead(Day(101), Day(100), &settings)), None);
        assert_eq!(broken(not_ahead(Day(102), Day(100), &settings)), refused);
        let any = Settings { future_days: None, ..Settings::default() };
        assert_eq!(broken(not_ahead(Day(9_000), Day(100), &any)), None);
        let none = Settings { future_days: Some(0), ..Settings::default() };
        assert_eq!(broken(not_ahead(Day(101), Day(100), &none)), refused);
    }

    #[test]
    fn contract_4_5_locked_days() {
        let start = jiff::civil::date(2024, 1, 1);
        let settings = Settings { approval_start_date: Some(start), ..Settings::default() };
        let day = day_of(start);
        let refused = rule(Rule::ApprovalStateFailed, "timeStamp");
        for state in State::ALL {
            let expected = if state.is_open() { None } else { refused.clone() };
            let facts = DayFacts { day, week: state, week_is_locked: false };
            assert_eq!(broken(unlocked(facts, &settings)), expected, "{state:?}");
            assert_eq!(broken(unlocked(DayFacts { week_is_locked: true, ..facts }, &settings)), refused, "{state:?}");
            let before = DayFacts { day: Day(day.0 - 1), ..facts };
            assert_eq!(broken(unlocked(before, &settings)), refused, "{state:?}");
            let off = Settings { approval_enabled: false, ..settings.clone() };
            assert_eq!(broken(unlocked(DayFacts { week_is_locked: true, ..before }, &off)), None, "{state:?}");
        }
        assert_eq!(State::ALL.map(State::is_open), [true, false, true, false, true, false]);
    }

    #[test]
    fn contract_4_5_closed_items() {
        let hour = 3_600_000_000;
        let settings = Settings { closed_items_refused: true, closed_items_grace_hours: 2, ..Settings::default() };
        let refused = rule(Rule::ClosedWorkItem, "workItemId");
        let at = |closed: Option<i64>, settings: &Settings| {
            broken(item_open(4, closed.map(Instant), Instant(10 * hour), settings))
        };
        assert_eq!(at(None, &settings), None);
        assert_eq!(at(Some(8 * hour), &settings), None);
        assert_eq!(at(Some(8 * hour - 1), &settings), refused);
        assert_eq!(at(Some(0), &Settings::default()), None);
    }

    #[test]
    fn contract_4_5_who_may_change() {
        let caller = |user_id, role| Caller {
            user_id,
            user_guid: Guid(uuid::Uuid::nil()),
            name: String::new(),
            role,
            duties: Duties::NONE,
        };
        let log = |owner_edited| Ownership { owner: 1, added_by: Some(2), owner_edited };
        let settings = Settings::default();
        let product = Settings { editing_role: RoleName(Role::Product), ..Settings::default() };
        for (user, role, fresh, after_owner, by_product) in [
            (1, Role::Team, true, true, true),
            (2, Role::Product, true, false, true),
            (2, Role::Team, true, false, false),
            (3, Role::Product, false, false, true),
            (3, Role::Budget, false, false, true),
            (3, Role::Administrator, true, true, true),
        ] {
            let caller = caller(user, role);
            assert_eq!(may_change(&caller, log(false), &settings), fresh, "{user} {role}");
            assert_eq!(may_change(&caller, log(true), &settings), after_owner, "{user} {role}");
            assert_eq!(may_change(&caller, log(true), &product), by_product, "{user} {role}");
        }
        assert!(may_enter_for(&caller(1, Role::Team), Some(1), &settings));
        assert!(!may_enter_for(&caller(1, Role::Budget), Some(2), &settings));
        assert!(!may_enter_for(&caller(1, Role::Budget), None, &settings));
        assert!(may_enter_for(&caller(1, Role::Administrator), Some(2), &settings));
    }
}
