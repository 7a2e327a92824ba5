//! The chores as a person calls them.

mod live;
