//! Conversations that are remembered, looked after, and gone on with by many at once.

mod full;
mod looked_after;
mod migrated;
mod turns;
mod warm;
