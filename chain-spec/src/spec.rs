//! The specification as a whole: reading, checking that its parts fit, writing.

use crate::{CodeSource, ModelSource, SpecError, SpecProblem, TenantSpec, reader::Field};
use serde_json::{Map, Value, json};
use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

/// Most bytes of a chain's display name.
const CHAIN_NAME_BYTES_MAX: usize = 128;

/// A chain's genesis.
#[derive(Clone, PartialEq, Debug)]
pub struct ChainSpec {
    /// Name for people, for example `Realm Development`.
    pub name: String,
    /// Name for folders and logs, for example `dev`.
    pub id: String,
    /// The first runtime.
    pub runtime: CodeSource,
    /// The models, in the order in which they are loaded.
    pub models: Vec<ModelSpec>,
    /// The tenants. The first is whom a connection that names none calls as.
    pub tenants: Vec<TenantSpec>,
    /// How callers prove who they are. Default: by keys.
    pub authentication: Authentication,
    /// Free fields for clients, answered by `system_properties`.
    pub properties: Map<String, Value>,
}

/// How callers prove who they are.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Authentication {
    /// By keys; without one, only health and metadata are answered. JSON: `"keys"`.
    #[default]
    Keys,
    /// They need not: whoever reaches the node may call as any tenant. JSON: `"none"`.
    None,
}

impl Authentication {
    const NAMES: &'static str = "\"keys\" or \"none\"";

    fn read(field: Field<'_>) -> Result<Self, SpecError> {
        match field.text()? {
            "keys" => Ok(Self::Keys),
            "none" => Ok(Self::None),
            _ => Err(field.fail(SpecProblem::Type { expected: Self::NAMES, found: "another word" })),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::None => "none",
        }
    }
}

/// A model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ModelSpec {
    /// The name that tenants use.
    pub name: String,
    /// Where its weights are.
    pub path: ModelSource,
    /// The SHA-256 of its weights, checked when they are loaded: of the file, or of several files' hashes one behind the
    /// other, in alphabetical order of their names.
    pub sha256: Option<[u8; 32]>,
}

impl ChainSpec {
    /// Reads a file. Relative paths in it count from its folder.
    ///
    /// # Errors
    /// [`SpecError`], naming the file or the field.
    pub fn from_file(path: &Path) -> Result<Self, SpecError> {
        let text =
            fs::read_to_string(path).map_err(|error| SpecError::Unreadable { path: PathBuf::from(path), error })?;
        let mut spec = Self::from_json(&text)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        spec.runtime.resolve(folder);
        spec.models.iter_mut().for_each(|model| model.path.resolve(folder));
        spec.tenants.iter_mut().filter_map(|tenant| tenant.runtime.as_mut()).for_each(|code| code.resolve(folder));
        Ok(spec)
    }

    /// Reads JSON text. Paths are left as they stand.
    ///
    /// # Errors
    /// [`SpecError`], naming the field.
    pub fn from_json(text: &str) -> Result<Self, SpecError> {
        let value: Value = serde_json::from_str(text).map_err(SpecError::NotJson)?;
        let object = Field::root(&value).object(&[
            "name",
            "id",
            "runtime",
            "models",
            "tenants",
            "authentication",
            "properties",
        ])?;
        let name = object.field("name")?;
        if name.text()?.is_empty() || name.text()?.len() > CHAIN_NAME_BYTES_MAX {
            return Err(name.fail(SpecProblem::Range { min: 1, max: CHAIN_NAME_BYTES_MAX as u64 }));
        }
        let models = object.field("models")?;
        let tenants = object.field("tenants")?;
        let spec = Self {
            name: name.text()?.to_owned(),
            id: object.field("id")?.name()?,
            runtime: object.or("runtime", CodeSource::Embedded, CodeSource::read)?,
            models: models.array()?.map(ModelSpec::read).collect::<Result<_, _>>()?,
            tenants: tenants.array()?.map(TenantSpec::read).collect::<Result<_, _>>()?,
            authentication: object.or("authentication", Authentication::default(), Authentication::read)?,
            properties: object.or("properties", Map::new(), |field| field.map())?,
        };
        spec.check()?;
        Ok(spec)
    }

    /// Names are unique and what is named is there.
    fn check(&self) -> Result<(), SpecError> {
        let fail = |path: String, problem| Err(SpecError::Field { path, problem });
        if self.models.is_empty() {
            return fail("models".into(), SpecProblem::Empty);
        }
        if self.tenants.is_empty() {
            return fail("tenants".into(), SpecProblem::Empty);
        }
        let mut models = HashSet::new();
        for (index, model) in self.models.iter().enumerate() {
            if !models.insert(&model.name) {
                return fail(format!("models[{index}].name"), SpecProblem::Duplicate { name: model.name.clone() });
            }
        }
        let mut ids = HashSet::new();
        for (index, tenant) in self.tenants.iter().enumerate() {
            if !ids.insert(&tenant.id) {
                return fail(format!("tenants[{index}].id"), SpecProblem::Duplicate { name: tenant.id.clone() });
            }
            if !models.contains(&tenant.model) {
                return fail(format!("tenants[{index}].model"), SpecProblem::Dangling { name: tenant.model.clone() });
            }
            if let Some(model) = tenant.embedding_model.as_ref().filter(|model| !models.contains(model)) {
                return fail(
                    format!("tenants[{index}].embedding_model"),
                    SpecProblem::Dangling { name: model.clone() },
                );
            }
        }
        Ok(())
    }

    /// The specification as pretty JSON, with every default written out.
    pub fn to_json(&self) -> String {
        let value = json!({
            "name": self.name,
            "id": self.id,
            "runtime": self.runtime.to_text(),
            "models": self.models.iter().map(ModelSpec::to_value).collect::<Vec<_>>(),
            "tenants": self.tenants.iter().map(TenantSpec::to_value).collect::<Vec<_>>(),
            "authentication": self.authentication.name(),
            "properties": self.properties,
        });
        format!("{value:#}\n")
    }
}

impl ModelSpec {
    fn read(field: Field<'_>) -> Result<Self, SpecError> {
        let object = field.object(&["name", "path", "sha256"])?;
        let sha256 = |field: Field<'_>| field.hex()?.try_into().map(Some).map_err(|_| field.fail(SpecProblem::Hex));
        Ok(Self {
            name: object.field("name")?.name()?,
            path: ModelSource::read(object.field("path")?)?,
            sha256: object.or("sha256", None, sha256)?,
        })
    }

    fn to_value(&self) -> Value {
        let mut fields = Map::new();
        fields.insert("name".into(), json!(self.name));
        fields.insert("path".into(), json!(self.path.to_text()));
        if let Some(hash) = self.sha256 {
            fields.insert("sha256".into(), json!(format!("0x{}", hex::encode(hash))));
        }
        Value::Object(fields)
    }
}
