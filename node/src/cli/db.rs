//! `realm db`: a stopped node's database.

use super::{
    Failure,
    args::{DbArgs, DbExportArgs},
    output::{self, Form},
};
use crate::{service::DATABASE_FILE, tenants::NAMESPACE_PREFIX};
use realm_host_functions::storage::{
    StoreError,
    offline::{self, Checked},
};
use serde_json::json;
use std::{
    collections::BTreeSet,
    fmt::Write,
    path::{Path, PathBuf},
};

/// Checks the database and says what it holds.
///
/// # Errors
/// A node has it open, it cannot be read, or it is damaged.
pub fn check(args: DbArgs, form: Form) -> Result<(), Failure> {
    let file = file(&args)?;
    let checked = offline::check(&file).map_err(|error| failure(&file, error))?;
    match form {
        Form::Human => output::line(table(&file, &checked))?,
        Form::Json => {
            let namespaces = checked
                .namespaces
                .iter()
                .map(|(name, held)| json!({"namespace": name, "keys": held.keys, "bytes": held.bytes}));
            let namespaces: Vec<_> = namespaces.collect();
            let (repaired, problems) = (checked.repaired, &checked.problems);
            output::line(json!({"repaired": repaired, "problems": problems, "namespaces": namespaces}))?;
        }
    }
    match checked.problems.first() {
        Some(first) => {
            let count = checked.problems.len();
            Err(Failure::Usage(format!("{} is damaged in {count} places, for example {first}", file.display())))
        }
        None => Ok(()),
    }
}

/// Prints what tenants have stored.
///
/// # Errors
/// A node has the database open, it cannot be read, or the tenant has nothing in it.
pub fn export(args: DbExportArgs) -> Result<(), Failure> {
    let file = file(&args.db)?;
    let mut tenants = BTreeSet::new();
    let exported = offline::export(&file, |stored| {
        let Some(tenant) = stored.namespace.strip_prefix(NAMESPACE_PREFIX) else { return Ok(()) };
        if !tenants.contains(tenant) {
            tenants.insert(tenant.to_owned());
        }
        if args.tenant.as_deref().is_some_and(|wanted| wanted != tenant) {
            return Ok(());
        }
        let hex = |bytes| format!("0x{}", hex::encode(bytes));
        output::line(json!({"tenant": tenant, "key": hex(stored.key), "value": hex(stored.value)}))
            .map_err(Ended::Output)
    });
    match exported {
        Ok(()) => {}
        Err(Ended::Output(failure)) => return Err(failure),
        Err(Ended::Store(error)) => return Err(failure(&file, error)),
    }
    match args.tenant {
        Some(tenant) if !tenants.contains(&tenant) => {
            let there: Vec<_> = tenants.into_iter().collect();
            let there = if there.is_empty() { "no tenant has anything".to_owned() } else { there.join(", ") };
            Err(Failure::Usage(format!("the tenant `{tenant}` has stored nothing; in the database: {there}")))
        }
        _ => Ok(()),
    }
}

/// Why an export ended.
enum Ended {
    Store(StoreError),
    Output(Failure),
}

impl From<StoreError> for Ended {
    fn from(error: StoreError) -> Self {
        Ended::Store(error)
    }
}

fn file(args: &DbArgs) -> Result<PathBuf, Failure> {
    let file = args.base_path.join(DATABASE_FILE);
    match file.is_file() {
        true => Ok(file),
        false => {
            let folder = args.base_path.display();
            Err(Failure::Usage(format!(
                "there is no {DATABASE_FILE} in {folder}; --base-path is the folder that `serve` has"
            )))
        }
    }
}

fn failure(file: &Path, error: StoreError) -> Failure {
    let file = file.display();
    Failure::Usage(match () {
        () if error.is_in_use() => {
            format!("a node has {file} open; stop it first, or take a copy as docs/operations.md says")
        }
        () if error.needs_repair() => format!("{file} needs a repair before it can be read; `realm db check` makes it"),
        () => error.to_string(),
    })
}

fn table(file: &Path, checked: &Checked) -> String {
    let mut text = match (checked.repaired, checked.problems.is_empty()) {
        (false, true) => format!("{} is whole", file.display()),
        (true, true) => format!("{} was repaired; what was committed last may be gone", file.display()),
        (_, false) => format!("{} is damaged:", file.display()),
    };
    for problem in &checked.problems {
        // Writing to a string does not fail.
        let _ = write!(text, "\n  {problem}");
    }
    for (name, held) in &checked.namespaces {
        let _ = write!(text, "\n{:>12} keys {:>14} bytes  {name}", held.keys, held.bytes);
    }
    text
}
