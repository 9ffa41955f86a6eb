//! The server: what its handlers share, its routes, its start and its graceful end.

use std::io;
use std::net::{IpAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_cors::Cors;
use actix_web::http::header::{self, HeaderName};
use actix_web::middleware::{Compress, Condition, from_fn};
use actix_web::web::{self, Data, PayloadConfig, ServiceConfig};
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, HttpServer, Resource, Responder};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::OnceCell;

use super::concurrency::Concurrency;
use super::fields::KnownFields;
use super::floods::Floods;
use super::problem::Problem;
use super::signin::{self, Browsers, Oidc, Passwords, Record, Windows};
use super::tls::{self, Tls};
use super::tracking::{self, Listeners};
use super::{assets, health, jobs, middleware, notices};
use crate::auth::outgoing::Outgoing;
use crate::auth::sessions::{self, Lifetime};
use crate::auth::{self, Admitted, Door, throttle};
use crate::clock::Clock;
use crate::config::{self, Config, ConfigError, Network};
use crate::db::{Db, DbError};
use crate::odata::limits::Limits;
use crate::odata::skiptoken::Sealer;
use crate::policy::Caller;
use crate::telemetry::Metrics;

/// Seconds between two writes of when tokens were last used (AU-17).
const USES_EVERY: Duration = Duration::from_secs(300);

/// Seconds between two looks for refusals that were counted rather than written (AU-96).
const COUNTS_EVERY: Duration = Duration::from_secs(60);

/// What every handler shares: `app: web::Data<App>`.
pub struct App {
    pub config: Config,
    pub db: Db,
    pub clock: Clock,
    pub metrics: Metrics,
    pub limits: Limits,
    pub door: Door,
    pub concurrency: Concurrency,
    pub(super) floods: Floods,
    pub(super) listeners: Listeners,
    pub(super) fields: KnownFields,
    sealer: OnceCell<Sealer>,
    csrf: OnceCell<[u8; 32]>,
    trusted: Vec<Network>,
    /// Sign-in with Windows accounts, where it is set up.
    pub(super) windows: Option<Windows>,
    pub(super) record: Record,
    pub(super) sign_in_limits: throttle::Limits,
    pub(super) passwords: Passwords,
    pub(super) session_lifetime: Lifetime,
    /// The OpenID provider, where there is one.
    pub(super) oidc: Option<Oidc>,
    /// This server as that provider knows it, where people sign in there with a browser.
    pub(super) browsers: Option<Browsers>,
    /// What this site signs in with elsewhere.
    pub outgoing: Outgoing,
    /// The certificate of this server, where it has one.
    pub(super) tls: Option<Arc<Tls>>,
    /// Everybody, in a benchmark.
    fixed: Option<Admitted>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("config", &self.config).finish_non_exhaustive()
    }
}

impl App {
    pub fn new(config: Config, db: Db, clock: Clock, metrics: Metrics) -> Result<App, ConfigError> {
        Ok(App {
            windows: Windows::of(&config, &db)?,
            record: Record::default(),
            oidc: Oidc::of(&config)?,
            outgoing: signin::outgoing(&config, &db, &clock)?,
            tls: Tls::of(&config.tls)?,
            limits: limits(&config.odata),
            concurrency: Concurrency::new(config.odata.max_concurrent),
            trusted: config.trusted_proxies(),
            floods: Floods::default(),
            listeners: Listeners::default(),
            fields: KnownFields::default(),
            sealer: OnceCell::new(),
            csrf: OnceCell::new(),
            sign_in_limits: signin::limits(&config),
            passwords: Passwords::default(),
            session_lifetime: session_lifetime(&config.auth),
            browsers: Browsers::of(&config)?,
            door: Door::default(),
            fixed: None,
            config,
            db,
            clock,
            metrics,
        })
    }

    /// Takes every request for this caller's and checks no credential: what checking costs is measured against it
    /// (`examples/bench_credentials.rs`). No setting and no command comes here: `tests/house.rs`,
    /// `nothing_but_a_benchmark_fixes_the_caller`.
    pub fn with_fixed_caller(self, caller: Caller) -> App {
        App { fixed: Some(Admitted::without_credential(caller)), ..self }
    }

    pub(super) fn fixed(&self) -> Option<&Admitted> {
        self.fixed.as_ref()
    }

    /// The app of a request. Every server of this crate has one.
    ///
    /// # Panics
    /// In a test that builds a server without it.
    pub(super) fn of(request: &HttpRequest) -> Data<App> {
        #[expect(clippy::expect_used, reason = "`routes` stands beside `app_data` in `serve`")]
        request.app_data::<Data<App>>().expect("App is among the data of the server").clone()
    }

