//! A bound query → [`Plan`]: resource path, filter, order, page, total.

use super::super::bound::{self, Hop, Kind, Leaf, Options, OrderItem, Query, Resource, Step, Target, Transformation};
use super::super::edm::{Edm, Entity, Link};
use super::super::error::{Code, ODataError, Result};
use super::super::limits::Limits;
use super::fields::Gathered;
use super::scope::{Context, Place, Planner};
use super::{Answer, Field, KeyColumn, Level, ObjectOf, Paging, Plan, Slot, Typing, keyset};
use crate::sql::{Alias, Compare, Direction, Expr, From, Join, JoinKind, Order, Select, Statement, Type, Value};

/// What a derived value may be looked up for row by row; beyond it, one join for all is cheaper.
const FEW: u64 = 1_000;

/// How the answer is cut and what it carries besides.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Rows a page; None streams everything, as files do.
    pub size: Option<u64>,
    /// Rows a parent in an expanded collection.
    pub nested: u64,
    /// Rows a page where collections are expanded.
    pub expanded: u64,
    /// Whether links are written, so that keys are needed (`metadata=full`).
    pub links: bool,
    /// The order values of the row before this page, from the skip token.
    pub after: Option<Vec<Value>>,
    /// What the token says is left of `$top`.
    pub left: Option<u64>,
}

/// Plans a query for a viewer.
pub fn plan(query: &Query, context: Context, page: &Page, limits: &Limits) -> Result<Plan> {
    let mut plan = match &query.resource.target {
        Target::Collection => collection(query, context, page)?,
        Target::Count => count(query, context),
        Target::Entity => entity(query, context, page),
        Target::Property { steps, leaf, raw } => property(query, context, steps, leaf, *raw),
    };
    plan.room = limits.expanded_bytes;
    let tables = plan.level.tables();
    if tables > limits.joins {
        let message = format!(
            "The answer would join {tables} tables, and {} are allowed (odata.max_joins). Select or expand less.",
            limits.joins
        );
        return Err(ODataError::new(Code::QueryTooComplex, message));
    }
    if plan.size() > LONGEST {
        let message = "The query's SQL would be too long: functions that name their argument more than once stand inside \
                       each other. Nest fewer of them.";
        return Err(ODataError::new(Code::QueryTooComplex, message));
    }
    Ok(plan)
}

/// Pieces of SQL of all statements together; some half a megabyte.
const LONGEST: u64 = 50_000;

impl Plan {
    fn size(&self) -> u64 {
        let beside = self.count.iter().chain(&self.owner).map(|statement| statement.select.size());
        beside.fold(self.level.size(), u64::saturating_add)
    }
}

/// An alias for the wrapper of a ready-made select, beyond what any planner hands out.
pub(super) fn outer_alias() -> Alias {
    Alias(u32::MAX)
}

impl Level {
    /// A level of one value.
    fn of(select: Select, types: Vec<Type>, field: Field) -> Level {
        Level { select, types, fields: vec![field], children: Vec::new(), key: Vec::new(), row: None, reference: false }
    }

    fn size(&self) -> u64 {
        self.children.iter().map(|child| child.level.size()).fold(self.select.size(), u64::saturating_add)
    }

    fn tables(&self) -> usize {
        let nested = self.children.iter().map(|c| c.level.tables()).max().unwrap_or(0);
        (self.select.joins.len() + 1).max(nested)
    }
}

fn statement(select: Select, types: Vec<Type>) -> Statement {
    Statement { select, types, cacheable: true }
}

