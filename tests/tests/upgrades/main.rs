//! New code for a running node: what is refused and why, what happens to calls, state and clients meanwhile.

mod books;
mod chain;
mod fixture;
mod followers;
mod in_flight;
mod load;
mod migrations;
mod refusals;
mod tenants;

use realm_tests::blob;
