//! `timeledger completions SHELL`: what a shell needs to complete our commands.

use std::io;

use clap::Args;
use clap_complete::Shell;

use super::failure::Result;

/// Print completions for a shell
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  timeledger completions bash > /etc/bash_completion.d/timeledger
  timeledger completions zsh > ~/.zfunc/_timeledger
  timeledger completions fish > ~/.config/fish/completions/timeledger.fish")]
pub struct Completions {
    shell: Shell,
}

impl Completions {
    pub fn run(self) -> Result {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut super::command(), "timeledger", &mut text);
        super::output::line(String::from_utf8(text).map_err(io::Error::other)?.trim_end())
    }
}