fn collection(query: &Query, context: Context, page: &Page) -> Result<Plan> {
    let options = &query.options;
    let mut planner = Planner::new(context);
    let (mut select, mut place) = planner.source(query);
    let derived = !same_shape(&options.apply);
    let mut order = planner.order(query, place, derived);
    let left = page.left.or(options.top);
    let size = page.size.map(|size| if has_children(options) { size.min(page.expanded) } else { size });
    select.offset = match &page.after {
        Some(values) => {
            if values.len() != order.len() || values.iter().zip(&order).any(|(v, (_, ty))| v.ty() != *ty) {
                return Err(ODataError::new(Code::InvalidSkipToken, "The next link belongs to another query."));
            }
            let order: Vec<Order> = order.iter().map(|(order, _)| order.clone()).collect();
            select.filter.push(keyset::after(&order, values));
            None
        }
        None => options.skip.filter(|n| *n > 0).map(|n| i64::try_from(n).unwrap_or(i64::MAX)),
    };
    // One row over the page tells whether there is a next.
    select.limit = match (size, left) {
        (Some(size), Some(left)) if left <= size => Some(left),
        (Some(size), _) => Some(size.saturating_add(1)),
        (None, left) => left,
    }
    .map(|n| i64::try_from(n).unwrap_or(i64::MAX));
    let short = [size, left].into_iter().flatten().min().is_some_and(|n| n <= FEW);
    let keys: Vec<Order> = order.iter().map(|(order, _)| order.clone()).collect();
    let late = !derived && planner.pays_to_look_up(query, &select, &keys, Context { few_rows: short, ..context }, page);
    if late {
        select.order = keys;
        (select, place) = planner.look_up(query.resource.entity, select, place);
        order = planner.order(query, place, derived);
    }
    let in_passing = late || derived || options.orderby.is_empty();
    planner.context.few_rows = short && in_passing || asks_for_one(query);
    let mut out = Gathered::default();
    let fields = planner.fields(place, &options.output, page, &mut out);
    let (entity, reference) = (query.resource.entity, query.resource.reference);
    let links = page.links || reference;
    let key = if derived { Vec::new() } else { planner.key_columns(entity, place, links, &mut out) };
    let row = planner.row_column(entity, place, false, &mut out);
    let keys: Vec<KeyColumn> =
        order.iter().map(|(order, ty)| KeyColumn { column: out.columns.add(order.by.clone(), *ty), ty: *ty }).collect();
    select.order = order.into_iter().map(|(order, _)| order).collect();
    let select = planner.finish(select, out.columns.exprs);
    let level = Level { select, types: out.columns.types, fields, children: out.children, key, row, reference };
    Ok(Plan {
        answer: Answer::Collection,
        level,
        count: options.count.then(|| total(query, context)),
        owner: owner(query, context),
        paging: Paging { size, top: left, keys },
        context: (options.output.context.clone(), options.output.context_401.clone()),
        derived,
        entity: query.resource.entity,
        room: usize::MAX,
    })
}

/// Whether the filter names the whole key, so that there is one row at most.
fn asks_for_one(query: &Query) -> bool {
    let [key] = query.resource.entity.key else { return false };
    let is_key =
        |e: &bound::Expr| matches!(&e.kind, Kind::Prop { steps, prop, .. } if steps.is_empty() && prop.name == *key);
    let names_it = |part: &bound::Expr| match &part.kind {
        Kind::Compare(bound::Compare::Eq, left, right) => is_key(left) && matches!(right.kind, Kind::Literal(_)),
        _ => false,
    };
    match query.options.filter.as_ref().map(|filter| &filter.kind) {
        Some(Kind::And(parts)) => parts.iter().any(names_it),
        _ => query.options.filter.as_ref().is_some_and(names_it),
    }
}

fn has_children(options: &Options) -> bool {
    fn within(output: &super::super::bound::Output) -> bool {
        use super::super::bound::OutputItem;
        output.items.iter().any(|item| match item {
            OutputItem::Apart(..) => true,
            OutputItem::One(_, inner) | OutputItem::Complex(_, inner) => within(inner),
            _ => false,
        })
    }
    within(&options.output)
}

fn same_shape(steps: &[Transformation]) -> bool {
    steps.iter().all(|s| matches!(s, Transformation::Filter(_)))
}

/// How many rows the query has, whatever the page.
fn total(query: &Query, context: Context) -> Statement {
    let mut planner = Planner::new(context);
    let (select, _) = planner.source(query);
    let select = planner.finish(select, vec![Expr::count()]);
    statement(select, vec![Type::Int64])
}

fn count(query: &Query, context: Context) -> Plan {
    let Statement { select, types, .. } = total(query, context);
    let field = Field::Value { name: "".into(), slot: Slot::of(0, Edm::Int64), typing: Typing::Declared };
    single(query, Level::of(select, types, field), Answer::Count, owner(query, context))
}

fn entity(query: &Query, mut context: Context, page: &Page) -> Plan {
    context.few_rows = true;
    let mut planner = Planner::new(context);
    let (mut select, place) = planner.source(query);
    let mut out = Gathered::default();
    let fields = planner.fields(place, &query.options.output, page, &mut out);
    let (entity, reference) = (query.resource.entity, query.resource.reference);
    let key = planner.key_columns(entity, place, page.links || reference, &mut out);
    let row = planner.row_column(entity, place, false, &mut out);
    select.limit = Some(1);
    let select = planner.finish(select, out.columns.exprs);
    let level = Level { select, types: out.columns.types, fields, children: out.children, key, row, reference };
    let by_key = query.resource.hops.last().is_some_and(|hop| hop.nav.is_none());
    single(query, level, Answer::Entity { by_key }, owner(query, context))
}

