//! `timeledger demo`: made-up data in a temporary database, served at once, with lines to paste.

use std::net::SocketAddr;

use clap::Args;

use super::failure::{Exit, Failure, Result};
use super::output;
use super::progress::Bars;
use super::serve::{listen, serve};
use super::settings::{ConfigArgs, DatabaseArgs, start_logging};
use crate::auth::{self, NewToken, Scopes, TokenError};
use crate::clock::Clock;
use crate::config::{LogFormat, Secret};
use crate::db::{Conn, DatabaseUrl, Role as ConnRole};
use crate::domain::people;
use crate::policy::Role;
use crate::seed;

/// Try it: made-up data in a temporary database, served until you stop it
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  timeledger demo
  timeledger demo --listen 127.0.0.1:8080

Prints the address, a token and three curl lines to paste. Nothing is kept.")]
pub struct Demo {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", help_heading = "Configuration")]
    listen: Option<String>,
}

impl Demo {
    pub fn run(self, args: &ConfigArgs) -> Result {
        let mut config = args.load(&DatabaseArgs::default(), self.listen.as_deref())?.config;
        // A try-out tells only of trouble, unless more was asked for.
        if config.log.level == "info" {
            "warn".clone_into(&mut config.log.level);
            config.log.format = LogFormat::Text;
        }
        start_logging(&config);
        let (listener, address) = listen(&config)?;
        if !address.ip().is_loopback() {
            let why = "its token stands on the screen, and anybody who reaches the port may use it";
            let hint = "--listen 127.0.0.1:7177, or `timeledger serve` with a database of your own";
            return Err(Failure::new(Exit::Usage, "the demo serves this machine alone", why, hint));
        }
        let folder = tempfile::Builder::new().prefix("timeledger-demo-").tempdir()?;
        let url = DatabaseUrl::sqlite(folder.path().join("demo.sqlite"));
        config.database.url = Secret::new(url.to_string());
        let token = fill(&url)?;
        greet(address, &token)?;
        serve(config, url, listener)
    }
}

/// Makes the database; gives an administrator's token.
fn fill(url: &DatabaseUrl) -> Result<String> {
    let now = Clock::system().now();
    let mut conn = Conn::open(url, ConnRole::Migrator)?;
    let mut bars = Bars::default();
    let made = seed::demo(&mut conn, now, &mut |progress| bars.show(progress));
    bars.end();
    made?;
    let everybody = people::list(&mut conn)?;
    let administrator = everybody.iter().find(|person| person.role == Role::Administrator && person.is_active);
    let administrator =
        administrator.ok_or_else(|| Failure::new(Exit::Failed, "the demo has no administrator", "", ""))?;
    let token =
        NewToken { user_id: administrator.id, name: "demo", days: Some(1), scopes: Scopes::ALL, per_minute: None };
    let minted = conn.write::<_, TokenError>(|tx| auth::create(tx, token, now))?;
    Ok(minted.expose().to_owned())
}

/// What is printed is for people, but its curl lines are for pasting: each stands alone and answers with rows.
fn greet(address: SocketAddr, token: &str) -> Result {
    let root = format!("http://{address}/api/odata");
    output::line(format!(
        "Timeledger demo: 8 people, 4 projects and 100,000 work logs of the last three years.

Address for Excel and Power BI (Basic, no user name, the token as password):
  {root}/v4.0/
Token, good for a day:
  {token}

Paste one of these:

curl -s -u :{token} '{root}/v4.0/WorklogsFlat?$select=Date,User_Name,WorkItem_Title,Hours&$orderby=Date%20desc&$top=5'

curl -s -H 'Authorization: Bearer {token}' '{root}/v4.0/Worklogs?$apply=groupby((User/Name),aggregate(PeriodLength%20with%20sum%20as%20Seconds))'

curl -s -u :{token} '{root}/v3.2/workLogsOnly?$filter=PeriodLength%20ge%20900&$top=5&$format=csv'

Stop with Ctrl-C; nothing is kept."
    ))
}
