//! New code for a running node: what is refused and why, what happens to calls, state and clients meanwhile.

mod blob;
mod books;
mod chain;
mod fixture;
mod followers;
mod in_flight;
mod load;
mod migrations;
mod refusals;
mod tenants;
