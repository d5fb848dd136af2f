//! From the declarations of a runtime's APIs to V15 metadata.

use super::stock;
use crate::{
    api::{ApiDeclaration, MethodDeclaration},
    types::RuntimeVersion,
};
use alloc::vec::Vec;
use frame_metadata::v15::{
    CustomMetadata, CustomValueMetadata, RuntimeApiMetadata, RuntimeApiMethodMetadata, RuntimeApiMethodParamMetadata,
    RuntimeMetadataV15,
};
use scale_info::{form::MetaForm, meta_type};

/// The metadata of a runtime with these APIs and this version, and what stock clients need beside them.
pub fn v15(apis: &[ApiDeclaration], version: &RuntimeVersion) -> RuntimeMetadataV15 {
    RuntimeMetadataV15::new(
        stock::pallets(version),
        stock::extrinsic(),
        meta_type::<()>(),
        apis.iter().map(api).collect(),
        stock::outer_enums(),
        custom(apis),
    )
}

fn api(api: &ApiDeclaration) -> RuntimeApiMetadata<MetaForm> {
    RuntimeApiMetadata { name: api.name, methods: api.methods.iter().map(method).collect(), docs: api.docs.to_vec() }
}

fn method(method: &MethodDeclaration) -> RuntimeApiMethodMetadata<MetaForm> {
    RuntimeApiMethodMetadata {
        name: method.name,
        inputs: method
            .arguments
            .iter()
            .map(|argument| RuntimeApiMethodParamMetadata { name: argument.name, ty: (argument.ty)() })
            .collect(),
        output: (method.output)(),
        docs: method.docs.to_vec(),
    }
}

/// The `custom` map: stream items, and the stock types that nothing else reaches. The values are
/// empty; only their types say something.
fn custom(apis: &[ApiDeclaration]) -> CustomMetadata<MetaForm> {
    let streams = apis.iter().flat_map(|api| api.methods).filter_map(|method| method.stream);
    let types = streams.map(|stream| (stream.key, (stream.item)())).chain(stock::unreached_types());
    CustomMetadata { map: types.map(|(key, ty)| (key, CustomValueMetadata { ty, value: Vec::new() })).collect() }
}
