//! Figures of the process, as Prometheus reads them.
//!
//! Labels are route patterns and fixed words, never what a client sent: their number stays small.

use std::time::Duration;

use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

/// Seconds: from a look-up by key to an export.
const LATENCY: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0];

/// All figures of one server.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    duration: HistogramVec,
    bytes: IntCounterVec,
    rows: IntCounterVec,
    database: HistogramVec,
    in_flight: IntGauge,
    pool: IntGaugeVec,
    credentials: IntGaugeVec,
    jobs: IntCounterVec,
    mails: IntCounterVec,
}

impl Metrics {
    pub fn new() -> Result<Metrics, prometheus::Error> {
        let latency = |name: &str, help: &str| HistogramOpts::new(name, help).buckets(LATENCY.to_vec());
        let metrics = Metrics {
            registry: Registry::new(),
            requests: IntCounterVec::new(
                Opts::new("timeledger_http_requests_total", "Requests answered, by route pattern, method and status."),
                &["route", "method", "status"],
            )?,
            duration: HistogramVec::new(
                latency(
                    "timeledger_http_request_duration_seconds",
                    "From the head of a request to the last byte of its answer.",
                ),
                &["route"],
            )?,
            bytes: IntCounterVec::new(
                Opts::new("timeledger_http_response_bytes_total", "Bytes of answers, as compressed."),
                &["route"],
            )?,
            rows: IntCounterVec::new(
                Opts::new("timeledger_rows_total", "Rows written into answers, by format."),
                &["format"],
            )?,
            database: HistogramVec::new(
                latency("timeledger_database_seconds", "Time of jobs on database threads, by lane."),
                &["lane"],
            )?,
            in_flight: IntGauge::new("timeledger_http_requests_in_flight", "Requests being answered.")?,
            pool: IntGaugeVec::new(
                Opts::new("timeledger_database_pool", "Database threads by lane and state; `queued` counts jobs."),
                &["lane", "state"],
            )?,
            credentials: IntGaugeVec::new(
                Opts::new("timeledger_outgoing_credentials", "Credentials for Azure DevOps by state: ok, yellow, red."),
                &["state"],
            )?,
            jobs: IntCounterVec::new(
                Opts::new("timeledger_jobs_total", "Jobs that this server ran, by kind and how the attempt ended."),
                &["kind", "outcome"],
            )?,
            mails: IntCounterVec::new(
                Opts::new(
                    "timeledger_mails_total",
                    "Mails that this server tried to send, by kind and what came of it.",
                ),
                &["kind", "outcome"],
            )?,
        };
        metrics.register()?;
        Ok(metrics)
    }

    fn register(&self) -> Result<(), prometheus::Error> {
        self.registry.register(Box::new(self.requests.clone()))?;
        self.registry.register(Box::new(self.duration.clone()))?;
        self.registry.register(Box::new(self.bytes.clone()))?;
        self.registry.register(Box::new(self.rows.clone()))?;
        self.registry.register(Box::new(self.database.clone()))?;
        self.registry.register(Box::new(self.in_flight.clone()))?;
        self.registry.register(Box::new(self.pool.clone()))?;
        self.registry.register(Box::new(self.credentials.clone()))?;
        self.registry.register(Box::new(self.jobs.clone()))?;
        self.registry.register(Box::new(self.mails.clone()))
    }

    /// A request has begun.
    pub fn request_began(&self) {
        self.in_flight.inc();
    }

    /// A request has ended: its last byte is out, or its client is gone.
    pub fn request_ended(&self, route: &str, method: &str, status: u16, took: Duration, bytes: u64) {
        self.in_flight.dec();
        self.requests.with_label_values(&[route, method, itoa::Buffer::new().format(status)]).inc();
        self.duration.with_label_values(&[route]).observe(took.as_secs_f64());
        self.bytes.with_label_values(&[route]).inc_by(bytes);
    }

    /// Rows went into an answer of this format: `json`, `csv`, `xlsx`, `ndjson`; `workbook` is an export.
    pub fn rows_written(&self, format: &'static str, rows: u64) {
        self.rows.with_label_values(&[format]).inc_by(rows);
    }

    /// A database job took this long on its thread.
    pub fn database_took(&self, lane: &'static str, took: Duration) {
        self.database.with_label_values(&[lane]).observe(took.as_secs_f64());
    }

    /// How a lane of database threads stands.
    pub fn pool_is(&self, lane: &'static str, threads: usize, busy: usize, queued: usize) {
        for (state, count) in [("threads", threads), ("busy", busy), ("queued", queued)] {
            self.pool.with_label_values(&[lane, state]).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// So many credentials for Azure DevOps are in a state.
    pub fn credentials_are(&self, state: &'static str, count: usize) {
        self.credentials.with_label_values(&[state]).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// An attempt of a job has ended: `done`, `failed`, `cancelled`, `again` or `lost`.
    pub fn job_ended(&self, kind: &'static str, outcome: &'static str) {
        self.jobs.with_label_values(&[kind, outcome]).inc();
    }

    /// A mail was `sent`, has `failed` and is tried again, or is `given_up`.
    pub fn mail_ended(&self, kind: &'static str, outcome: &'static str) {
        self.mails.with_label_values(&[kind, outcome]).inc();
    }

    /// The text format of Prometheus.
    pub fn write(&self) -> Result<String, prometheus::Error> {
        let mut out = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut out)?;
        String::from_utf8(out).map_err(|error| prometheus::Error::Msg(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_counted_by_its_pattern() {
        let metrics = Metrics::new().unwrap();
        metrics.request_began();
        metrics.request_ended("/api/odata/{version}/{set}", "GET", 200, Duration::from_millis(3), 42);
        metrics.rows_written("json", 10);
        metrics.pool_is("interactive", 4, 1, 0);
        let text = metrics.write().unwrap();
        let request =
            r#"timeledger_http_requests_total{method="GET",route="/api/odata/{version}/{set}",status="200"} 1"#;
        for line in [request, r#"timeledger_rows_total{format="json"} 10"#, "timeledger_http_requests_in_flight 0"] {
            assert!(text.contains(line), "{line} not in\n{text}");
        }
    }
}
