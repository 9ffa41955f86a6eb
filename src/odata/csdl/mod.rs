//! A model as its readers get it: `$metadata` (CSDL 4.0 and 4.01) and the service document.
//!
//! In: a [`Model`], that is one version of a schema as one caller sees it. Out: text, the same for the same model, byte for byte.

mod annotations;
pub mod check;
pub mod service;
pub mod xml;

use super::edm::{ComplexType, Edm, Entity, EnumType, Model, Structured};

/// The protocol version that the reader speaks (OD-2, OD-7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    V4_0,
    V4_01,
}

/// The types that can be reached from a model's sets, in the order in which they are met.
#[derive(Default)]
pub struct Reachable {
    pub entities: Vec<&'static Entity>,
    pub complexes: Vec<&'static ComplexType>,
    pub enums: Vec<&'static EnumType>,
}

impl Reachable {
    pub fn of(model: &Model) -> Reachable {
        let mut found = Reachable::default();
        for set in model.sets() {
            found.meet(model, set.entity);
        }
        found
    }

    fn meet(&mut self, model: &Model, entity: &'static Entity) {
        if self.entities.iter().any(|e| std::ptr::eq(*e, entity)) {
            return;
        }
        self.entities.push(entity);
        self.parts(model, Structured::Entity(entity));
        for nav in model.navs(Structured::Entity(entity)) {
            self.meet(model, nav.target);
        }
    }

    fn parts(&mut self, model: &Model, of: Structured) {
        for prop in model.props(of) {
            if let Edm::Enum(ty) = prop.ty
                && !self.enums.contains(&ty)
            {
                self.enums.push(ty);
            }
        }
        for complex in model.complexes(of) {
            if !self.complexes.iter().any(|c| std::ptr::eq(*c, complex.ty)) {
                self.complexes.push(complex.ty);
                self.parts(model, Structured::Complex(complex.ty));
            }
        }
    }
}
