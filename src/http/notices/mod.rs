//! What a server does of notices by itself: it tells of what ends (AU-13), and mails what was told (UX-71).
//!
//! In: the clock, rows. Out: rows, and mails to a mail server. Neither keeps a request waiting. All servers of a site do it:
//! what is told is told once, and a mail is in one hand at a time.

mod mailer;
mod unsubscribe;

use std::time::Duration;

use actix_web::rt::time::sleep;
use actix_web::web::Data;

pub use mailer::Mailer;
pub(super) use unsubscribe::configure;

use super::App;
use crate::auth;
use crate::db::{DbError, Hold};
use crate::domain::notices::mails::{self, Mail};
use crate::domain::notices::{read, tokens};
use crate::sql::Instant;

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Microseconds between two looks for tokens that end, and after one that failed.
const HOUR: i64 = 3_600_000_000;
const MINUTE: i64 = 60_000_000;
/// Mails of one look; the rest goes with the next.
const AT_A_TIME: u32 = 100;

/// Tells of what ends, once an hour, until it is aborted.
pub async fn tell_at_times(app: Data<App>) {
    let mut due_at = Instant(i64::MIN);
    loop {
        sleep(LOOK_EVERY).await;
        let now = app.clock.now();
        // A clock that was wrong and is right now must not silence it until then.
        if now < due_at && due_at.0 - now.0 <= HOUR {
            continue;
        }
        let wait = match tell(&app, now).await {
            Ok(()) => HOUR,
            Err(error) => {
                tracing::warn!(cause = %error, "nobody could be told of tokens that end");
                MINUTE
            }
        };
        due_at = Instant(now.0.saturating_add(wait));
    }
}

async fn tell(app: &App, now: Instant) -> Result<(), DbError> {
    let look = move |conn: &mut crate::db::Conn| Ok::<_, DbError>((tokens::due(conn, now)?, read::has_old(conn, now)?));
    let (due, old) = app.db.read(look).await?;
    if due.is_empty() && !old {
        return Ok(());
    }
    let told = app.db.write(move |tx| {
        tx.hold(Hold::Shared)?;
        tokens::tell_due(tx, now)?;
        read::sweep(tx, now)
    });
    told.await
}

/// Mails what is due, until it is aborted. Without a mail server it ends at once.
pub async fn mail_at_times(app: Data<App>) {
    let mailer = match Mailer::of(&app.config) {
        Ok(Some(mailer)) => mailer,
        Ok(None) => return,
        Err(error) => return tracing::error!(cause = %error, "notices are not mailed"),
    };
    loop {
        sleep(LOOK_EVERY).await;
        if let Err(error) = mail_due(&app, &mailer).await {
            tracing::warn!(cause = %error, "what is to be mailed is not known");
        }
    }
}

async fn mail_due(app: &App, mailer: &Mailer) -> Result<(), DbError> {
    for _ in 0..AT_A_TIME {
        let now = app.clock.now();
        if !app.db.read(move |conn| mails::any_due(conn, now)).await? {
            break;
        }
        let claimed = app.db.write(move |tx| {
            tx.hold(Hold::Shared)?;
            Ok::<_, DbError>(match mails::claim(tx, now)? {
                Some(mail) => Some((mail, auth::make_key(tx, auth::UNSUBSCRIBE)?)),
                None => None,
            })
        });
        let Some((mail, key)) = claimed.await? else { continue };
        // Where one fails, the server may be down: the next look tries the next mail, not this one all the rest.
        if !mail_one(app, mailer, mail, key).await? {
            break;
        }
    }
    Ok(())
}

/// Sends a mail that this server has claimed; whether the next may go.
async fn mail_one(app: &App, mailer: &Mailer, mail: Mail, key: [u8; 32]) -> Result<bool, DbError> {
    let kind = mail.kind.name();
    let failure = mailer.send(&mail, &key, app.clock.now()).await.err();
    let now = app.clock.now();
    let Some(failure) = failure else {
        app.metrics.mail_ended(kind, "sent");
        app.db
            .write(move |tx| {
                tx.hold(Hold::Shared)?;
                mails::sent(tx, &mail, now)
            })
            .await?;
        return Ok(true);
    };
    // What the server said may hold an address: the row has it, the log does not.
    tracing::warn!(kind, cause = failure.outline, "a mail could not be sent");
    let kind_of_failure = failure.kind;
    let again = app.db.write(move |tx| {
        tx.hold(Hold::Shared)?;
        mails::failed(tx, &mail, (&failure.reason, kind_of_failure), now)
    });
    let again = again.await?;
    app.metrics.mail_ended(kind, if again { "failed" } else { "given_up" });
    // What is wrong with one recipient says nothing of the server.
    Ok(kind_of_failure == mails::Failure::Final)
}
