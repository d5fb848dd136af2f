//! `/v1/models`, and which model a request means.

use super::{Caller, error::ApiError};
use crate::{executor::HostModel, tenants::Tenant};
use serde_json::{Value, json};
use std::sync::Arc;

/// Who made the model, which no file says; the field is OpenAI's.
const OWNER: &str = "realm";

/// All models of the caller's tenant.
pub fn list(caller: Caller<'_>) -> Result<Value, ApiError> {
    let tenant = caller.web.tenant(caller.connection)?;
    let models: Vec<_> = names(&tenant).into_iter().map(|name| describe(caller, name)).collect();
    Ok(json!({"object": "list", "data": models}))
}

/// The model of this name.
pub fn one(caller: Caller<'_>, name: &str) -> Result<Value, ApiError> {
    let tenant = caller.web.tenant(caller.connection)?;
    let known = names(&tenant);
    match known.contains(&name) {
        true => Ok(describe(caller, name)),
        false => Err(ApiError::model_not_found(name, &known)),
    }
}

/// Checks that a request names the model that generates.
pub fn generating(tenant: &Tenant, name: &str) -> Result<Arc<HostModel>, ApiError> {
    named(tenant.resources.model.as_ref(), name)
}

/// Checks that a request names the model that embeds.
pub fn embedding(tenant: &Tenant, name: &str) -> Result<Arc<HostModel>, ApiError> {
    named(tenant.resources.embedding_model.as_ref().or(tenant.resources.model.as_ref()), name)
}

fn named(model: Option<&Arc<HostModel>>, name: &str) -> Result<Arc<HostModel>, ApiError> {
    match model {
        Some(model) if model.name() == name => Ok(model.clone()),
        Some(model) => Err(ApiError::model_not_found(name, &[model.name()])),
        None => Err(ApiError::model_not_found(name, &[])),
    }
}

fn names(tenant: &Tenant) -> Vec<&str> {
    let resources = &tenant.resources;
    let mut names: Vec<_> =
        resources.model.iter().chain(&resources.embedding_model).map(|model| model.name()).collect();
    names.dedup();
    names
}

fn describe(caller: Caller<'_>, name: &str) -> Value {
    json!({"id": name, "object": "model", "created": caller.web.started, "owned_by": OWNER})
}
