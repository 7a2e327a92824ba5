//! The isolate from outside: scripts in, steps out.

mod border;
mod calls;
mod child;
mod clock;
mod escapes;
mod fanout;
mod fixture;
mod globals;
mod limits;
mod linked;
mod locale;
mod robust;
mod steps;
mod watched;
mod workflows;
