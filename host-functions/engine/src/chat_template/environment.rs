//! A Jinja environment that renders as Python's jinja2 does under `transformers`.

use super::clock::Moment;
use super::depth;
use super::error::TemplateError;
use super::python::{self, JsonStyle};
use super::{FUEL, RENDERED_BYTES_MAX};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Kwargs;
use minijinja::{Environment, Error, ErrorKind, Value};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The one template's name. It ends in nothing that would turn on HTML escaping.
const NAME: &str = "chat_template";
/// Context key under which the sentinel travels to `tojson`.
pub(super) const SENTINEL_KEY: &str = "__sentinel";

/// # Errors
/// [`TemplateError::Syntax`] with the line.
pub(super) fn compile(source: &str) -> Result<Environment<'static>, TemplateError> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    let syntax = syntax.map_err(|error| TemplateError::Syntax(error.to_string()))?;
    let source = without_generation_tags(source);
    let guarded = depth::guarded(&source, &syntax).map_err(TemplateError::Syntax)?;
    environment.set_syntax(syntax);
    depth::add_filters(&mut environment);
    environment.set_unknown_method_callback(|state, value, method, arguments| {
        match (value.as_str(), method, arguments) {
            (Some(text), "title", []) => Ok(Value::from(python::title(text))),
            _ => minijinja_contrib::pycompat::unknown_method_callback(state, value, method, arguments),
        }
    });
    environment.set_fuel(Some(FUEL));
    environment.set_formatter(|out, _, value| Ok(out.write_str(&python::text(value)?)?));
    environment.add_filter("tojson", to_json);
    environment.add_filter("string", |value: &Value| python::text(value));
    environment.add_function("raise_exception", |message: String| {
        Err::<Value, _>(Error::new(ErrorKind::InvalidOperation, RAISED.to_owned() + &message))
    });
    environment.add_function("strftime_now", |pattern: String| {
        let unknown =
            |directive| Error::new(ErrorKind::InvalidOperation, format!("strftime_now: {directive} is not supported"));
        Moment::now().format(&pattern).map_err(unknown)
    });
    environment.add_template_owned(NAME, guarded).map_err(|error| TemplateError::Syntax(error.to_string()))?;
    Ok(environment)
}

/// Marks an error as the template's own refusal.
const RAISED: &str = "raise_exception: ";

/// Bytes of stack that a rendering has: a value of the depth that one expression can build on what `set` keeps, through
/// macros that call themselves as often as minijinja lets them (500 times 64 levels), with a kilobyte for each level.
const STACK_BYTES: usize = 64 << 20;

/// Renders on a stack of its own, because a sandbox's fiber has a small one. On the calling thread, so that the processor
/// time is the caller's.
///
/// # Errors
/// The template's refusal or failure, or one of the limits.
pub(super) fn render(environment: &Environment<'static>, context: Value) -> Result<String, TemplateError> {
    let guarded = AssertUnwindSafe(|| stacker::grow(STACK_BYTES, || render_here(environment, context)));
    catch_unwind(guarded).unwrap_or(Err(TemplateError::Panicked))
}

fn render_here(environment: &Environment<'static>, context: Value) -> Result<String, TemplateError> {
    let mut out = Limited { bytes: Vec::new(), overflowed: false };
    let template = environment.get_template(NAME).map_err(|error| TemplateError::Failed(error.to_string()))?;
    let result = template.render_captured_to(context, &mut out).map(drop);
    if out.overflowed {
        return Err(TemplateError::TooLong { max: RENDERED_BYTES_MAX });
    }
    result.map_err(|error| match (error.kind(), error.detail().and_then(|detail| detail.strip_prefix(RAISED))) {
        (ErrorKind::OutOfFuel, _) => TemplateError::OutOfFuel { max: FUEL },
        (_, Some(message)) => TemplateError::Refused(message.to_owned()),
        _ => TemplateError::Failed(error.to_string()),
    })?;
    String::from_utf8(out.bytes).map_err(|error| TemplateError::Failed(error.to_string()))
}

/// Takes at most [`RENDERED_BYTES_MAX`].
struct Limited {
    bytes: Vec<u8>,
    overflowed: bool,
}

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > RENDERED_BYTES_MAX {
            self.overflowed = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `tojson(ensure_ascii=False, indent=None, separators=None, sort_keys=False)`, as transformers defines it.
fn to_json(state: &mut minijinja::State, value: &Value, options: Kwargs) -> Result<Value, Error> {
    let indent: Option<Value> = options.get("indent")?;
    let indent = match indent.filter(|indent| !indent.is_none()) {
        Some(indent) => Some(match indent.as_str() {
            Some(text) => text.to_owned(),
            None => " ".repeat(usize::from(u8::try_from(indent)?)),
        }),
        None => None,
    };
    let separators: Option<Value> = options.get("separators")?;
    let separators: Vec<String> = match separators.filter(|separators| !separators.is_none()) {
        Some(pair) => pair.try_iter()?.map(|text| python::text(&text)).collect::<Result<_, _>>()?,
        None => vec![if indent.is_some() { "," } else { ", " }.to_owned(), ": ".to_owned()],
    };
    let [item_separator, key_separator] = <[String; 2]>::try_from(separators)
        .map_err(|_| Error::new(ErrorKind::InvalidOperation, "tojson: separators must be a pair"))?;
    let style = JsonStyle {
        indent,
        ensure_ascii: options.get::<Option<bool>>("ensure_ascii")?.unwrap_or(false),
        sort_keys: options.get::<Option<bool>>("sort_keys")?.unwrap_or(false),
        item_separator,
        key_separator,
        sentinel: state.lookup(SENTINEL_KEY).and_then(|sentinel| sentinel.as_str()?.chars().next()),
    };
    options.assert_all_used()?;
    python::json(value, &style).map(Value::from_safe_string)
}

/// Transformers marks the assistant's parts with `{% generation %}` for training; they render as nothing.
fn without_generation_tags(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(open) = rest.find("{%") {
        let tag = &rest[open..];
        // `{%}` opens a tag and does not close it: its percent sign is not both.
        let Some(close) = tag[2..].find("%}").map(|at| at + 2) else { break };
        let name = tag[2..close].trim_start_matches(['-', '+']).trim_end_matches(['-', '+']).trim();
        let (kept, after) = (&rest[..open], &tag[close + 2..]);
        if matches!(name, "generation" | "endgeneration") {
            // An `if` that is always true keeps the tag's effect on the white space around it.
            out.push_str(kept);
            out.push_str(&tag[..close + 2].replace("endgeneration", "endif").replace("generation", "if true"));
        } else {
            out.push_str(kept);
            out.push_str(&tag[..close + 2]);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}
