//! The types that a model's sets lead to, through properties and navigation.

use super::{ComplexType, Edm, Entity, EnumType, Model, Structured};

/// Every type of a model, each kind in the order in which it is met: a type, its parts, then what it leads to.
#[derive(Default)]
pub struct Types {
    pub entities: Vec<&'static Entity>,
    pub complexes: Vec<&'static ComplexType>,
    pub enums: Vec<&'static EnumType>,
}

impl Types {
    pub(super) fn of(model: &Model) -> Types {
        let mut found = Types::default();
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

    /// An enumeration by its name without namespace.
    pub fn enumeration(&self, name: &str) -> Option<&'static EnumType> {
        self.enums.iter().copied().find(|ty| ty.name == name)
    }
}
