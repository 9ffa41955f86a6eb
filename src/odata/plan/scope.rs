//! Where columns come from: the tables of one statement, joined as they are asked for and each only once.
//!
//! A [`Planner`] plans one statement. It keeps a stack of scopes, one a SELECT under construction; a lambda's inner
//! SELECT may ask for a join of an outer row, which then lands in the outer scope.

use super::super::bound::{self, Params, Step, Var};
use super::super::edm::{Edm, Entity, Field, Link, Nav, Open, Origin, ParameterKind, Schema};
use crate::sql::{Alias, Expr, From, Guard, Join, JoinKind, Names, Scan, Select, Value, Viewer};

/// What planning needs to know of the request besides the query.
#[derive(Clone, Copy)]
pub struct Context<'p> {
    pub viewer: &'p dyn Viewer,
    /// The caller's own row key in the table of people, for `prefilter=Me`.
    pub me: Option<i64>,
    pub params: &'p Params,
    pub schema: &'static Schema,
    /// Whether the statement yields few enough rows that a derived value is cheaper looked up row by row.
    pub few_rows: bool,
}

/// Plans one statement.
pub struct Planner<'p> {
    pub(super) names: Names,
    pub(super) context: Context<'p>,
    scopes: Vec<Scope>,
    vars: Vec<Option<Place>>,
    /// The filter parameters whose own text is being planned: they do not apply inside themselves.
    applying: Vec<&'static str>,
}

/// One SELECT under construction.
#[derive(Default)]
struct Scope {
    joins: Vec<Join>,
    made: Vec<(JoinKey, Alias)>,
}

#[derive(PartialEq)]
enum JoinKey {
    Column { owner: Alias, table: &'static str, from: &'static str, to: &'static str },
    Nav { owner: Alias, nav: *const Nav },
    Derived { owner: Alias, name: &'static str },
    Field { owner: Alias, field: i32 },
    Named { owner: Alias, slot: String },
}

/// Where a variable's row is.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub scope: usize,
    pub alias: Alias,
    /// None for a shape that `$apply` made.
    pub entity: Option<&'static Entity>,
}

impl<'p> Planner<'p> {
    pub fn new(context: Context<'p>) -> Planner<'p> {
        Planner { names: Names::default(), context, scopes: Vec::new(), vars: Vec::new(), applying: Vec::new() }
    }

    pub(super) fn open_scope(&mut self) -> usize {
        self.scopes.push(Scope::default());
        self.scopes.len() - 1
    }

    /// Ends the innermost SELECT; its joins, in the order they were asked for.
    pub(super) fn close_scope(&mut self) -> Vec<Join> {
        self.scopes.pop().map(|s| s.joins).unwrap_or_default()
    }

    /// What the innermost SELECT has joined so far.
    pub(super) fn joins(&self) -> &[Join] {
        self.scopes.last().map_or(&[], |scope| &scope.joins)
    }

    pub(super) fn scan(&mut self, table: &'static str) -> Scan {
        Scan::new(table, &mut self.names, self.context.viewer)
    }

    pub(super) fn place(&self, var: Var) -> Place {
        self.vars.get(var).copied().flatten().unwrap_or(Place { scope: 0, alias: Alias(0), entity: None })
    }

    /// The rows of all variables in sight.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> {
        self.vars.iter().copied().flatten()
    }

    /// One step from a row to a single other one, or to a part of itself.
    pub(super) fn step(&mut self, place: Place, step: Step) -> Place {
        let (alias, entity) = match step {
            Step::Complex(complex) => match complex.origin {
                Origin::Owner => (place.alias, None),
                Origin::Joined { table, from, to } => (self.at(place).join(table, from, to).alias(), None),
                Origin::Either { table, from, to } => (self.at(place).join_either(table, from, to).alias(), None),
            },
            Step::Nav(nav) => (self.at(place).follow(nav).alias(), Some(nav.target)),
        };
        Place { alias, entity, ..place }
    }

