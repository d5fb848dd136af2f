//! Blobs from WAT.

use parity_scale_codec::Encode;
use realm_primitives::RuntimeVersion;

/// The version every blob here has.
pub fn version() -> RuntimeVersion {
    RuntimeVersion {
        spec_name: "test".into(),
        impl_name: "wat".into(),
        authoring_version: 0,
        spec_version: 7,
        impl_version: 0,
        apis: Vec::new(),
        transaction_version: 0,
        state_version: 0,
    }
}

/// A custom section in WAT.
pub fn section(name: &str, data: &[u8]) -> String {
    let data: String = data.iter().map(|byte| format!("\\{byte:02x}")).collect();
    format!("(@custom \"{name}\" \"{data}\")\n")
}

/// Both sections that a runtime must have, with one API.
pub fn sections() -> String {
    let api = [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0];
    section("runtime_version", &version().encode()) + &section("runtime_apis", &api)
}

/// An allocator that never frees, from 64 KiB on.
pub const ALLOC: &str = r#"
    (global $next (mut i32) (i32.const 0x10000))
    (func (export "realm_alloc") (param $len i32) (result i32)
        (local $ptr i32)
        (local.set $ptr (global.get $next))
        (global.set $next (i32.add (global.get $next) (local.get $len)))
        (local.get $ptr))
"#;

/// A blob with sections, four pages of memory and an allocator around these fields.
pub fn blob(imports: &str, fields: &str) -> Vec<u8> {
    let sections = sections();
    raw(&format!("(module {imports} (memory (export \"memory\") 4) {ALLOC} {fields} {sections})"))
}

/// Any module.
pub fn raw(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}
