//! Resource paths: sets, keys in parentheses or as segments, navigation, properties, `$value`, `$count`, `$ref`,
//! `$filter(…)` (OD-17, OD-18, OD-20).

use super::super::bound::{Expr, Hop, Leaf, Resource, Shape, Step, Target};
use super::super::edm::{Entity, Member, Prop, Structured};
use super::super::error::{Code, ODataError, Result};
use super::super::parse;
use super::super::syntax::{self, ExprKind, KeyPart, Name, Path, Segment};
use super::{Binder, nearest, promote};

/// Where the walk along the segments is.
struct Walk {
    entity: &'static Entity,
    hops: Vec<Hop>,
    /// Whether the walk stands at a collection.
    many: bool,
    /// `$filter(…)` segments since the last hop.
    filters: Vec<Expr>,
    target: Option<Target>,
    reference: bool,
}

impl Binder<'_> {
    pub(super) fn resource(&mut self, path: &Path) -> Result<Resource> {
        let mut segments = path.segments.iter();
        let (name, key) = match segments.next() {
            Some(Segment::Name(name)) => (name, None),
            Some(Segment::Keyed(name, key)) => (name, Some(key)),
            Some(other) => return Err(unsupported(other)),
            None => return Err(ODataError::new(Code::ResourceNotFound, "The service document is not a set.")),
        };
        let Some(set) = self.model.set(&name.text) else {
            let near = nearest(&name.text, self.model.sets().map(|s| s.name.to_owned()));
            let hint = near.map(|near| format!(" Did you mean {near}?")).unwrap_or_default();
            let message = format!("There is no entity set {}.{hint}", name.text);
            return Err(ODataError::new(Code::ResourceNotFound, message).in_option(&name.text));
        };
        let mut walk = Walk {
            entity: set.entity,
            hops: Vec::new(),
            many: true,
            filters: Vec::new(),
            target: None,
            reference: false,
        };
        if let Some(key) = key {
            self.key(&mut walk, key)?;
        }
        for segment in segments {
            self.segment(&mut walk, segment)?;
        }
        let target = walk.target.unwrap_or(if walk.many { Target::Collection } else { Target::Entity });
        let Walk { entity, hops, filters, reference, .. } = walk;
        Ok(Resource { set, hops, filters, target, reference, entity })
    }

    fn segment(&mut self, walk: &mut Walk, segment: &Segment) -> Result<()> {
        match (segment, &walk.target) {
            (Segment::Value, Some(Target::Property { leaf: Leaf::Prop(_) | Leaf::Dynamic(_), .. })) => {
                if let Some(Target::Property { raw, .. }) = &mut walk.target {
                    *raw = true;
                }
                Ok(())
            }
            (Segment::Name(name), Some(Target::Property { leaf: Leaf::Complex(_), .. })) => {
                self.inside_complex(walk, name)
            }
            (Segment::Query, None) => Ok(()),
            (Segment::Ref, None) => {
                walk.reference = true;
                walk.target = Some(if walk.many { Target::Collection } else { Target::Entity });
                Ok(())
            }
            (Segment::Query, Some(Target::Collection)) => Ok(()),
            (Segment::Filter(condition), None) if walk.many => {
                let var = self.enter(Shape::Entity(walk.entity));
                let bound = self.condition(condition).map_err(|e| e.in_option("path"));
                self.rows.pop();
                self.next_var = var;
                walk.filters.push(bound?);
                Ok(())
            }
            (Segment::Filter(_), None) => {
                let message =
                    "/$filter(…) picks among the members of a collection, and this address is a single entity.";
                Err(ODataError::new(Code::OptionNotApplicable, message).in_option("path"))
            }
            (Segment::Key(key), None) if walk.many => self.key(walk, key),
            (Segment::Count, None) if walk.many => {
                walk.target = Some(Target::Count);
                Ok(())
            }
            (Segment::Name(name), None) if walk.many => self.key_segment(walk, name),
            (Segment::Name(name), None) => self.member_segment(walk, name),
            (Segment::Keyed(name, key), None) if !walk.many => {
                self.member_segment(walk, name)?;
                if !walk.many || walk.target.is_some() {
                    let message = format!("{} takes no key.", name.text);
                    return Err(ODataError::new(Code::ResourceNotFound, message));
                }
                self.key(walk, key)
            }
            (Segment::Name(name) | Segment::Keyed(name, _), _) => {
                let message = format!("There is nothing named {} here.", name.text);
                Err(ODataError::new(Code::ResourceNotFound, message).in_option(&name.text))
            }
            (other, _) => Err(unsupported(other)),
        }
    }

    fn key_segment(&mut self, walk: &mut Walk, name: &Name) -> Result<()> {
        let text = &name.text;
        if *text == self.model.qualified(walk.entity.name) {
            return Ok(());
        }
        let literal = parse::key_segment(text);
        let value = syntax::Expr { kind: ExprKind::Literal(literal), span: name.span.clone() };
        self.key(walk, &[KeyPart { name: None, value }])
    }

    fn key(&mut self, walk: &mut Walk, parts: &[KeyPart]) -> Result<()> {
        let props: Vec<&'static Prop> = self.model.key(walk.entity).collect();
        if parts.len() != props.len() {
            let names: Vec<&str> = props.iter().map(|p| p.name).collect();
            let message = format!("The key of {} is ({}).", walk.entity.name, names.join(", "));
            return Err(ODataError::new(Code::InvalidValue, message));
        }
        let mut values = Vec::with_capacity(props.len());
        for prop in props {
            let part = match parts {
                [only] if only.name.as_ref().is_none_or(|n| n.text == prop.name) => only,
                _ => parts.iter().find(|p| p.name.as_ref().is_some_and(|n| n.text == prop.name)).ok_or_else(|| {
                    let message = format!("The key of {} needs {}.", walk.entity.name, prop.name);
                    ODataError::new(Code::InvalidValue, message)
                })?,
            };
            let value = self.value(&part.value)?;
            let wrong = || {
                let message = format!("The key {} is an {}, for example {}.", prop.name, prop.ty.name(), example(prop));
                ODataError::new(Code::TypeMismatch, message).in_option(prop.name)
            };
            let number = value.ty.is_number() == prop.ty.is_number();
            // A fraction is no key: promotion would round it to one.
            if value.is_null() || !number || prop.ty.is_integer() && !value.ty.is_integer() {
                return Err(wrong());
            }
            values.push((prop, promote::to(value, prop.ty).map_err(|_| wrong())?));
        }
        let filters = std::mem::take(&mut walk.filters);
        walk.hops.push(Hop { filters, key: Some(values), nav: None });
        walk.many = false;
        Ok(())
    }

    fn member_segment(&mut self, walk: &mut Walk, name: &Name) -> Result<()> {
        let of = Structured::Entity(walk.entity);
        if name.text == self.model.qualified(walk.entity.name) {
            return Ok(());
        }
        let Some(member) = self.model.member(of, &name.text) else {
            let error = self.unknown_member(of, name);
            return Err(ODataError { code: Code::ResourceNotFound, position: None, ..error }.in_option(&name.text));
        };
        let leaf = match member {
            Member::Nav(nav) => {
                match walk.hops.last_mut() {
                    Some(hop) if hop.nav.is_none() => hop.nav = Some(nav),
                    _ => walk.hops.push(Hop { nav: Some(nav), ..Hop::default() }),
                }
                walk.entity = nav.target;
                walk.many = nav.many;
                return Ok(());
            }
            Member::Prop(prop) => Leaf::Prop(prop),
            Member::Complex(complex) => Leaf::Complex(complex),
            Member::Dynamic(field) => Leaf::Dynamic(field.clone()),
        };
        walk.target = Some(Target::Property { steps: Vec::new(), leaf, raw: false });
        Ok(())
    }

    fn inside_complex(&mut self, walk: &mut Walk, name: &Name) -> Result<()> {
        let Some(Target::Property { steps, leaf, .. }) = &mut walk.target else { return Ok(()) };
        let Leaf::Complex(complex) = leaf else { return Ok(()) };
        let of = Structured::Complex(complex.ty);
        let next = match self.model.member(of, &name.text) {
            Some(Member::Prop(prop)) => Leaf::Prop(prop),
            Some(Member::Complex(inner)) => Leaf::Complex(inner),
            _ => {
                let error = self.unknown_member(of, name);
                return Err(ODataError { code: Code::ResourceNotFound, position: None, ..error }.in_option(&name.text));
            }
        };
        steps.push(Step::Complex(complex));
        *leaf = next;
        Ok(())
    }
}

fn example(prop: &Prop) -> &'static str {
    match prop.ty {
        super::super::edm::Edm::Guid => "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
        _ => "42",
    }
}

fn unsupported(segment: &Segment) -> ODataError {
    let what = match segment {
        Segment::Each => "/$each",
        Segment::Batch => "$batch",
        Segment::All => "$all",
        Segment::Entity => "$entity",
        Segment::Crossjoin(_) => "$crossjoin",
        Segment::Value
        | Segment::Count
        | Segment::Ref
        | Segment::Filter(_)
        | Segment::Key(_)
        | Segment::Query
        | Segment::Metadata
        | Segment::Name(_)
        | Segment::Keyed(..) => {
            return ODataError::new(Code::ResourceNotFound, "This segment has no meaning at this place.");
        }
    };
    ODataError::not_implemented(what)
}