    /// Seals next links, under a key that is kept with the data.
    pub(super) async fn sealer(&self) -> Result<Sealer, DbError> {
        let key = || self.db.write(|tx| auth::make_key(tx, auth::NEXT_LINKS));
        let sealer = self.sealer.get_or_try_init(|| async { Ok::<_, DbError>(Sealer::new(key().await?)) }).await?;
        Ok(sealer.clone())
    }

    /// Whether programs are let in by a PIN: everywhere but on-prem, where they sign in with Windows accounts (AU-1).
    pub(super) fn pairs(&self) -> bool {
        self.config.auth.mode != config::Mode::OnPrem
    }

    /// Shows that a page is one of ours.
    pub(super) async fn csrf_key(&self) -> Result<[u8; 32], DbError> {
        let key = || self.db.write(|tx| auth::make_key(tx, sessions::CSRF));
        Ok(*self.csrf.get_or_try_init(key).await?)
    }

    /// Whether what this proxy says of its client is believed.
    pub(super) fn trusts(&self, proxy: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(proxy))
    }

    async fn write_uses(&self) {
        let uses = self.door.take_uses();
        if uses.is_empty() {
            return;
        }
        let idle = self.session_lifetime.idle;
        let written: Result<(), DbError> = self.db.write(move |tx| auth::write_uses(tx, &uses, idle)).await;
        if let Err(error) = written {
            tracing::warn!(cause = %error, "the last use of tokens could not be written");
        }
    }
}

fn session_lifetime(knobs: &config::Auth) -> Lifetime {
    Lifetime {
        idle: Duration::from_secs(knobs.session_idle_minutes.saturating_mul(60)),
        whole: Duration::from_secs(knobs.session_days.saturating_mul(86_400)),
    }
}

/// The limits of a request, as configured.
pub fn limits(knobs: &config::OData) -> Limits {
    Limits {
        expand_depth: knobs.max_expand_depth,
        expand_breadth: knobs.max_expand_breadth,
        expression_depth: knobs.max_expression_depth,
        expression_nodes: knobs.max_expression_nodes,
        lambda_depth: knobs.max_lambda_depth,
        function_depth: knobs.max_function_depth,
        in_members: knobs.max_in_members,
        orderby: knobs.max_orderby,
        apply_steps: knobs.max_apply_steps,
        columns: knobs.max_columns,
        joins: knobs.max_joins,
        levels: knobs.max_levels,
        expansions: knobs.max_expansions,
        expanded_bytes: knobs.max_expanded_bytes,
    }
}

/// Every route of the server.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(read_only("/", assets::start))
        .service(read_only("/assets/start.css", assets::style))
        .service(read_only("/assets/icon.svg", assets::icon))
        .service(read_only("/health/live", health::live))
        .service(read_only("/health/ready", health::ready))
        .service(read_only("/metrics", health::metrics))
        .service(read_only("/version", health::version))
        .configure(super::tracking::configure)
        .configure(super::pages::configure)
        .configure(super::pin::configure)
        .configure(super::token::configure)
        .configure(notices::configure)
        .configure(super::api::configure)
        .configure(super::odata::configure)
        .default_service(web::to(nothing));
}

/// A resource that takes GET and HEAD.
pub(super) fn read_only<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args> + Copy,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let not_allowed = || async { Err::<HttpResponse, _>(Problem::method_not_allowed("GET, HEAD")) };
    web::resource(path)
        .route(web::get().to(handler))
        .route(web::head().to(handler))
        .default_service(web::to(not_allowed))
}

async fn nothing() -> Result<HttpResponse, Problem> {
    Err(Problem::not_found())
}

/// Serves on a listener until SIGTERM or SIGINT.
pub async fn serve(app: App, listener: TcpListener) -> io::Result<()> {
    let stop = stop_signal()?;
    serve_until(app, listener, stop).await
}

