//! The sample shop of `seed/`: six shelves of products, their stock, and the way into empty databases.
//!
//! Catalogue and stock lie in two databases, so no transaction spans both. Call [`seed_inventory`] first: stock of products that nobody can
//! see harms nobody, and after a crash in between the catalogue is still empty, which says that there is work left.

mod goods;
pub mod mysql;
mod seed;

pub use goods::{Category, DataError, Goods, Product};
pub use seed::{SeedError, Seeded, seed_catalog, seed_inventory};
