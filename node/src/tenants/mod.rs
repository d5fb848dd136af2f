//! The tenants: who may call, what each of their calls may reach and use, which runtime answers them.

mod limits;
mod registry;
mod tenant;

pub use registry::Tenants;
pub(crate) use tenant::NAMESPACE_PREFIX;
pub use tenant::{Tenant, TenantId, TenantModels, inspector};
