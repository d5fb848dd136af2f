//! A declared API as constant data: what `decl_runtime_apis!` writes down once, and from which the
//! metadata, the blob's section and `RuntimeVersion::apis` are made.

use alloc::vec::Vec;
use scale_info::MetaType;

/// Bytes of one entry of the custom section `runtime_apis`: 8 of id, 4 of version.
pub const SECTION_ENTRY_BYTES: usize = 12;

/// One API.
#[derive(Clone, Copy, Debug)]
pub struct ApiDeclaration {
    /// The trait's name, the first part of the exports' names.
    pub name: &'static str,
    /// blake2b-64 of the name.
    pub id: [u8; 8],
    /// From `#[api_version(n)]`, 1 without it.
    pub version: u32,
    /// The trait's doc comment, line by line.
    pub docs: &'static [&'static str],
    /// The functions in the order in which they are declared.
    pub methods: &'static [MethodDeclaration],
}

/// One function of an API.
#[derive(Clone, Copy, Debug)]
pub struct MethodDeclaration {
    /// The function's name, the second part of the export's name.
    pub name: &'static str,
    /// The function's doc comment, line by line.
    pub docs: &'static [&'static str],
    /// The arguments in order.
    pub arguments: &'static [ArgumentDeclaration],
    /// The returned type. A function, because a type description is no constant.
    pub output: fn() -> MetaType,
    /// The items emitted before the function returns, if it emits any.
    pub stream: Option<StreamDeclaration>,
}

/// The items that a function emits.
#[derive(Clone, Copy, Debug)]
pub struct StreamDeclaration {
    /// The key of the metadata's `custom` map under which the type stands: `stream:RealmApi_chat`.
    /// Whole, because metadata holds static strings.
    pub key: &'static str,
    /// The type of an item.
    pub item: fn() -> MetaType,
}

/// One argument of a function.
#[derive(Clone, Copy, Debug)]
pub struct ArgumentDeclaration {
    /// The argument's name.
    pub name: &'static str,
    /// The argument's type.
    pub ty: fn() -> MetaType,
}

/// The APIs of a runtime. Implemented by `impl_runtime_apis!`.
pub trait RuntimeApis {
    /// One declaration per implemented API.
    const DECLARATIONS: &'static [ApiDeclaration];

    /// Id and version of each API, as `RuntimeVersion::apis` holds them.
    fn api_versions() -> Vec<([u8; 8], u32)> {
        Self::DECLARATIONS.iter().map(|api| (api.id, api.version)).collect()
    }
}

/// The content of the custom section `runtime_apis`: for each API its id, then its version as u32 LE.
///
/// # Panics
/// At compile time, for it is called in constants: when `BYTES` is not [`SECTION_ENTRY_BYTES`] per API.
pub const fn section_bytes<const BYTES: usize>(apis: &[ApiDeclaration]) -> [u8; BYTES] {
    assert!(apis.len() * SECTION_ENTRY_BYTES == BYTES);
    let mut bytes = [0; BYTES];
    let mut index = 0;
    while index < BYTES {
        let api = &apis[index / SECTION_ENTRY_BYTES];
        let offset = index % SECTION_ENTRY_BYTES;
        bytes[index] = if offset < 8 { api.id[offset] } else { api.version.to_le_bytes()[offset - 8] };
        index += 1;
    }
    bytes
}
