//! A request against a model, from its text to its bytes: what HTTP and the command line share.
//!
//! parse → bind → plan, then a run on a connection. Addresses come in from the edge and go out in links; the core makes
//! none up.

use super::bind::{self, Environment};
use super::bound::{Query, Target};
use super::edm::{Entity, Model, Structured};
use super::encode::csv::CsvEncoder;
use super::encode::json::{Metadata, Style};
use super::encode::xlsx::XlsxEncoder;
use super::encode::{file_columns, ndjson::NdJsonEncoder};
use super::entity_id;
use super::error::{Code, ODataError, Result};
use super::limits::Limits;
use super::link::{self, Address};
use super::parse::{self, RawRequest};
use super::plan::{self, Answer, Child, Context, Field, Page, Plan};
use super::run::{self, Links, RunError};
use super::skiptoken::{Position, Sealer};
use crate::db::{Conn, Lane, Sink};
use crate::sql::{Instant, Value, Viewer};

/// The form of the answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Format {
    Json { metadata: Metadata, ieee754: bool },
    NdJson,
    Csv,
    Xlsx,
}

/// Everything that a request is answered from.
#[derive(Clone, Copy)]
pub struct Setup<'a> {
    pub model: Model<'a>,
    pub limits: &'a Limits,
    pub viewer: &'a dyn Viewer,
    /// The caller's row key among people.
    pub me: Option<i64>,
    /// What tells callers apart in a next link.
    pub caller: &'a str,
    pub now: Instant,
    pub sealer: &'a Sealer,
    /// Absolute service root with its slash.
    pub root: &'a str,
    pub format: Format,
    /// 4.01 payloads rather than 4.0.
    pub payload_401: bool,
    /// Under which the query's text is kept, where a link can't hold it.
    pub continuation: Option<&'a str>,
    /// Whether JSON may leave out what is null (`omit-values`).
    pub omit_nulls: bool,
    /// `maxpagesize`, if it was asked for.
    pub page: Option<u64>,
    /// Largest page, in place of the set's own.
    pub page_limit: Option<u64>,
}

/// Rows a parent in an expanded collection, and rows a page where collections are expanded: together they bound what a
/// page holds in memory.
const NESTED_PAGE: u64 = 1_000;
const EXPANDED_PAGE: u64 = 200;

/// The options of a request as a query string: what a next link repeats.
pub fn query_string(request: &RawRequest) -> Result<String> {
    Ok(link::query_string(&parse::request_options(request)?))
}

/// A planned request.
pub struct Prepared {
    pub plan: Plan,
    pub format: Format,
    /// The page size in force, where the client's preference was honoured.
    pub page_applied: Option<u64>,
    /// Whether nulls are left out of this answer.
    pub omits_nulls: bool,
    /// The set that the address begins with, for a file's name.
    pub set: &'static str,
    style: Style,
    links: RequestLinks,
}

/// parse → bind → plan.
pub fn prepare(request: &RawRequest, setup: &Setup) -> Result<Prepared> {
    let options = parse::request_options(request)?;
    let mut syntax = parse::parse(request, setup.limits)?;
    let entity = entity_id::resolve(&mut syntax, setup.root, setup.limits)?;
    let path = entity.as_deref().unwrap_or(request.path);
    let environment = Environment { limits: setup.limits, now: setup.now };
    let query = bind::bind(&syntax, &setup.model, environment)?;
    if entity.is_some() {
        entity_id::check(&query.resource)?;
    }
    let address = Address::new(setup.root, path, options, setup.continuation);
    let binding = format!("{}\n{}\n{}", setup.caller, setup.model.version.0, address.binding());
    let position = match &query.skiptoken {
        Some(token) => Some(setup.sealer.open(token, &binding, setup.now)?),
        None => None,
    };
    let asked = position.as_ref().and_then(|p| p.size).or(setup.page);
    let most = setup.page_limit.unwrap_or(query.resource.set.page as u64);
    let size = asked.map_or(most, |n| n.min(most));
    let file = !matches!(setup.format, Format::Json { .. });
    let full = matches!(setup.format, Format::Json { metadata: Metadata::Full, .. });
    let page = Page {
        size: (!file).then(|| page_size(&query, setup, size)),
        nested: NESTED_PAGE,
        expanded: EXPANDED_PAGE,
        links: full,
        left: position.as_ref().and_then(|p| p.left),
        after: position.map(|p| p.after),
    };
    let context = Context {
        viewer: setup.viewer,
        me: setup.me,
        params: &query.params,
        schema: setup.model.schema,
        few_rows: false,
    };
    let plan = plan::plan(&query, context, &page, setup.limits)?;
    refuse_file(setup.format, &plan)?;
    let omits_nulls = setup.omit_nulls && may_omit_nulls(setup.format, &plan);
    let style = style(setup, omits_nulls);
    let links = RequestLinks {
        context: context_url(setup, &query, &plan),
        address,
        binding,
        sealer: setup.sealer.clone(),
        now: setup.now,
        size: asked,
        sets: setup.model.sets().map(|set| (set.entity, set.name)).collect(),
        navigations: navigations(&setup.model),
    };
    let page_applied = (asked.is_some() && plan.answer == Answer::Collection && !file).then_some(size);
    Ok(Prepared { plan, format: setup.format, page_applied, omits_nulls, set: query.resource.set.name, style, links })
}

