//! `timeledger config show|check`: what is set, and by what.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::failure::Result;
use super::output;
use super::settings::{ConfigArgs, DatabaseArgs};
use crate::config::Loaded;

/// Show the configuration with the origin of each value, or check it
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  timeledger config show
  timeledger config show --json --config /etc/timeledger.toml
  TIMELEDGER_SERVER__LISTEN=0.0.0.0:8080 timeledger config check

Defaults < file (timeledger.toml, --config, TIMELEDGER_CONFIG) < environment (TIMELEDGER_SECTION__KEY; secrets also
TIMELEDGER_SECTION__KEY_FILE, the name of a file) < flags.")]
pub struct Config {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print every setting and where its value comes from; secrets are masked
    Show {
        #[command(flatten)]
        database: DatabaseArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Say whether the configuration can be used; exit code 3 if not
    Check {
        #[command(flatten)]
        database: DatabaseArgs,
    },
}

impl Config {
    pub fn run(self, args: &ConfigArgs) -> Result {
        match self.action {
            Action::Show { database, json: true } => output::json(&as_json(&args.load(&database, None)?)),
            Action::Show { database, json: false } => {
                let loaded = args.load(&database, None)?;
                let rows = loaded.settings.into_iter();
                let rows = rows.map(|setting| [setting.key, setting.value.to_string(), setting.origin.to_string()]);
                output::table(["Key", "Value", "From"], rows)
            }
            Action::Check { database } => {
                let loaded = args.load(&database, None)?;
                match loaded.file {
                    Some(file) => output::line(format!("ok: {}", file.display())),
                    None => output::line("ok: no file; defaults, environment and flags"),
                }
            }
        }
    }
}

fn as_json(loaded: &Loaded) -> Value {
    let settings = loaded
        .settings
        .iter()
        .map(|setting| (setting.key.clone(), json!({"value": setting.value, "origin": setting.origin.to_string()})));
    Value::Object(settings.collect::<Map<_, _>>())
}
