//! `timeledger query`: an OData address, answered from the database without a server.
//!
//! The same engine as behind HTTP: parse, bind, plan, run. All rows come in one answer; who asks is the machine's owner,
//! or the person whom `--as` names.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::explain;
use super::failure::{Exit, Failure, Result};
use super::output;
use super::settings::{ConfigArgs, DatabaseArgs, connect};
use crate::auth;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::{Conn, DbError, Role as ConnRole, write_to};
use crate::domain::{fields, people};
use crate::entities::{self, VERSIONS};
use crate::http::{dynamic_properties, limits};
use crate::odata::ODataError;
use crate::odata::edm::{Model, Schema, Version};
use crate::odata::encode::json::Metadata;
use crate::odata::parse::RawRequest;
use crate::odata::plan::Answer;
use crate::odata::run::RunError;
use crate::odata::service::{self, Prepared, Setup};
use crate::odata::skiptoken::Sealer;
use crate::policy::{Caller, Duties, Everything, Role};
use crate::sql::Viewer;

/// Bytes of rows that a table shows; what comes after is left to files.
const TABLE_BYTES: usize = 1 << 20;
/// No page ends an answer here.
const ONE_PAGE: u64 = 1 << 40;

/// Answer an OData address from the database, without a server
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  timeledger query --database sqlite:timeledger.sqlite 'workLogsOnly?$filter=PeriodLength gt 3600&$top=5'
  timeledger query 'Worklogs?$apply=groupby((User/Name),aggregate(PeriodLength with sum as Seconds))' --model 4.0
  timeledger query 'WorkItemsFlat' --model 4.0 -o items.xlsx
  timeledger query 'Worklogs?$filter=Date ge 2026-01-01&$orderby=Timestamp' --model 4.0 --explain

Rows are those of an administrator, or of the person whom --as names. Blanks need no encoding.")]
pub struct Query {
    /// What stands behind the service root: a set, a key, options
    address: String,
    #[command(flatten)]
    database: DatabaseArgs,
    /// Model: 3.0 to 3.3 as in the wire contract, 4.0 our own
    #[arg(long, value_name = "VERSION", default_value = "3.3")]
    model: String,
    /// Whose rows: unique name or id
    #[arg(long = "as", value_name = "USER")]
    whose: Option<String>,
    /// Form of the answer; otherwise as the name of FILE ends, or a table
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Write into a file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Show how the answer would be got, and do not get it: syntax, plan, SQL, binds, the database's own plan
    #[arg(long, conflicts_with_all = ["format", "output"])]
    explain: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Ndjson,
    Csv,
    Xlsx,
}

impl Query {
    pub fn run(self, args: &ConfigArgs) -> Result {
        let config = args.load(&self.database, None)?.config;
        let format = self.format()?;
        let (schema, version) = model_of(&self.model)?;
        let mut conn = connect(&config, ConnRole::Reader)?;
        let viewer = Who::find(&mut conn, self.whose.as_deref())?;
        let fields = dynamic_properties(fields::list(&mut conn)?);
        let sealer = Sealer::new(sealing_key(&config, &mut conn)?);
        let root = root_of(&config, version);
        let (path, query) = self.address.split_once('?').unwrap_or((&self.address, ""));
        let request = RawRequest { path, query, body: None };
        let setup = Setup {
            model: Model { schema, version, granted: entities::rights(viewer.sees_budgets()), fields: &fields },
            limits: &limits(&config.odata),
            viewer: viewer.viewer(),
            me: viewer.user_id().map(i64::from),
            caller: &viewer.name(),
            now: Clock::system().now(),
            sealer: &sealer,
            root: &root,
            format: service::Format::Json { metadata: Metadata::Minimal, ieee754: false },
            payload_401: false,
            continuation: None,
            omit_nulls: false,
            page: None,
            page_limit: (!self.explain).then_some(ONE_PAGE),
        };
        if self.explain {
            return explain::print(&request, &setup, &mut conn);
        }
        let prepared = prepare(&request, setup, format)?;
        match (&self.output, format) {
            (Some(file), _) => into_file(file, |out| run(&prepared, &mut conn, out)),
            (None, Format::Table) if prepared.format == service::Format::Csv => table(&prepared, &mut conn),
            (None, Format::Csv | Format::Xlsx) => run(&prepared, &mut conn, &mut io::stdout()),
            (None, _) => {
                run(&prepared, &mut conn, &mut io::stdout())?;
                if matches!(prepared.format, service::Format::Json { .. }) { output::line("") } else { Ok(()) }
            }
        }
    }

    fn format(&self) -> Result<Format> {
        let ending = self.output.as_deref().and_then(Path::extension).and_then(|ending| ending.to_str());
        let format = self.format.or_else(|| ending.and_then(|ending| Format::from_str(ending, true).ok()));
        let format = format.unwrap_or(if self.output.is_some() { Format::Json } else { Format::Table });
        if format == Format::Xlsx && self.output.is_none() && io::stdout().is_terminal() {
            let why = "a workbook is no text for a terminal";
            return Err(Failure::new(Exit::Usage, "where should the workbook go?", why, "-o FILE.xlsx"));
        }
        Ok(format)
    }
}

/// Who asks.
enum Who {
    Owner,
    Person(Caller),
}

impl Who {
    fn find(conn: &mut Conn, whose: Option<&str>) -> Result<Who> {
        let Some(whose) = whose else { return Ok(Who::Owner) };
        let person = people::find(conn, whose)?;
        if person.role == Role::None || !person.is_active {
            let why = format!("{} has no role, or is disabled", person.unique_name);
            return Err(Failure::new(Exit::Failed, "AccessDenied", why, "timeledger user role NAME Team"));
        }
        Ok(Who::Person(Caller {
            user_id: person.id,
            user_guid: person.guid,
            name: person.name,
            role: person.role,
            duties: Duties::NONE,
        }))
    }