/// Entities behind a navigation come in the pages of their own set.
fn page_size(query: &Query, setup: &Setup, size: u64) -> u64 {
    if setup.page_limit.is_some() || query.resource.hops.is_empty() {
        return size;
    }
    setup.model.set_of(query.resource.entity).map_or(size, |set| size.min(set.page as u64))
}

fn refuse_file(format: Format, plan: &Plan) -> Result<()> {
    if matches!(format, Format::Json { .. }) || matches!(plan.answer, Answer::Count) {
        return Ok(());
    }
    if !matches!(plan.answer, Answer::Collection) {
        let message = "A file is made of a collection. Ask for this address as JSON.";
        return Err(ODataError::new(Code::OptionNotApplicable, message).in_option("$format"));
    }
    if plan.level.reference {
        let message = "References are written as JSON. Leave $format out, or leave /$ref out.";
        return Err(ODataError::new(Code::OptionNotApplicable, message).in_option("$format"));
    }
    if has_collections(&plan.level.fields) {
        let message = "An expanded collection, reference or hierarchy does not fit into the rows of a file. \
                       Leave it out of $expand.";
        return Err(ODataError::new(Code::OptionNotApplicable, message).in_option("$expand"));
    }
    let columns = file_columns(&plan.level.fields);
    for (n, column) in columns.iter().enumerate() {
        // Only a computed property can be called what another column is made of.
        if columns[..n].iter().any(|before| before.header == column.header) {
            let message = format!("The file would have two columns {}; choose another alias.", column.header);
            return Err(ODataError::new(Code::InvalidValue, message).in_option("$compute"));
        }
    }
    Ok(())
}

fn has_collections(fields: &[Field]) -> bool {
    fields.iter().any(|field| match field {
        Field::Apart { .. } => true,
        Field::Object { fields, .. } => has_collections(fields),
        Field::Value { .. } => false,
    })
}

/// Whether the standard lets nulls be left out of the answer: not where `$apply` made the rows, for there an absent
/// property is one that was rolled up (OD-84), and not where a value stands alone.
fn may_omit_nulls(format: Format, plan: &Plan) -> bool {
    let has_members = match plan.answer {
        Answer::Collection | Answer::Entity { .. } => !plan.derived && !plan.level.reference,
        Answer::Property { raw } => !raw && matches!(plan.level.fields.first(), Some(Field::Object { .. })),
        Answer::Count => false,
    };
    has_members && matches!(format, Format::Json { .. } | Format::NdJson)
}

fn style(setup: &Setup, omit_nulls: bool) -> Style {
    let (metadata, ieee754) = match setup.format {
        Format::Json { metadata, ieee754 } => (metadata, ieee754),
        _ => (Metadata::None, false),
    };
    Style {
        metadata,
        prefix: if setup.payload_401 { "" } else { "odata." },
        ieee754,
        omit_nulls,
        null_ids: !setup.model.schema.annotated,
        root: setup.root.to_owned(),
        namespace: setup.model.schema.namespace,
        enum_namespace: setup.model.schema.enum_namespace,
    }
}