    pub(super) fn set_place(&mut self, var: Var, place: Place) -> Option<Place> {
        if self.vars.len() <= var {
            self.vars.resize(var + 1, None);
        }
        self.vars[var].replace(place)
    }

    pub(super) fn restore_place(&mut self, var: Var, old: Option<Place>) {
        self.vars[var] = old;
    }

    /// The row of `alias`, which belongs to the SELECT of `scope`.
    pub(super) fn at(&mut self, place: Place) -> At<'_, 'p> {
        At { planner: self, scope: place.scope, alias: place.alias }
    }

    /// A SELECT over an entity's rows (its own predicate and the row policy applied); `build` adds the rest.
    pub fn select(&mut self, entity: &'static Entity, build: impl FnOnce(&mut At<'_, 'p>, &mut Select)) -> Select {
        let scope = self.open_scope();
        let scan = self.scan(entity.table);
        let alias = scan.alias();
        let mut select = Select::from(From::Scan(scan));
        let mut at = At { planner: self, scope, alias };
        if let Some(rows) = entity.rows {
            select.filter.push(rows(&mut at));
        }
        build(&mut at, &mut select);
        let mut joins = self.close_scope();
        joins.append(&mut select.joins);
        select.joins = joins;
        select
    }

    /// A parameter's filter as a predicate over the row at `place`.
    fn apply(&mut self, parameter: &'static str, place: Place, filter: &bound::Expr) -> Expr {
        let old = self.set_place(0, place);
        self.applying.push(parameter);
        let predicate = self.predicate(filter);
        self.applying.pop();
        self.restore_place(0, old);
        predicate
    }

    fn find(&self, scope: usize, key: &JoinKey) -> Option<Alias> {
        self.scopes[scope].made.iter().find(|(k, _)| k == key).map(|(_, alias)| *alias)
    }

    fn add(&mut self, scope: usize, key: JoinKey, join: Join) -> Alias {
        let alias = join.with.alias();
        self.scopes[scope].made.push((key, alias));
        self.scopes[scope].joins.push(join);
        alias
    }
}

/// A value that takes a sub-select over other rows: joined once as a whole, or looked up for one row.
pub struct Derivation {
    pub name: &'static str,
    /// The column of the asking row that the sub-select's first column equals.
    pub key: &'static str,
    /// All keys at once: `c0` is the key, further columns are values.
    pub grouped: fn(&mut Planner) -> Select,
    /// One value for one key: the select's only column. The number is that of the grouped form.
    pub single: fn(&mut Planner, Expr, usize) -> Select,
}

/// A row while its expressions are written. Declarations get their columns, joins and parameters from here.
pub struct At<'a, 'p> {
    planner: &'a mut Planner<'p>,
    scope: usize,
    alias: Alias,
}

impl<'p> At<'_, 'p> {
    pub fn alias(&self) -> Alias {
        self.alias
    }

    /// A column of this row.
    pub fn col(&self, name: &'static str) -> Expr {
        self.alias.col(name)
    }

    /// The row of `table` whose column `to` equals `from` here; absent rows read as nulls.
    pub fn join(&mut self, table: &'static str, from: &'static str, to: &'static str) -> At<'_, 'p> {
        let key = JoinKey::Column { owner: self.alias, table, from, to };
        let alias = match self.planner.find(self.scope, &key) {
            Some(alias) => alias,
            None => {
                let scan = self.planner.scan(table);
                let on = self.col(from).eq(scan.alias().col(to));
                let join = Join { kind: JoinKind::Left, with: From::Scan(scan), on };
                self.planner.add(self.scope, key, join)
            }
        };
        At { planner: self.planner, scope: self.scope, alias }
    }