/// Serves on a listener until it is told to stop; then takes no more requests, and lets what runs end.
pub async fn serve_until(
    app: App,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let app = Data::new(app);
    let server = app.config.server.clone();
    let shared = app.clone();
    let factory = move || {
        let config = &shared.config;
        actix_web::App::new()
            .app_data(shared.clone())
            .app_data(PayloadConfig::new(config.odata.max_body_bytes))
            .wrap(from_fn(middleware::problems))
            .wrap(from_fn(signin::sign_in))
            .wrap(Condition::new(config.server.compression, Compress::default()))
            .wrap(Condition::new(!config.cors.origins.is_empty(), cors(&config.cors)))
            .wrap(from_fn(middleware::edge))
            .configure(routes)
    };
    let workers = match server.workers {
        0 => std::thread::available_parallelism().map_or(2, usize::from),
        workers => workers,
    };
    let listening = app.clone();
    let stop = async move {
        stop.await;
        // Streams of events have no end of their own.
        listening.listeners.close();
    };
    let running = HttpServer::new(factory)
        // The state of a handshake lives and dies with its connection (AU-30).
        .on_connect(|_, connection| drop(connection.insert(auth::ntlm::Connection::default())))
        .workers(workers)
        .max_connections((server.max_connections / workers).max(1))
        .client_request_timeout(Duration::from_secs(server.header_timeout))
        .keep_alive(Duration::from_secs(server.keep_alive))
        // A client that is gone must be noticed while its query still runs.
        .h1_allow_half_closed(false)
        // Else the last chunk waits for the client's delayed acknowledgement: 40 ms.
        .tcp_nodelay(true)
        .shutdown_timeout(server.shutdown_timeout)
        .shutdown_signal(stop);
    let running = match &app.tls {
        Some(tls) => running.listen_rustls_0_23(listener, tls.server_config().map_err(io::Error::other)?)?,
        None => running.listen(listener)?,
    };
    let running = running.run();
    let beside = [
        actix_web::rt::spawn(write_uses_at_times(app.clone())),
        actix_web::rt::spawn(write_counts_at_times(app.clone())),
        actix_web::rt::spawn(tracking::act_on_due_timers(app.clone())),
        actix_web::rt::spawn(tracking::tell_listeners(app.clone())),
        actix_web::rt::spawn(jobs::run(app.clone())),
        actix_web::rt::spawn(notices::tell_at_times(app.clone())),
        actix_web::rt::spawn(notices::mail_at_times(app.clone())),
        actix_web::rt::spawn(tls::renew_at_times(app.clone())),
    ];
    let outcome = running.await;
    beside.iter().for_each(|task| task.abort());
    app.write_uses().await;
    signin::write_counts(&app).await;
    let (db, outgoing) = (app.db.clone(), app.outgoing.clone());
    let ended = move || {
        outgoing.settle();
        db.close();
    };
    web::block(ended).await.map_err(io::Error::other)?;
    outcome
}

async fn write_uses_at_times(app: Data<App>) {
    loop {
        actix_web::rt::time::sleep(USES_EVERY).await;
        app.write_uses().await;
    }
}

async fn write_counts_at_times(app: Data<App>) {
    loop {
        actix_web::rt::time::sleep(COUNTS_EVERY).await;
        signin::write_counts(&app).await;
        if let Err(error) = sweep_pairs(&app).await {
            tracing::warn!(cause = %error, "pairs of tokens could not be swept");
        }
        if let Err(error) = app.outgoing.tell_of_ends().await {
            tracing::warn!(cause = %error, "nobody was told of credentials that end");
        }
    }
}

/// What was given for a refresh token is kept for its minute alone (AU-57).
async fn sweep_pairs(app: &App) -> Result<(), DbError> {
    let now = app.clock.now();
    if app.db.read(move |conn| auth::grants::has_stale(conn, now)).await? {
        app.db.write(move |tx| auth::grants::sweep(tx, now)).await?;
    }
    Ok(())
}

/// Resolves at SIGTERM or SIGINT.
fn stop_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: running requests may end");
    })
}

/// Exact origins only; never `*`, never `null` (AU-93).
fn cors(config: &config::Cors) -> Cors {
    let mut cors = Cors::default()
        .allowed_methods(["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"])
        .allowed_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::ACCEPT,
            header::IF_MATCH,
            header::IF_NONE_MATCH,
            HeaderName::from_static("prefer"),
            HeaderName::from_static("idempotency-key"),
            HeaderName::from_static("odata-version"),
            HeaderName::from_static("odata-maxversion"),
            HeaderName::from_static("odata-isolation"),
        ])
        .expose_headers([
            HeaderName::from_static("odata-version"),
            HeaderName::from_static("preference-applied"),
            header::ETAG,
            header::RETRY_AFTER,
            header::LOCATION,
            HeaderName::from_static("asyncresult"),
        ])
        .max_age(3600);
    for origin in &config.origins {
        cors = cors.allowed_origin(origin);
    }
    if config.credentials { cors.supports_credentials() } else { cors }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_of_the_configuration_are_those_of_the_core() {
        let (ours, theirs) = (limits(&config::OData::default()), Limits::default());
        assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
    }
}
