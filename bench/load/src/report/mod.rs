//! The results, for people and for programs.

mod table;

pub(crate) use table::text;