    /// The row of `table` whose column `to` equals the first of the two columns here that is not null.
    pub fn join_either(&mut self, table: &'static str, from: [&'static str; 2], to: &'static str) -> At<'_, 'p> {
        let slot = format!("{table} by {} or {}", from[0], from[1]);
        let alias = self.join_on(&slot, table, |at, row| {
            let [first, second] = from.map(|column| at.col(column));
            first.or_else(second).eq(row.col(to))
        });
        At { planner: self.planner, scope: self.scope, alias }
    }

    /// The row behind a to-one navigation.
    pub fn follow(&mut self, nav: &'static Nav) -> At<'_, 'p> {
        let alias = match nav.link {
            // The target's own predicate can need joins of its own, so only plain targets share a join by columns.
            Link::Direct { from, to } if nav.target.rows.is_none() => return self.join(nav.target.table, from, to),
            Link::Direct { from, to } => {
                let key = JoinKey::Nav { owner: self.alias, nav };
                match self.planner.find(self.scope, &key) {
                    Some(alias) => alias,
                    None => {
                        let on = self.col(from);
                        let select =
                            self.planner.select(nav.target, |at, select| select.columns.push(at.col(nav.target.row)));
                        let scan = self.planner.scan(nav.target.table);
                        let target = scan.alias();
                        let on = on
                            .eq(target.col(to))
                            .and(Expr::InSelect(Box::new(target.col(nav.target.row)), Box::new(select)));
                        self.planner.add(self.scope, key, Join { kind: JoinKind::Left, with: From::Scan(scan), on })
                    }
                }
            }
            Link::Via { table, from, near, far, to, only } => {
                let key = JoinKey::Nav { owner: self.alias, nav };
                match self.planner.find(self.scope, &key) {
                    Some(alias) => alias,
                    None => {
                        let between = self.planner.scan(table);
                        let middle = between.alias();
                        let mut on = self.col(from).eq(middle.col(near));
                        if let Some(only) = only {
                            on = on.and(only(middle));
                        }
                        let join = Join { kind: JoinKind::Left, with: From::Scan(between), on };
                        self.planner.scopes[self.scope].joins.push(join);
                        let scan = self.planner.scan(nav.target.table);
                        let on = middle.col(far).eq(scan.alias().col(to));
                        self.planner.add(self.scope, key, Join { kind: JoinKind::Left, with: From::Scan(scan), on })
                    }
                }
            }
        };
        At { planner: self.planner, scope: self.scope, alias }
    }

    /// Column `column` of a derivation's grouped form, for this row; null where there is none.
    pub fn derive(&mut self, from: &'static Derivation, column: usize) -> Expr {
        let here = self.col(from.key);
        let key = JoinKey::Derived { owner: self.alias, name: from.name };
        let alias = match self.planner.find(self.scope, &key) {
            Some(alias) => alias,
            None if self.planner.context.few_rows => {
                return Expr::Scalar(Box::new((from.single)(self.planner, here, column)));
            }
            None => {
                let select = (from.grouped)(self.planner);
                let alias = self.planner.names.fresh();
                let on = here.eq(alias.output(0));
                let join = Join { kind: JoinKind::Left, with: From::Select(Box::new(select), alias), on };
                self.planner.add(self.scope, key, join)
            }
        };
        alias.output(column)
    }

    /// A custom field of this row, by its definition.
    pub fn field(&mut self, open: &'static Open, row: &'static str, field: &Field) -> Expr {
        let key = JoinKey::Field { owner: self.alias, field: field.id };
        let alias = match self.planner.find(self.scope, &key) {
            Some(alias) => alias,
            None => {
                let scan = self.planner.scan(open.table);
                let on = scan
                    .alias()
                    .col(open.owner)
                    .eq(self.col(row))
                    .and(scan.alias().col(open.field).eq(Expr::Bind(Value::Int32(field.id))));
                self.planner.add(self.scope, key, Join { kind: JoinKind::Left, with: From::Scan(scan), on })
            }
        };
        alias.col(match field.ty {
            Edm::Double => open.number,
            Edm::Boolean => open.boolean,
            _ => open.text,
        })
    }

    /// A row of `table` joined once under `slot`, by a condition of the declaration's own.
    pub fn join_on(
        &mut self,
        slot: &str,
        table: &'static str,
        on: impl FnOnce(&mut At<'_, 'p>, Alias) -> Expr,
    ) -> Alias {
        let key = JoinKey::Named { owner: self.alias, slot: slot.to_owned() };
        if let Some(alias) = self.planner.find(self.scope, &key) {
            return alias;
        }
        let scan = self.planner.scan(table);
        let on = on(self, scan.alias());
        self.planner.add(self.scope, key, Join { kind: JoinKind::Left, with: From::Scan(scan), on })
    }

    /// A sub-select over another entity's rows, for use inside this row's expressions.
    pub fn select(&mut self, entity: &'static Entity, build: impl FnOnce(&mut At<'_, 'p>, &mut Select)) -> Select {
        self.planner.select(entity, build)
    }

    /// A sub-select as a partner of a join; its columns are `alias.output(n)`.
    pub fn nested(&mut self, select: Select) -> From {
        From::Select(Box::new(select), self.planner.names.fresh())
    }

    /// A bare table, under the row policy.
    pub fn scan(&mut self, table: &'static str) -> Scan {
        self.planner.scan(table)
    }

    /// Whether the caller may see any row of `table`.
    pub fn sees(&self, table: &'static str) -> bool {
        self.planner.context.viewer.rows(table, self.alias) != Guard::Nothing
    }

    /// The caller's own row key in the table of people.
    pub fn me(&self) -> Option<Expr> {
        self.planner.context.me.map(|id| Expr::Bind(Value::Int64(id)))
    }

    /// The word chosen for a parameter, if it was given.
    pub fn choice(&self, parameter: &str) -> Option<&'static str> {
        self.planner.context.params.choices.iter().find(|(name, _)| *name == parameter).map(|(_, word)| *word)
    }

    /// The *n*-th name (from 0) of a list parameter.
    pub fn name(&self, parameter: &str, n: usize) -> Option<String> {
        let names = &self.planner.context.params.names;
        names.iter().find(|(name, _)| *name == parameter).and_then(|(_, list)| list.get(n)).cloned()
    }

    /// A filter parameter as a predicate over this row, which must be of the parameter's own table.
    pub fn filter_param(&mut self, parameter: &'static str) -> Option<Expr> {
        let entity = self.param_entity(parameter)?;
        let filter = self.param_filter(parameter)?;
        let scope = self.planner.open_scope();
        let place = Place { scope, alias: self.alias, entity: Some(entity) };
        let predicate = self.planner.apply(parameter, place, filter);
        if self.planner.close_scope().is_empty() {
            return Some(predicate);
        }
        let matching = self.matching(parameter)?;
        Some(Expr::InSelect(Box::new(self.col(entity.row)), Box::new(matching)))
    }

    /// The row keys of the parameter's entity that match its filter.
    pub fn matching(&mut self, parameter: &'static str) -> Option<Select> {
        let entity = self.param_entity(parameter)?;
        let filter = self.param_filter(parameter)?;
        let scope = self.planner.open_scope();
        let scan = self.planner.scan(entity.table);
        let alias = scan.alias();
        let mut select = Select::from(From::Scan(scan));
        select.columns.push(alias.col(entity.row));
        let predicate = self.planner.apply(parameter, Place { scope, alias, entity: Some(entity) }, filter);
        select.filter.push(predicate);
        select.joins = self.planner.close_scope();
        Some(select)
    }

    /// None inside the parameter's own filter, whose lambdas may lead back to the entity that it restricts.
    fn param_filter(&self, parameter: &str) -> Option<&'p bound::Expr> {
        if self.planner.applying.contains(&parameter) {
            return None;
        }
        self.planner.context.params.filters.iter().find(|(name, _)| *name == parameter).map(|(_, filter)| filter)
    }

    fn param_entity(&self, parameter: &str) -> Option<&'static Entity> {
        self.planner.context.schema.parameters.iter().find(|p| p.name == parameter).and_then(|p| match p.kind {
            ParameterKind::Filter(entity) => Some(entity),
            _ => None,
        })
    }
}
