//! Progress bars on standard error, where a person looks at it; nothing elsewhere.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

use crate::seed::Progress;

/// A bar for the stage at hand.
#[derive(Default)]
pub struct Bars {
    current: Option<(&'static str, ProgressBar)>,
}

impl Bars {
    /// Moves the bar of a stage; a new stage ends the one before.
    pub fn show(&mut self, progress: Progress) {
        if self.current.as_ref().is_none_or(|(stage, _)| *stage != progress.stage) {
            self.end();
            self.current = Some((progress.stage, bar(progress)));
        }
        if let Some((_, bar)) = &self.current {
            bar.set_position(progress.done);
        }
    }

    pub fn end(&mut self) {
        if let Some((_, bar)) = self.current.take() {
            bar.finish();
        }
    }
}

fn bar(progress: Progress) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match progress.total {
        Some(total) => (ProgressBar::new(total), "{msg:>14} {wide_bar} {human_pos}/{human_len} {eta}"),
        None => (ProgressBar::new_spinner(), "{msg:>14} {spinner} {human_pos}"),
    };
    let bar = bar.with_message(progress.stage);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
