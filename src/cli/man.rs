//! `timeledger man`: the manual pages, from the same declarations as `--help`.

use std::io;
use std::path::PathBuf;

use clap::Args;

use super::failure::{Exit, Failure, Result};
use super::output;

/// Print a manual page, or write them all
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  timeledger man | man -l -
  timeledger man token create | man -l -
  timeledger man --dir /usr/local/share/man/man1")]
pub struct Man {
    /// The command whose page is meant; the program itself without
    command: Vec<String>,
    /// Write the pages of all commands into this folder
    #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
    dir: Option<PathBuf>,
}

impl Man {
    pub fn run(self) -> Result {
        if let Some(folder) = self.dir {
            std::fs::create_dir_all(&folder)?;
            return Ok(clap_mangen::generate_to(super::command(), folder)?);
        }
        let mut page = super::command();
        page.build();
        for part in &self.command {
            page = page.find_subcommand(part).cloned().ok_or_else(|| {
                let what = format!("there is no command `{}`", self.command.join(" "));
                Failure::new(Exit::Usage, what, "", "timeledger --help")
            })?;
        }
        let mut text = Vec::new();
        clap_mangen::Man::new(page).render(&mut text)?;
        output::line(String::from_utf8(text).map_err(io::Error::other)?.trim_end())
    }
}