fn property(query: &Query, mut context: Context, steps: &[Step], leaf: &Leaf, raw: bool) -> Plan {
    use super::super::bound::{Output, OutputItem};
    context.few_rows = true;
    let mut planner = Planner::new(context);
    let (mut select, place) = planner.source(query);
    let there = steps.iter().fold(place, |place, step| planner.step(place, *step));
    let plain = |planner: &mut Planner, item: OutputItem| {
        let mut out = Gathered::default();
        let output = Output { items: vec![item], ..Output::default() };
        let mut fields = planner.fields(there, &output, &Page::default(), &mut out);
        (fields.remove(0), out)
    };
    let (field, out) = match leaf {
        Leaf::Prop(prop) => plain(&mut planner, OutputItem::Prop(prop)),
        Leaf::Dynamic(field) => plain(&mut planner, OutputItem::Dynamic(field.clone())),
        // `bind` has put what is written of it into the options.
        Leaf::Complex(complex) => {
            let step = Step::Complex(complex);
            let there = planner.step(there, step);
            let mut out = Gathered::default();
            let presence = if complex.nullable { planner.presence(there, &[step]) } else { None };
            let presence = presence.map(|column| out.columns.add(column, Type::Int32));
            let fields = planner.fields(there, &query.options.output, &Page::default(), &mut out);
            let of = ObjectOf::Complex(complex.ty.name);
            let field = Field::Object { name: complex.name.into(), presence, fields, of };
            (field, out)
        }
    };
    select.limit = Some(1);
    let select = planner.finish(select, out.columns.exprs);
    single(query, Level::of(select, out.columns.types, field), Answer::Property { raw }, owner(query, context))
}

fn single(query: &Query, level: Level, answer: Answer, owner: Option<Statement>) -> Plan {
    Plan {
        answer,
        level,
        count: None,
        owner,
        paging: Paging { size: None, top: None, keys: Vec::new() },
        context: (query.options.output.context.clone(), query.options.output.context_401.clone()),
        derived: false,
        entity: query.resource.entity,
        room: usize::MAX,
    }
}

/// The row that a path of navigations starts from must exist: a key without a row is 404, not an empty answer.
fn owner(query: &Query, context: Context) -> Option<Statement> {
    let hops = &query.resource.hops;
    let last = hops.iter().rposition(|hop| hop.nav.is_some())?;
    let mut planner = Planner::new(context);
    let scope = planner.open_scope();
    let entities = entities(&query.resource);
    // The owner of the last navigation, reached by what stands before it.
    let mut select = planner.reach(&entities, last, &query.resource, scope);
    select.limit = Some(1);
    let select = planner.finish(select, vec![Expr::Int(1)]);
    Some(statement(select, vec![Type::Int64]))
}

/// The entity type at each hop's start, then the last one's end.
fn entities(resource: &Resource) -> Vec<&'static Entity> {
    let mut at = resource.set.entity;
    let mut all = vec![at];
    for hop in &resource.hops {
        if let Some(nav) = hop.nav {
            at = nav.target;
        }
        all.push(at);
    }
    all
}

