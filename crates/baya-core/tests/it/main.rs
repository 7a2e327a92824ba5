//! Features of the pure part, one file each.

mod view;
