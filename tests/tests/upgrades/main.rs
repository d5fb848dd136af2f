//! New code for a running node: what is refused and why, what happens to calls, state and clients meanwhile.

mod books;
mod chain;
mod fairness;
mod fixture;
mod followers;
mod in_flight;
mod load;
mod migrations;
mod refusals;
mod remembered;
mod tenants;
mod unavailable;

use realm_tests::blob;
