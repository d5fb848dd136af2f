//! The metadata of one runtime.

use std::{collections::BTreeMap, fmt};

use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed, v15};
use parity_scale_codec::DecodeAll;
use realm_primitives::metadata::STREAM_KEY_PREFIX;
use scale_info::{PortableRegistry, form::PortableForm};

use super::{
    Function, FunctionName, LoadError, Parameter, Shape, TypeId, Types,
    limits::{self, FUNCTIONS_MAX, Members},
    load::{self, METADATA_BYTES_MAX},
};

/// blake2-256 of the metadata's bytes. Clients pin a runtime's types by it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MetadataHash(pub [u8; 32]);

impl fmt::Display for MetadataHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", hex::encode(self.0))
    }
}

/// The methods of all APIs. A macro, because both versions of the format have types of their own
/// with the same fields. Counts and checks the names of APIs before copying one for each of their methods.
macro_rules! methods {
    ($apis:expr) => {{
        let mut methods = Vec::new();
        for api in $apis {
            limits::name("an API", &api.name)?;
            let functions = methods.len() + api.methods.len();
            if functions > FUNCTIONS_MAX {
                return Err(LoadError::TooManyFunctions { functions, functions_max: FUNCTIONS_MAX });
            }
            for method in api.methods {
                methods.push(Method {
                    api: api.name.clone(),
                    name: method.name,
                    docs: method.docs,
                    inputs: method.inputs.into_iter().map(|input| (input.name, input.ty.id)).collect(),
                    output: method.output.id,
                });
            }
        }
        methods
    }};
}

/// What a runtime says about itself, decoded and checked.
#[derive(Clone, Debug)]
pub struct Metadata {
    /// The functions in the order in which the runtime declares them.
    functions: Vec<Function>,
    types: Types,
    hash: MetadataHash,
    by_name: BTreeMap<String, usize>,
    /// The functions that go by their bare names, by it.
    by_bare_name: BTreeMap<String, Vec<usize>>,
}

impl Metadata {
    /// Decodes prefixed metadata (`meta`, version, body) of version 15 or 16, as `OpaqueMetadata` holds it.
    ///
    /// # Errors
    /// [`LoadError`]: not metadata, another version, or metadata that contradicts itself.
    pub fn decode(bytes: &[u8]) -> Result<Self, LoadError> {
        if bytes.len() > METADATA_BYTES_MAX {
            return Err(LoadError::TooLarge { bytes: bytes.len(), bytes_max: METADATA_BYTES_MAX });
        }
        let prefixed = RuntimeMetadataPrefixed::decode_all(&mut &*bytes)
            .map_err(|error| LoadError::NotMetadata { message: error.to_string() })?;
        if prefixed.0 != frame_metadata::META_RESERVED {
            return Err(LoadError::NotMetadata { message: "it does not begin with `meta`".to_owned() });
        }
        let hash = MetadataHash(sp_crypto_hashing::blake2_256(bytes));
        match prefixed.1 {
            RuntimeMetadata::V15(metadata) => {
                Self::build(hash, &metadata.types, methods!(metadata.apis), &metadata.custom)
            }
            RuntimeMetadata::V16(metadata) => {
                Self::build(hash, &metadata.types, methods!(metadata.apis), &metadata.custom)
            }
            other => Err(LoadError::Version { version: other.version() }),
        }
    }

    /// All functions, those of `Core` and `Metadata` included.
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// All types.
    pub fn types(&self) -> &Types {
        &self.types
    }

    /// The hash of the bytes that this was decoded from.
    pub fn hash(&self) -> MetadataHash {
        self.hash
    }

    /// The function with this full name.
    pub fn function(&self, full_name: &str) -> Option<&Function> {
        self.by_name.get(full_name).and_then(|&index| self.functions.get(index))
    }

    /// The functions that go by this bare name.
    pub(super) fn bare(&self, name: &str) -> impl Iterator<Item = &Function> {
        let indexes = self.by_bare_name.get(name).map(Vec::as_slice).unwrap_or_default();
        indexes.iter().filter_map(|&index| self.functions.get(index))
    }

    fn build(
        hash: MetadataHash,
        registry: &PortableRegistry,
        methods: Vec<Method>,
        custom: &v15::CustomMetadata<PortableForm>,
    ) -> Result<Self, LoadError> {
        let mut members = Members::default();
        let types = load::types(registry, &mut members)?;
        let mut functions = Vec::with_capacity(methods.len());
        for method in methods {
            let stream_key = format!("{STREAM_KEY_PREFIX}{}_{}", method.api, method.name);
            let stream = custom.map.get(&stream_key).map(|value| load::reference(&types, value.ty.id)).transpose()?;
            members.add(method.inputs.len())?;
            functions.push(method.check(&types, stream)?);
        }
        load::unique(functions.iter().map(|function| function.name.full()))?;
        let by_name =
            functions.iter().enumerate().map(|(index, function)| (function.name.full().to_owned(), index)).collect();
        let mut by_bare_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, function) in functions.iter().enumerate().filter(|(_, function)| function.name.has_bare_form()) {
            by_bare_name.entry(function.name.bare().to_owned()).or_default().push(index);
        }
        Ok(Self { functions, types, hash, by_name, by_bare_name })
    }
}

/// A method as both versions of the format have it.
struct Method {
    api: String,
    name: String,
    docs: Vec<String>,
    inputs: Vec<(String, u32)>,
    output: u32,
}

impl Method {
    fn check(self, types: &Types, stream: Option<TypeId>) -> Result<Function, LoadError> {
        callable(&self.api)?;
        limits::name("a function", &self.name)?;
        callable(&self.name)?;
        let mut parameters = Vec::with_capacity(self.inputs.len());
        for (name, ty) in self.inputs {
            limits::name("a parameter", &name)?;
            callable(&name)?;
            let ty = load::reference(types, ty)?;
            parameters.push(Parameter { name, ty, optional: types[ty].optional });
        }
        load::unique(parameters.iter().map(|parameter| parameter.name.as_str()))?;
        let output = load::reference(types, self.output)?;
        let (returns, fails_with) = match result(types, output) {
            Some((ok, error)) => (ok, Some(error)),
            None => (output, None),
        };
        Ok(Function {
            name: FunctionName::new(&self.api, &self.name),
            docs: self.docs.join("\n"),
            parameters,
            output,
            returns,
            fails_with,
            stream,
        })
    }
}

/// The `Ok` and `Err` types of a `Result`.
fn result(types: &Types, output: TypeId) -> Option<(TypeId, TypeId)> {
    let entry = &types[output];
    match &entry.shape {
        Shape::Enum(variants) if entry.path == "Result" => match &**variants {
            [ok, error] if (ok.name.as_str(), ok.index, error.name.as_str(), error.index) == ("Ok", 0, "Err", 1) => {
                match (&ok.fields, &error.fields) {
                    (Shape::Newtype(ok), Shape::Newtype(error)) => Some((*ok, *error)),
                    _ => None,
                }
            }
            _ => None,
        },
        _ => None,
    }
}

/// Names are identifiers, since they are typed by hand and end up in documents.
fn callable(name: &str) -> Result<(), LoadError> {
    let good = name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_')
        && name.chars().next().is_some_and(|first| !first.is_ascii_digit());
    match good {
        true => Ok(()),
        false => Err(LoadError::BadName { name: limits::shown(name) }),
    }
}
