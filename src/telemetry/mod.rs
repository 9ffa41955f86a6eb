//! What the process tells about itself: log lines on standard error, and figures for Prometheus.
//!
//! Standard output belongs to data. Log lines hold no query values, tokens or comments (AU-95, UX-132).

mod metrics;

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

pub use metrics::Metrics;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// For people; colours on a terminal only.
    Text,
    /// One object a line.
    Json,
}

impl Style {
    /// Text on a terminal, JSON elsewhere.
    pub fn of_stderr() -> Style {
        if std::io::stderr().is_terminal() { Style::Text } else { Style::Json }
    }
}

/// Starts logging at a level such as `info`, or by directives such as `info,timeledger::db=debug`. A second call changes nothing: tests share a process.
pub fn start(level: &str, style: Style) {
    let filter = EnvFilter::builder().parse(quiet_actix(level)).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match style {
        Style::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init(),
        Style::Text => lines.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init(),
    };
    if started.is_err() {
        tracing::debug!("logging has started already");
    }
}

/// The HTTP library tells of each of its threads at `info`; that is for who asks for it by name.
fn quiet_actix(level: &str) -> String {
    if level.contains("actix") { level.to_owned() } else { format!("{level},actix_server=warn") }
}
