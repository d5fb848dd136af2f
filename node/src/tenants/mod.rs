//! The tenants: who may call, what each of their calls may reach and use, which runtime answers them.

mod limits;
mod manager;
mod registry;
mod stored;
mod tenant;

pub use manager::{ManageError, Parts, Runtimes, TenantManager, models_of, revoke_keys};
pub use registry::Tenants;
pub use stored::{Known, Source, StoredError, StoredTenants};
pub(crate) use tenant::NAMESPACE_PREFIX;
pub use tenant::{Tenant, TenantId, TenantModels, inspector};
