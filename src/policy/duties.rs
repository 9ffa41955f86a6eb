//! What a person may beside the role (AU-81).

/// Flags of a person, kept as a bit set. Each adds to what the role admits and takes nothing away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Duties(i32);

impl Duties {
    pub const NONE: Duties = Duties(0);
    /// Reads and decides the weeks of the people assigned.
    pub const APPROVAL_MANAGER: Duties = Duties(1);
    /// Reads and decides everybody's weeks.
    pub const GLOBAL_APPROVAL_MANAGER: Duties = Duties(2);
    /// Manages people, even without a role; sees no time.
    pub const COLLECTION_ADMINISTRATOR: Duties = Duties(4);

    pub fn from_bits(bits: i32) -> Duties {
        Duties(bits)
    }

    pub fn bits(self) -> i32 {
        self.0
    }

    /// Whether any of these is among the person's.
    pub fn include(self, any: Duties) -> bool {
        self.0 & any.0 != 0
    }

    /// Those that are in both.
    pub fn among(self, others: Duties) -> Duties {
        Duties(self.0 & others.0)
    }

    /// These but not those.
    pub fn without(self, others: Duties) -> Duties {
        Duties(self.0 & !others.0)
    }

    /// These and those.
    pub const fn and(self, more: Duties) -> Duties {
        Duties(self.0 | more.0)
    }
}
