//! What is told of API tokens: that they end, 14, 3 and 0 days before (AU-13).
//!
//! In: the time. Out: notices, each once, however many servers look. Of a token that was revoked, or rotated into another,
//! nobody is told; of one that several steps are due of, because nobody looked for a while or it lives for days only, the
//! last.

use diesel::prelude::*;

use super::{Kind, Notice, tell};
use crate::db::tables::{api_tokens, notices, users};
use crate::db::{AsConn, DbError, Hold, Tx};
use crate::domain::wall;
use crate::on;
use crate::sql::{Guid, Instant};

const DAY: i64 = 86_400_000_000;
/// Days before the end, the last first; none left is the last day.
const STEPS: [i64; 3] = [0, 3, 14];
/// For so many days after its end a token is told of, if nobody looked before.
const LATE: i64 = 3;

#[derive(Queryable)]
struct Ending {
    guid: Guid,
    user_id: i32,
    name: String,
    prefix: String,
    created_at: Instant,
    expires_at: Instant,
}

impl Ending {
    /// Which step is due. A token that never had so many days is not told of them.
    fn step(&self, now: Instant) -> Option<i64> {
        let begins = |step: &i64| self.expires_at.0 - (*step).max(1) * DAY;
        STEPS.into_iter().find(|step| now.0 >= begins(step) && begins(step) > self.created_at.0)
    }

    fn notice(&self, step: i64) -> Notice {
        let expires_at = format!("{}Z", wall::written(self.expires_at));
        let facts = serde_json::json!({"name": self.name, "prefix": self.prefix, "expiresAt": expires_at});
        Notice {
            user_id: self.user_id,
            kind: Kind::TokenExpires,
            about: format!("{} {step}", self.guid),
            facts: facts.as_object().cloned().unwrap_or_default(),
        }
    }
}

/// What is to be told now and was not yet.
pub fn due(conn: &mut impl AsConn, now: Instant) -> Result<Vec<Notice>, DbError> {
    let ending: Vec<Ending> = on!(conn, c => api_tokens::table
        .inner_join(users::table)
        .filter(api_tokens::revoked_at.is_null())
        .filter(api_tokens::rotated_at.is_null())
        .filter(api_tokens::expires_at.le(Instant(now.0 + STEPS[2] * DAY)))
        .filter(api_tokens::expires_at.gt(Instant(now.0 - LATE * DAY)))
        .filter(users::is_active.eq(true))
        .order(api_tokens::id)
        .select((
            api_tokens::guid,
            api_tokens::user_id,
            api_tokens::name,
            api_tokens::prefix,
            api_tokens::created_at,
            api_tokens::expires_at,
        ))
        .load(c))?;
    let mut due = Vec::new();
    for token in ending {
        let Some(notice) = token.step(now).map(|step| token.notice(step)) else { continue };
        let told: i64 = on!(conn, c => notices::table
            .filter(notices::user_id.eq(notice.user_id))
            .filter(notices::kind.eq(notice.kind.name()))
            .filter(notices::about.eq(&notice.about))
            .count()
            .get_result(c))?;
        if told == 0 {
            due.push(notice);
        }
    }
    Ok(due)
}

/// Tells it. What was revoked since is not told of: it is looked for anew.
pub fn tell_due(tx: &mut Tx<'_>, now: Instant) -> Result<(), DbError> {
    tx.must_hold(Hold::Shared)?;
    for notice in due(tx, now)? {
        tell(tx, &notice, now)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn au_13_steps_of_long_and_short_lives() {
        let token = |days: i64| Ending {
            guid: Guid(uuid::Uuid::nil()),
            user_id: 1,
            name: String::new(),
            prefix: String::new(),
            created_at: Instant(0),
            expires_at: Instant(days * DAY),
        };
        let year = token(365);
        let step =
            |token: &Ending, days_left: f64| token.step(Instant(token.expires_at.0 - (days_left * 864e8) as i64));
        let cases = [(14.1, None), (14.0, Some(14)), (3.1, Some(14)), (3.0, Some(3)), (1.1, Some(3)), (1.0, Some(0))];
        for (left, expected) in cases {
            assert_eq!(step(&year, left), expected, "{left}");
        }
        assert_eq!(step(&year, -0.5), Some(0));
        // Made for a week: it never had fourteen days.
        assert_eq!((step(&token(7), 6.9), step(&token(7), 2.9)), (None, Some(3)));
        assert_eq!((step(&token(2), 1.9), step(&token(2), 0.9)), (None, Some(0)));
    }
}
