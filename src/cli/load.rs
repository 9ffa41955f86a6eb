//! `timeledger load`: a site's own data, all or nothing.

use std::fs::File;
use std::path::PathBuf;

use clap::Args;

use super::failure::{Exit, Failure, Result};
use super::output;
use super::progress::Bars;
use super::settings::{ConfigArgs, DatabaseArgs, database_url};
use crate::clock::Clock;
use crate::db::{Conn, Role};
use crate::seed::{self, LoadError, Summary};

/// Load a site's own data from a JSON file: all of it, or nothing
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  timeledger load --database sqlite:timeledger.sqlite site.json
  timeledger load --database postgres://timeledger@db/timeledger site.json --json

Brings the schema up to date first. Exit code 4 where the data is at fault: the path of the first row is named.")]
pub struct Load {
    #[command(flatten)]
    database: DatabaseArgs,
    /// One object with users, activityTypes, workItems, budgets and worklogs, in this order
    file: PathBuf,
    /// Print counts and sums as JSON
    #[arg(long)]
    json: bool,
}

impl Load {
    pub fn run(self, args: &ConfigArgs) -> Result {
        let config = args.load(&self.database, None)?.config;
        let file = File::open(&self.file).map_err(|error| {
            let what = format!("{} cannot be read", self.file.display());
            Failure::new(Exit::Failed, what, error.to_string(), "name a file that this user may read")
        })?;
        let mut conn = Conn::open(&database_url(&config)?, Role::Migrator)?;
        let mut bars = Bars::default();
        let loaded = seed::load(&mut conn, file, Clock::system().now(), &mut |progress| bars.show(progress));
        bars.end();
        show(&loaded.map_err(failed)?, self.json)
    }
}

fn failed(error: LoadError) -> Failure {
    match error {
        LoadError::Database(error) => error.into(),
        LoadError::Migrate(error) => error.into(),
        LoadError::Unreadable(error) => error.into(),
        LoadError::Row { .. } => {
            let hint = "correct it and load again; nothing was stored";
            Failure::new(Exit::Data, "the data cannot be loaded", error.to_string(), hint)
        }
    }
}

/// Prints counts and sums.
pub fn show(summary: &Summary, as_json: bool) -> Result {
    if as_json {
        return output::json(summary);
    }
    let hours = |seconds: u64| format!("{:.2}", seconds as f64 / 3600.0);
    let rows = [
        ["users".to_owned(), summary.users.to_string()],
        ["activity types".to_owned(), summary.activity_types.to_string()],
        ["work items".to_owned(), summary.work_items.to_string()],
        ["budgets".to_owned(), summary.budgets.to_string()],
        ["work logs".to_owned(), summary.worklogs.to_string()],
        ["of them deleted".to_owned(), summary.deleted.to_string()],
        ["of them without an item".to_owned(), summary.without_work_item.to_string()],
        ["hours".to_owned(), hours(summary.seconds)],
        ["billable hours".to_owned(), hours(summary.billable_seconds)],
    ];
    output::table(["Stored", "Number"], rows)
}
