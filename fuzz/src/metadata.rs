//! Metadata of an uploaded runtime: decoding it, and all that is made of it.

use crate::written;
use realm_metadata::{ApiInfo, DiscoveryHeader, Metadata, MetadataDiff, discovery, openrpc};
use serde_json::json;

/// Bytes of documents per byte of metadata, and for nothing: types are written out once, so documents grow with the
/// metadata.
const DOCUMENT_BYTES_PER_BYTE: usize = 4096;
const DOCUMENT_BYTES_BASE: usize = 1 << 20;

/// Any bytes as opaque metadata. Metadata that decodes is described, compared, and used on a few values.
pub fn metadata(bytes: &[u8]) {
    let Some(metadata) = written(Metadata::decode(bytes)) else { return };
    let documents = [
        discovery(&metadata, &DiscoveryHeader { version: "", spec_name: "", spec_version: 0 }),
        openrpc(&metadata, &ApiInfo { title: "", version: "", description: "" }, vec![]),
    ];
    for document in documents {
        let written = document.to_string().len();
        let most = DOCUMENT_BYTES_BASE + bytes.len() * DOCUMENT_BYTES_PER_BYTE;
        assert!(written <= most, "a document of {written} bytes for metadata of {}", bytes.len());
    }
    MetadataDiff::between(&metadata, &metadata);
    for function in metadata.functions() {
        assert!(written(metadata.resolve(function.name.full())).is_some(), "{}", function.name.full());
        for encoded in [&[][..], &[0; 64], &[4; 64], &[255; 64]] {
            written(metadata.decode_return(function, encoded));
            written(metadata.decode_arguments(function, encoded));
            written(metadata.decode_item(function, encoded));
        }
        for params in [json!(null), json!([null]), json!({}), json!([[[[]]]]), json!([{"a": {}}]), json!(["0x00"])] {
            written(metadata.encode_arguments(function, &params));
        }
    }
}
