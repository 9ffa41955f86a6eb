//! What `doctor` looks at of mail: the mail server, without sending anything, and mails that do not get away.

use crate::cli::doctor::Findings;
use crate::cli::failure::{Exit, Failure};
use crate::config::Config;
use crate::db::Conn;
use crate::domain::notices::mails::{self, Standing};
use crate::http::notices::Mailer;
use crate::sql::Instant;

/// It must greet, encrypt and let us in.
pub(super) fn server(config: &Config, found: &mut Findings) {
    let mail = &config.mail;
    if mail.server.is_empty() {
        return;
    }
    let reached = actix_web::rt::System::new().block_on(async {
        match Mailer::of(config) {
            Ok(Some(mailer)) => mailer.reach().await,
            Ok(None) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    });
    let name = format!("{}:{}", mail.server, mail.port());
    match reached {
        Ok(()) => found.ok("mail", format!("{name} answers")),
        Err(why) => {
            let hint = "look at [mail]: server, port, tls, user and password; notices wait for a day";
            let what = format!("the mail server {name} cannot be used");
            found.fail("mail", Failure::new(Exit::Unreachable, what, why, hint));
        }
    }
}

/// Mails that fail, and those that were given up lately.
pub(super) fn queue(config: &Config, conn: &mut Conn, now: Instant, found: &mut Findings) {
    if config.mail.server.is_empty() {
        return;
    }
    match mails::standing(conn, now) {
        Err(error) => found.fail("mails", error.into()),
        Ok(Standing { failing: 0, given_up: 0, .. }) => found.ok("mails", "none fails"),
        Ok(Standing { failing, given_up, last_error }) => {
            let why = last_error.unwrap_or_default();
            let detail = format!("{failing} are tried again, {given_up} were given up in seven days: {why}");
            found.warn("mails", detail, "mend what the reason says; the app shows the notices all the same");
        }
    }
}
