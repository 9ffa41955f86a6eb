//! The room `seed`, on both back ends: what is loaded, what is refused, what is made up.

mod generate;
mod load;
