//! The isolate: evaluates a script without any way to the world. The only user of QuickJS.