/// Part 1 §10 (OD-75).
fn context_url(setup: &Setup, query: &Query, plan: &Plan) -> String {
    let resource = &query.resource;
    let root = setup.root;
    let list = if setup.payload_401 { &plan.context.1 } else { &plan.context.0 };
    let list = if list.is_empty() { String::new() } else { format!("({list})") };
    if resource.reference {
        let of = if matches!(resource.target, Target::Entity) { "$ref" } else { "Collection($ref)" };
        return format!("{root}$metadata#{of}");
    }
    let set = match resource.hops.iter().rev().find_map(|hop| hop.nav) {
        None => resource.set.name.to_owned(),
        Some(nav) => match nav.set.or_else(|| setup.model.set_of(nav.target).map(|s| s.name)) {
            Some(set) => set.to_owned(),
            // A type without a set of its own.
            None => match &resource.target {
                Target::Entity => return format!("{root}$metadata#{}{list}", setup.model.qualified(nav.target.name)),
                _ => format!("Collection({})", setup.model.qualified(nav.target.name)),
            },
        },
    };
    match &resource.target {
        Target::Collection | Target::Count => format!("{root}$metadata#{set}{list}"),
        Target::Entity => format!("{root}$metadata#{set}{list}/$entity"),
        Target::Property { .. } => format!("{root}$metadata#{}{list}", link::unescaped_path(resource)),
    }
}

fn navigations(model: &Model) -> Vec<(&'static Entity, Vec<&'static str>)> {
    let entities = model.types().entities.into_iter();
    entities.map(|entity| (entity, model.navs(Structured::Entity(entity)).map(|n| n.name).collect())).collect()
}

impl Prepared {
    /// Pages are interactive; whole sets go to the lane where slow readers wait among themselves.
    pub fn lane(&self) -> Lane {
        match self.format {
            Format::Json { .. } => Lane::Interactive,
            _ => Lane::Bulk,
        }
    }

    /// Whether the answer is a single text (`/$count`, `/$value`).
    pub fn is_text(&self) -> bool {
        matches!(self.plan.answer, Answer::Count | Answer::Property { raw: true })
    }

    /// Writes the answer; the number of rows.
    pub fn run(&self, conn: &mut Conn, sink: &mut Sink) -> Result<u64, RunError> {
        if self.is_text() {
            return run::json(&self.plan, conn, sink, &self.style, &self.links);
        }
        match self.format {
            Format::Json { .. } => run::json(&self.plan, conn, sink, &self.style, &self.links),
            Format::NdJson => {
                let mut encoder = NdJsonEncoder::new(&self.plan, self.style.clone());
                run::rows(&self.plan, conn, sink, &mut encoder)
            }
            Format::Csv => {
                run::rows(&self.plan, conn, sink, &mut CsvEncoder::new(file_columns(&self.plan.level.fields)))
            }
            Format::Xlsx => {
                let columns = file_columns(&self.plan.level.fields);
                run::rows(&self.plan, conn, sink, &mut XlsxEncoder::new(columns, self.plan.entity.name))
            }
        }
    }
}

/// The links of one request.
struct RequestLinks {
    context: String,
    address: Address,
    binding: String,
    sealer: Sealer,
    now: Instant,
    size: Option<u64>,
    sets: Vec<(&'static Entity, &'static str)>,
    navigations: Vec<(&'static Entity, Vec<&'static str>)>,
}

impl Links for RequestLinks {
    fn context(&self) -> &str {
        &self.context
    }

    fn next(&self, after: &[Value], left: Option<u64>) -> Result<String> {
        let position = Position { after: after.to_vec(), left, size: self.size };
        let token = self.sealer.seal(&position, &self.binding, self.now)?;
        Ok(self.address.next(&token))
    }

    fn resource(&self) -> String {
        self.address.resource()
    }

    fn related(&self, owner: &'static Entity, key: &str, path: &str) -> String {
        let set = self.set(owner).unwrap_or_else(|| self.address.set());
        self.address.of(&format!("{set}{key}{path}"))
    }

    fn nested(&self, owner: &'static Entity, key: &str, path: &str, child: &Child, skip: u64) -> String {
        self.address.nested(&self.related(owner, key, path), child, skip)
    }

    fn set(&self, entity: &'static Entity) -> Option<&str> {
        self.sets.iter().find(|(of, _)| std::ptr::eq(*of, entity)).map(|(_, name)| *name)
    }

    fn navigations(&self, entity: &'static Entity) -> Vec<&'static str> {
        self.navigations
            .iter()
            .find(|(of, _)| std::ptr::eq(*of, entity))
            .map(|(_, names)| names.clone())
            .unwrap_or_default()
    }
}
