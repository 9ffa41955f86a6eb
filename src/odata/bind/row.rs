//! Member paths inside a row: `User/Name`, `w/PeriodLength`, `Worklogs/any(…)`.

use super::super::bound::{Collection, Computed, DerivedField, DerivedKind, Expr, Kind, Shape, Step, Var};
use super::super::edm::{Edm, Member, Prop, Structured};
use super::super::error::{Code, ODataError, Result};
use super::super::syntax::{MemberPath, Name, Options, PathEnd, PathRoot};
use super::{Binder, Row, field_names};

/// What a path without its end comes to.
pub(super) enum Found {
    Value(Expr),
    /// A complex value or a single entity.
    Structure(Structure),
    /// A collection of entities, to be ended by a lambda or a count.
    Many(Collection),
}

pub(super) struct Structure {
    pub var: Var,
    pub steps: Vec<Step>,
    pub of: Structured,
    pub nullable: bool,
}

impl Binder<'_> {
    pub(super) fn member_path(&mut self, path: &MemberPath, position: usize) -> Result<Expr> {
        match self.found(path, position)? {
            Found::Value(expr) => Ok(expr),
            Found::Structure(structure) => {
                let message = format!(
                    "{} is not a single value; name one of its properties, or compare it with null.",
                    structure.steps.last().map_or("The row", |s| s.name())
                );
                Err(ODataError::new(Code::TypeMismatch, message).at(position))
            }
            Found::Many(collection) => {
                let name = collection.nav.name;
                let message =
                    format!("{name} is a collection; ask with {name}/any(x:…), {name}/all(x:…) or {name}/$count.");
                Err(ODataError::new(Code::TypeMismatch, message).at(position))
            }
        }
    }

    pub(super) fn found(&mut self, path: &MemberPath, position: usize) -> Result<Found> {
        let (row, names) = self.start(path, position)?;
        let found = self.walk(&row, names, position)?;
        self.ended(found, &path.end, position)
    }

    /// The row that a path starts from, and what is left of its names.
    fn start<'p>(&self, path: &'p MemberPath, position: usize) -> Result<(Row, &'p [Name])> {
        match &path.root {
            PathRoot::Implicit => {
                let variable =
                    path.names.first().and_then(|first| self.lambdas.iter().find(|(name, _)| *name == first.text));
                match variable {
                    Some((_, row)) => Ok((row.clone(), &path.names[1..])),
                    None => Ok((self.row()?.clone(), &path.names)),
                }
            }
            PathRoot::It if self.nesting == 0 => {
                let row = self.rows.first().cloned();
                let row = row.ok_or_else(|| ODataError::new(Code::OptionNotApplicable, "$it has no row here."))?;
                Ok((row, &path.names))
            }
            PathRoot::It => Err(ODataError::not_implemented("$it inside $expand").at(position)),
            PathRoot::This => Err(ODataError::not_implemented("$this").at(position)),
            PathRoot::Root => Err(ODataError::not_implemented("$root").at(position)),
            PathRoot::These => Err(ODataError::not_implemented("$these").at(position)),
            PathRoot::Alias(_) => Err(ODataError::not_implemented("A path behind a parameter alias").at(position)),
        }
    }

    pub(super) fn walk(&mut self, row: &Row, names: &[Name], position: usize) -> Result<Found> {
        if let Some(computed) = self.replaced(row, names)? {
            return Ok(Found::Value(computed));
        }
        if let Some(computed) = self.lent_value(row, names)? {
            return Ok(Found::Value(computed));
        }
        match &row.shape {
            Shape::Derived(derived) => {
                let known = || field_names(derived).chain(row.computed.iter().map(|c| c.name.to_string()));
                let missing = |name: &Name| self.unknown(name, known(), "The result of $apply");
                self.walk_derived(row.var, &derived.fields, names, position, &missing)
            }
            Shape::Entity(entity) => self.walk_members(row, Structured::Entity(entity), names),
            Shape::Complex(complex) => self.walk_members(row, Structured::Complex(complex), names),
        }
    }

    fn walk_members(&self, row: &Row, start: Structured, names: &[Name]) -> Result<Found> {
        let var = row.var;
        let mut of = start;
        let mut steps = row.steps.clone();
        let mut nullable = !steps.is_empty();
        for (n, name) in names.iter().enumerate() {
            if self.names_type(of, name) {
                continue;
            }
            let member = self.model.member(of, &name.text);
            let computed = if n == 0 { row.computed.as_slice() } else { &[] };
            let member = member.ok_or_else(|| self.unknown_among(of, computed, name))?;
            let last = n + 1 == names.len();
            match member {
                Member::Complex(complex) => {
                    nullable |= complex.nullable;
                    steps.push(Step::Complex(complex));
                    of = Structured::Complex(complex.ty);
                }
                Member::Nav(nav) if nav.many && last => {
                    return Ok(Found::Many(Collection { var, steps, nav, member: 0 }));
                }
                Member::Nav(nav) if nav.many => {
                    let message = format!("{} is a collection: ask its members with {0}/any(x:x/…).", nav.name);
                    return Err(ODataError::new(Code::TypeMismatch, message).at(name.span.start));
                }
                Member::Nav(nav) => {
                    nullable |= nav.nullable;
                    steps.push(Step::Nav(nav));
                    of = Structured::Entity(nav.target);
                }
                Member::Prop(prop) if last => {
                    let expr = property(var, steps, prop, nullable);
                    return Ok(Found::Value(expr));
                }
                Member::Dynamic(field) if last => {
                    let kind = Kind::Dynamic { var, steps, field: field.clone() };
                    return Ok(Found::Value(Expr { kind, ty: field.ty, nullable: true, range: None }));
                }
                Member::Prop(_) | Member::Dynamic(_) => {
                    let next = &names[n + 1];
                    let message = format!("{} is a single value and has no property {}.", name.text, next.text);
                    return Err(ODataError::new(Code::UnknownProperty, message).at(next.span.start));
                }
            }
        }
        Ok(Found::Structure(Structure { var, steps, of, nullable }))
    }

    /// A type-cast segment that names the type itself changes nothing.
    fn names_type(&self, of: Structured, name: &Name) -> bool {
        name.text.contains('.') && name.text == self.model.qualified(of.name())
    }

    pub(super) fn unknown_member(&self, of: Structured, name: &Name) -> ODataError {
        self.unknown_among(of, &[], name)
    }

    pub(super) fn unknown_among(&self, of: Structured, computed: &[Computed], name: &Name) -> ODataError {
        let declared = self.model.members(of).map(|m| m.name().to_owned());
        self.unknown(name, declared.chain(computed.iter().map(|c| c.name.to_string())), of.name())
    }

    fn walk_derived(
        &self,
        var: Var,
        fields: &[DerivedField],
        names: &[Name],
        position: usize,
        missing: &dyn Fn(&Name) -> ODataError,
    ) -> Result<Found> {
        let Some((name, rest)) = names.split_first() else {
            return Err(ODataError::new(Code::TypeMismatch, "A property of the result is needed here.").at(position));
        };
        let folds = self.model.schema.folds_case;
        let field = fields.iter().find(|f| *f.name == *name.text);
        let field = field.or_else(|| fields.iter().find(|f| folds && f.name.eq_ignore_ascii_case(&name.text)));
        let field = field.ok_or_else(|| missing(name))?;
        match &field.kind {
            DerivedKind::Value { column, ty, nullable, range, .. } if rest.is_empty() => Ok(Found::Value(Expr {
                kind: Kind::Column { var, index: *column },
                ty: *ty,
                nullable: *nullable,
                range: *range,
            })),
            DerivedKind::Value { .. } => Err(missing(&rest[0])),
            // A grouped navigation alone is its key: `Parent ne null` asks that.
            DerivedKind::Object { fields, nav: Some(_) } if rest.is_empty() => {
                let key = fields.iter().find_map(|f| match &f.kind {
                    DerivedKind::Value { column, ty, .. } => Some((*column, *ty)),
                    DerivedKind::Object { .. } => None,
                });
                let (index, ty) = key.ok_or_else(|| missing(name))?;
                Ok(Found::Value(Expr { kind: Kind::Column { var, index }, ty, nullable: true, range: None }))
            }
            DerivedKind::Object { fields, .. } => self.walk_derived(var, fields, rest, position, missing),
        }
    }

    fn ended(&mut self, found: Found, end: &PathEnd, position: usize) -> Result<Found> {
        let collection = match (found, end) {
            (found, PathEnd::None) => return Ok(found),
            (_, PathEnd::Aggregate(_)) => {
                return Err(ODataError::not_implemented("aggregate() as a function").at(position));
            }
            (_, PathEnd::Other(name)) => return Err(ODataError::not_implemented(&name.text).at(name.span.start)),
            (Found::Many(collection), _) => collection,
            (_, _) => {
                let message = "any, all and $count stand behind a collection, and this is none.";
                return Err(ODataError::new(Code::TypeMismatch, message).at(position));
            }
        };
        let kind = match end {
            PathEnd::Any(None) => Kind::Any(Box::new(Collection { member: self.fresh(), ..collection }), None),
            PathEnd::Any(Some(lambda)) => {
                let (collection, predicate) = self.lambda(collection, &lambda.variable, &lambda.predicate)?;
                Kind::Any(Box::new(collection), Some(Box::new(predicate)))
            }
            PathEnd::All(lambda) => {
                let (collection, predicate) = self.lambda(collection, &lambda.variable, &lambda.predicate)?;
                Kind::All(Box::new(collection), Box::new(predicate))
            }
            _ => return self.counted(collection, end).map(Found::Value),
        };
        Ok(Found::Value(Expr { kind, ty: Edm::Boolean, nullable: false, range: None }))
    }

    fn lambda(
        &mut self,
        collection: Collection,
        variable: &Name,
        predicate: &super::syntax::Expr,
    ) -> Result<(Collection, Expr)> {
        let limit = self.environment.limits.lambda_depth;
        if self.lambdas.len() >= limit {
            let message = format!("Lambdas are nested more than {limit} deep (odata.max_lambda_depth).");
            return Err(ODataError::new(Code::QueryTooComplex, message).at(variable.span.start));
        }
        if self.lambdas.iter().any(|(name, _)| *name == variable.text) {
            let message = format!("The variable {} is taken by an outer lambda; choose another name.", variable.text);
            return Err(ODataError::new(Code::SyntaxError, message).at(variable.span.start));
        }
        let member = self.fresh();
        let row = self.member_row(&collection, member)?;
        self.lambdas.push((variable.text.clone(), row));
        let bound = self.condition(predicate);
        self.lambdas.pop();
        Ok((Collection { member, ..collection }, bound?))
    }

    /// `Nav/$count($filter=…)` (OD-41).
    fn counted(&mut self, collection: Collection, end: &PathEnd) -> Result<Expr> {
        let member = self.fresh();
        let filter = match end {
            PathEnd::Count(options) => self.count_filter(&collection, member, options)?,
            _ => None,
        };
        let kind = Kind::Count(Box::new(Collection { member, ..collection }), filter.map(Box::new));
        Ok(Expr { kind, ty: Edm::Int64, nullable: false, range: Some((0, i128::from(u32::MAX))) })
    }

    fn count_filter(&mut self, collection: &Collection, member: Var, options: &Options) -> Result<Option<Expr>> {
        let row = self.member_row(collection, member)?;
        self.rows.push(row);
        let wanted = |binder: &mut Self| binder.wanted(options.search.as_ref(), options.filter.as_ref());
        let bound = self.with_aliases(options, wanted);
        self.rows.pop();
        bound
    }
}

pub(super) fn property(var: Var, steps: Vec<Step>, prop: &'static Prop, nullable: bool) -> Expr {
    let range = match prop.ty {
        Edm::Int32 | Edm::Enum(_) => Some((i32::MIN.into(), i32::MAX.into())),
        Edm::Int64 | Edm::Decimal { .. } => Some((i64::MIN.into(), i64::MAX.into())),
        _ => None,
    };
    Expr { kind: Kind::Prop { var, steps, prop }, ty: prop.ty, nullable: nullable || prop.nullable, range }
}