impl Planner<'_> {
    /// FROM and WHERE of the query, `$apply` run; the place of the rows that options see.
    fn source(&mut self, query: &Query) -> (Select, Place) {
        let resource = &query.resource;
        let scope = self.open_scope();
        let entities = entities(resource);
        let mut select = self.reach(&entities, resource.hops.len(), resource, scope);
        if resource.hops.is_empty()
            && let Some(rows) = resource.set.rows
        {
            let place = self.place(0);
            let condition = rows(&mut self.at(place));
            select.filter.push(condition);
        }
        let place = self.place(0);
        self.filtered(&resource.filters, place, &mut select);
        let mut select = self.transform(select, &query.options.apply);
        if let Some(filter) = &query.options.filter {
            let condition = self.predicate(filter);
            let condition = self.seek(condition);
            select.filter.push(condition);
        }
        (select, self.place(0))
    }

    /// A SELECT from the entity behind the first `hops` hops, joined back to where they start.
    fn reach(&mut self, entities: &[&'static Entity], hops: usize, resource: &Resource, scope: usize) -> Select {
        let entity = entities[hops];
        let scan = self.scan(entity.table);
        let mut place = Place { scope, alias: scan.alias(), entity: Some(entity) };
        let mut select = Select::from(From::Scan(scan));
        self.set_place(0, place);
        if let Some(rows) = entity.rows {
            let condition = rows(&mut self.at(place));
            select.filter.push(condition);
        }
        for n in (0..hops).rev() {
            let hop = &resource.hops[n];
            if let Some(nav) = hop.nav {
                let near = self.near(nav, place, &mut select);
                let owner = entities[n];
                let scan = self.scan(owner.table);
                place = Place { scope, alias: scan.alias(), entity: Some(owner) };
                let (Link::Direct { from, .. } | Link::Via { from, .. }) = nav.link;
                let on = near.eq(place.alias.col(from));
                select.joins.push(Join { kind: JoinKind::Inner, with: From::Scan(scan), on });
                if let Some(rows) = owner.rows {
                    let condition = rows(&mut self.at(place));
                    select.filter.push(condition);
                }
            }
            self.chosen(hop, place, &mut select);
        }
        // The owner itself may carry the key of a navigation that is not followed yet.
        if let Some(hop) = resource.hops.get(hops) {
            let place = self.place(0);
            self.chosen(hop, place, &mut select);
        }
        select
    }

    /// The entity that a step of the path picks: by its key, among those that its filters leave.
    fn chosen(&mut self, hop: &Hop, place: Place, select: &mut Select) {
        self.key_filter(hop.key.as_deref(), place, select);
        self.filtered(&hop.filters, place, select);
    }

    /// `/$filter(…)` segments over the row at `place`.
    fn filtered(&mut self, filters: &[bound::Expr], place: Place, select: &mut Select) {
        let asked = self.set_place(0, place);
        for filter in filters {
            let condition = self.predicate(filter);
            let condition = self.seek(condition);
            select.filter.push(condition);
        }
        if let Some(asked) = asked {
            self.set_place(0, asked);
        }
    }

    fn key_filter(
        &mut self,
        key: Option<&[(&'static super::super::edm::Prop, super::super::bound::Expr)]>,
        place: Place,
        select: &mut Select,
    ) {
        for (prop, value) in key.into_iter().flatten() {
            let column = self.prop_at(place, prop);
            let value = self.value(value);
            select.filter.push(column.compare(Compare::Eq, value));
        }
    }

    /// Puts the joins of the open scope before nothing else: the statement is complete.
    pub(super) fn finish(&mut self, mut select: Select, columns: Vec<Expr>) -> Select {
        // What the path joined comes first: the scope's joins may hang on it.
        select.joins.extend(self.close_scope());
        select.columns = columns;
        select
    }

    /// The total order, with the type of each key.
    fn order(&mut self, query: &Query, place: Place, derived: bool) -> Vec<(Order, Type)> {
        let items = &query.options.orderby;
        if !derived {
            let order = self.total_order(query.resource.entity, items, place);
            let types: Vec<Type> = items.iter().map(|item| item.expr.ty.sql()).collect();
            let tail = self.tail_types(query.resource.entity, &order, items.len());
            return order.into_iter().zip(types.into_iter().chain(tail)).collect();
        }
        let mut order: Vec<(Order, Type)> = Vec::new();
        for OrderItem { expr, descending } in items {
            let direction = if *descending { Direction::Desc } else { Direction::Asc };
            order.push((Order { by: self.value(expr), direction, nullable: expr.nullable }, expr.ty.sql()));
        }
        for (column, ty, nullable) in grouping_columns(&query.options.apply) {
            let by = place.alias.output(column);
            if !order.iter().any(|(o, _)| o.by == by) {
                order.push((Order { by, direction: Direction::Asc, nullable }, ty));
            }
        }
        order
    }

    /// Types of the keys that `total_order` appended.
    fn tail_types(&mut self, entity: &'static Entity, order: &[Order], asked: usize) -> Vec<Type> {
        if entity.ordered_by_row {
            return vec![Type::Int64];
        }
        let place = self.place(0);
        let props: Vec<_> = entity
            .key
            .iter()
            .filter_map(|name| entity.props.iter().copied().flatten().find(|p| p.name == *name))
            .collect();
        let mut types = Vec::new();
        for prop in props {
            let by = self.prop_at(place, prop);
            if order.iter().skip(asked).any(|o| o.by == by) {
                types.push(prop.ty.sql());
            }
        }
        types
    }
}

/// The columns that tell the rows of the last shape apart: what it was grouped by.
fn grouping_columns(steps: &[Transformation]) -> Vec<(usize, Type, bool)> {
    let last = steps.iter().rev().find(|s| !matches!(s, Transformation::Filter(_)));
    match last {
        Some(Transformation::GroupBy { by, .. }) => {
            by.iter().enumerate().map(|(n, g)| (n, g.value.ty.sql(), g.value.nullable)).collect()
        }
        _ => Vec::new(),
    }
}
