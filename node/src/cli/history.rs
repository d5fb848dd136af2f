//! The lines that somebody typed into `realm chat`, kept for the next time in a file that only that user can read. To
//! lose them is a pity and no failure: what goes wrong here is said once, and the talk goes on.

use super::user_folders;
use rustyline::{DefaultEditor, error::ReadlineError};
use std::{
    fs::DirBuilder,
    io::{self, ErrorKind},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

/// Lines that are kept; the oldest make room.
pub const ENTRIES_MAX: usize = 1000;
/// The file, in the user's state folder.
const FILE: &str = "chat_history";
/// Only the user may look into a folder that is made for it.
const FOLDER_MODE: u32 = 0o700;

/// Where lines are kept.
#[derive(Debug)]
pub struct History {
    /// `None` when there is no such place, or when it could not be written.
    file: Option<PathBuf>,
}

impl History {
    /// Gives the editor the lines of before.
    pub fn load(editor: &mut DefaultEditor) -> Self {
        let Some(file) = user_folders::state().map(|folder| folder.join(FILE)) else {
            warn("neither XDG_STATE_HOME nor HOME names a folder");
            return Self { file: None };
        };
        match editor.load_history(&file) {
            Ok(()) => Self { file: Some(file) },
            Err(ReadlineError::Io(error)) if error.kind() == ErrorKind::NotFound => Self { file: Some(file) },
            // Written over, it would lose what somebody may still mend.
            Err(error) => {
                warn(format!("cannot read {}: {error}", file.display()));
                Self { file: None }
            }
        }
    }

    /// Writes the lines that the editor has and the file has not, so that a talk that is killed loses none, and one
    /// beside it none of its own.
    pub fn keep(&mut self, editor: &mut DefaultEditor) {
        let Some(file) = &self.file else { return };
        let written = make_folder_of(file).map_err(ReadlineError::Io).and_then(|()| editor.append_history(file));
        if let Err(error) = written {
            warn(format!("cannot write {}: {error}", file.display()));
            self.file = None;
        }
    }
}

fn make_folder_of(file: &Path) -> io::Result<()> {
    file.parent().map_or(Ok(()), |folder| DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder))
}

fn warn(reason: impl std::fmt::Display) {
    eprintln!("realm: what is typed is not kept for the next time: {reason}");
}
