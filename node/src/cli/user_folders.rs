//! Where what belongs to a user lies, as freedesktop.org's base directories have it.

use std::{env, path::PathBuf};

/// Below each of them, what is this program's.
const OWN: &str = "realm";

/// The folder of what can be made again. `None` if the environment names no home.
pub fn cache() -> Option<PathBuf> {
    base("XDG_CACHE_HOME", ".cache")
}

/// The folder of what a user would like to find again, but could do without. `None` if the environment names no home.
pub fn state() -> Option<PathBuf> {
    base("XDG_STATE_HOME", ".local/state")
}

/// What the variable names, else the folder below the home. A relative path counts as none: it would mean another
/// folder in each place that the program is started from.
fn base(variable: &str, below_home: &str) -> Option<PathBuf> {
    let named = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = named(variable).or_else(|| Some(named("HOME")?.join(below_home)))?;
    Some(base.join(OWN))
}