    fn viewer(&self) -> &dyn Viewer {
        match self {
            Who::Owner => &Everything,
            Who::Person(caller) => caller,
        }
    }

    fn sees_budgets(&self) -> bool {
        match self {
            Who::Owner => true,
            Who::Person(caller) => caller.sees_budgets(),
        }
    }

    fn user_id(&self) -> Option<i32> {
        match self {
            Who::Owner => None,
            Who::Person(caller) => Some(caller.user_id),
        }
    }

    fn name(&self) -> String {
        match self {
            Who::Owner => "command line".to_owned(),
            Who::Person(caller) => caller.user_guid.to_string(),
        }
    }
}

fn model_of(version: &str) -> Result<(&'static Schema, Version)> {
    let segment = format!("v{}", version.trim_start_matches(['v', 'V']));
    entities::schema_for(&segment).ok_or_else(|| {
        let known: Vec<&str> = VERSIONS.iter().map(|(name, ..)| name.trim_start_matches('v')).collect();
        let why = format!("the models are {}", known.join(", "));
        Failure::new(Exit::Usage, format!("there is no model `{version}`"), why, "--model 4.0")
    })
}

/// Links begin with the public address, where there is one, and are relative otherwise: either may be asked again.
fn root_of(config: &Config, version: Version) -> String {
    let public = config.server.public_url.trim_end_matches('/');
    let segment = VERSIONS.iter().find(|(_, _, known)| *known == version).map_or("v4.0", |(name, ..)| *name);
    if public.is_empty() { String::new() } else { format!("{public}/api/odata/{segment}/") }
}

fn sealing_key(config: &Config, conn: &mut Conn) -> Result<[u8; 32]> {
    match auth::find_key(conn, auth::NEXT_LINKS)? {
        Some(key) => Ok(key),
        None => {
            let mut writer = connect(config, ConnRole::Writer)?;
            Ok(writer.write::<_, DbError>(|tx| auth::make_key(tx, auth::NEXT_LINKS))?)
        }
    }
}

/// Plans the request in the form that fits. A table is made of the rows of a set; what is no set is shown as JSON.
fn prepare(request: &RawRequest<'_>, setup: Setup<'_>, format: Format) -> Result<Prepared> {
    let in_form = |form| service::prepare(request, &Setup { format: form, ..setup }).map_err(refused);
    match format {
        Format::Json => in_form(setup.format),
        Format::Ndjson => in_form(service::Format::NdJson),
        Format::Csv => in_form(service::Format::Csv),
        Format::Xlsx => in_form(service::Format::Xlsx),
        Format::Table => {
            let json = in_form(setup.format)?;
            if matches!(json.plan.answer, Answer::Collection) { in_form(service::Format::Csv) } else { Ok(json) }
        }
    }
}

/// A query that cannot be answered is a wrong command line.
pub(super) fn refused(error: ODataError) -> Failure {
    let what = match &error.target {
        Some(target) => format!("{} in {target}", error.code.name()),
        None => error.code.name().to_owned(),
    };
    Failure::new(Exit::Usage, what, error.to_string(), "")
}

fn run(prepared: &Prepared, conn: &mut Conn, out: &mut (dyn Write + Send)) -> Result {
    let outcome = conn.snapshot(|conn| write_to(out, |sink| prepared.run(conn, sink).map(drop)));
    match outcome {
        // Nothing is the answer; or the reader of a pipe has seen enough.
        Ok(()) | Err(RunError::NoContent | RunError::Database(DbError::Cancelled)) => Ok(()),
        Err(RunError::Request(error)) => Err(Failure { exit: Exit::Failed, ..refused(error) }),
        Err(RunError::Database(error)) => Err(error.into()),
    }
}

/// Writes beside the file and puts it into place at the end, so that a failure leaves what was there.
fn into_file(path: &Path, write: impl FnOnce(&mut (dyn Write + Send)) -> Result) -> Result {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    let beside = PathBuf::from(beside);
    let outcome = File::create(&beside).map_err(Failure::from).and_then(|mut file| {
        write(&mut file)?;
        Ok(file.sync_all()?)
    });
    let outcome = outcome.and_then(|()| Ok(std::fs::rename(&beside, path)?));
    outcome.map_err(|failure| {
        // It may not have been made at all.
        let _ = std::fs::remove_file(&beside);
        failure.while_doing(&format!("{} could not be written", path.display()))
    })
}

/// Rows in columns. They are held until the widths are known, so that their number has an end.
fn table(prepared: &Prepared, conn: &mut Conn) -> Result {
    let mut rows = Capped::default();
    run(prepared, conn, &mut rows)?;
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(rows.bytes.as_slice());
    let mut table = output::grid();
    let headers = reader.headers().map_err(io::Error::from)?.clone();
    table.set_header(headers.iter());
    let mut records: Vec<csv::StringRecord> = reader.records().filter_map(std::result::Result::ok).collect();
    if rows.cut {
        // The last one may be half a row.
        records.pop();
    }
    for record in &records {
        table.add_row(record.iter());
    }
    output::line(table.trim_fmt())?;
    if rows.cut {
        anstream::eprintln!("the first {} rows; --format csv or -o FILE.xlsx gives all", records.len());
    }
    Ok(())
}

#[derive(Default)]
struct Capped {
    bytes: Vec<u8>,
    cut: bool,
}

impl Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() >= TABLE_BYTES {
            self.cut = true;
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
