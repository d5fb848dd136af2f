//! The log, on standard error. What callers say stays out of it unless its operator asks: the libraries
//! below log whole frames at their chattiest levels, and a runtime's own lines can quote a prompt. Whatever a field
//! holds, it is one bounded piece of one line: control characters are escaped, and long values cut.

use super::{Failure, args::LogFormat};
use std::{
    fmt::{self, Debug, Write},
    io::IsTerminal,
};
use tracing::{Level, Metadata, field::Field};
use tracing_subscriber::{
    EnvFilter, Layer,
    field::MakeExt,
    filter::filter_fn,
    fmt::format::{Writer, debug_fn},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// Targets of libraries that see frames, and how far down they may log without showing any.
const WIRE_TARGETS: [&str; 6] = ["jsonrpsee", "soketto", "hyper", "tungstenite", "tokio_tungstenite", "wasmtime"];
const WIRE_LEVEL_MAX: Level = Level::INFO;
/// Lines that runtimes log themselves.
const GUEST_TARGET: &str = "realm::guest";

/// The field that a line's text is in.
const MESSAGE: &str = "message";
/// Fields that say where a line of the `log` crate comes from, which its metadata say already.
const OF_LOG_CRATE: &str = "log.";
/// Bytes of a field's value; the rest is cut.
const VALUE_BYTES_MAX: usize = 4096;

/// Starts logging what `filter` lets through; with `prompts`, also what may quote callers.
///
/// # Errors
/// The filter is none.
pub fn start(filter: &str, format: LogFormat, prompts: bool) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| Failure::Usage(format!("--log {filter}: {error}; try `info` or `warn,realm_node=debug`")))?;
    let colours = std::io::stderr().is_terminal();
    let fields = debug_fn(field).delimited(" ");
    let lines = tracing_subscriber::fmt::layer().fmt_fields(fields).with_ansi(colours).with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => tracing_subscriber::fmt::layer().json().with_writer(std::io::stderr).boxed(),
    };
    tracing_subscriber::registry()
        .with(lines.with_filter(filter_fn(move |line| prompts || says_nothing_of_callers(line))).with_filter(filter))
        .try_init()
        .map_err(|error| Failure::Start(format!("cannot start the log: {error}")))
}

/// Writes a field as `name=value`, the line's text without its name.
fn field(out: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> fmt::Result {
    if field.name().starts_with(OF_LOG_CRATE) {
        return Ok(());
    }
    if field.name() != MESSAGE {
        write!(out, "{}=", field.name())?;
    }
    let mut line = OneLine { out, left: VALUE_BYTES_MAX };
    match write!(line, "{value:?}") {
        Err(_) if line.left == 0 => out.write_char('…'),
        written => written,
    }
}

/// Escapes control characters and ends after so many bytes.
struct OneLine<'a, 'w> {
    out: &'a mut Writer<'w>,
    left: usize,
}

impl Write for OneLine<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            let bytes = character.len_utf8();
            if bytes > self.left {
                self.left = 0;
                return Err(fmt::Error);
            }
            self.left -= bytes;
            match character.is_control() {
                true => write!(self.out, "{}", character.escape_debug())?,
                false => self.out.write_char(character)?,
            }
        }
        Ok(())
    }
}

fn says_nothing_of_callers(line: &Metadata<'_>) -> bool {
    let below = |target: &str| line.target().starts_with(target);
    match () {
        () if below(GUEST_TARGET) => false,
        () if WIRE_TARGETS.into_iter().any(below) => *line.level() <= WIRE_LEVEL_MAX,
        () => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A value of foreign origin that is shown as it is (`%value`) could forge lines of the log, and send escape sequences
    /// to the terminal that shows it.
    #[test]
    fn whatever_a_field_holds_is_one_bounded_line() {
        let lines = Lines::default();
        let to = lines.clone();
        let layer = tracing_subscriber::fmt::layer().fmt_fields(debug_fn(field).delimited(" "));
        let layer = layer.with_ansi(false).with_writer(move || to.clone());
        let foreign = "x\n2026-01-01T00:00:00Z  INFO realm: all is well \u{1b}[2J";
        let long = "y".repeat(1 << 20);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::info!(%foreign, ?foreign, count = 3, "it was {foreign}");
            tracing::info!(%long, "long");
        });
        let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let [first, second] = log.lines().collect::<Vec<_>>()[..] else { panic!("{log}") };
        assert!(!first.contains(char::is_control), "{first:?}");
        assert!(
            first.contains("it was x\\n2026") && first.contains(" foreign=x\\n2026") && first.ends_with("count=3"),
            "{first}"
        );
        assert!(second.len() < VALUE_BYTES_MAX + 200 && second.ends_with('…'), "{} bytes", second.len());
    }
}
