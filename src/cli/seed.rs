//! `timeledger seed`: made-up data in bulk, the same from the same number on both back ends.

use clap::Args;

use super::failure::{Exit, Failure, Result};
use super::load::show;
use super::progress::Bars;
use super::settings::{ConfigArgs, DatabaseArgs, database_url};
use crate::db::{Conn, Role};
use crate::seed::{self, SeedError, SeedOptions};

/// Fill a database with made-up data; the same number gives the same rows
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  timeledger seed --database sqlite:timeledger.sqlite
  timeledger seed --database postgres://timeledger@db/timeledger --worklogs 100000 --random-seed 7 --json

Brings the schema up to date first. The rows lie in a fixed period, not around today.")]
pub struct Seed {
    #[command(flatten)]
    database: DatabaseArgs,
    #[arg(long, value_name = "N", default_value_t = 200)]
    users: u32,
    #[arg(long, value_name = "N", default_value_t = 50_000)]
    work_items: u32,
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    worklogs: u32,
    #[arg(long, value_name = "N", default_value_t = 100)]
    budgets: u32,
    /// The number that the rows are made from
    #[arg(long, value_name = "N", default_value_t = 42)]
    random_seed: u64,
    /// Print counts and sums as JSON
    #[arg(long)]
    json: bool,
}

impl Seed {
    pub fn run(self, args: &ConfigArgs) -> Result {
        let config = args.load(&self.database, None)?.config;
        let mut conn = Conn::open(&database_url(&config)?, Role::Migrator)?;
        let options = SeedOptions {
            users: self.users,
            work_items: self.work_items,
            worklogs: self.worklogs,
            budgets: self.budgets,
            random_seed: self.random_seed,
        };
        let mut bars = Bars::default();
        let made = seed::generate(&mut conn, &options, &mut |progress| bars.show(progress));
        bars.end();
        show(&made?, self.json)
    }
}

impl From<SeedError> for Failure {
    fn from(error: SeedError) -> Failure {
        let why = error.to_string();
        let hint = match error {
            SeedError::Database(error) => return error.into(),
            SeedError::Migrate(error) => return error.into(),
            SeedError::NotEmpty => "name a new database: --database sqlite:other.sqlite",
            SeedError::NobodyWorks => "--users 5 and more has people of every role",
        };
        Failure::new(Exit::Failed, "nothing was made up", why, hint)
    }
}
