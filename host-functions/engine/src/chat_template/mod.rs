//! Conversations to tokens, by the template that came with the model.
//!
//! Templates are written for Python's jinja2 under `transformers`; minijinja renders them the same with
//! the adjustments in `environment`. A template is part of a model file, so it runs with limits: steps
//! and bytes. What users write cannot become a control token; `sentinel` says how.

mod clock;
mod depth;
mod environment;
mod error;
mod python;
mod sentinel;

pub use depth::{BRACKET_DEPTH_MAX, VALUE_DEPTH_MAX, VALUE_PARTS_MAX};
pub use error::TemplateError;

#[cfg(doc)]
use crate::tokenizer::EncodeError;
use crate::tokenizer::{TEXT_BYTES_MAX, Tokenizer};
use minijinja::value::Serde;
use minijinja::{Environment, Value};
use serde::Serialize;

/// Steps a template may do: a few thousand messages' worth.
pub const FUEL: u64 = 5_000_000;
/// Longer renderings are refused, as is longer text.
pub const RENDERED_BYTES_MAX: usize = TEXT_BYTES_MAX;
/// Roles that messages may have. Templates write roles into control tokens' names (`<|user|>`), so that a
/// free choice of role would be a free choice of control token.
pub const ROLES: [&str; 7] = ["system", "developer", "user", "assistant", "tool", "function", "ipython"];

/// What many models understand, and what is used where a model has no template.
const CHAT_ML: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// One of [`ROLES`].
    pub role: String,
    pub content: String,
}

/// A compiled chat template.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    source: String,
    is_fallback: bool,
}

impl ChatTemplate {
    /// # Errors
    /// [`TemplateError::Syntax`].
    pub fn new(source: &str) -> Result<Self, TemplateError> {
        let environment = environment::compile(source)?;
        Ok(Self { environment, source: source.to_owned(), is_fallback: false })
    }

    /// The model's own template, or ChatML if it has none.
    ///
    /// # Errors
    /// [`TemplateError::Syntax`].
    pub fn or_chat_ml(source: Option<&str>) -> Result<Self, TemplateError> {
        match source {
            Some(source) => Self::new(source),
            None => Ok(Self { is_fallback: true, ..Self::new(CHAT_ML)? }),
        }
    }

    /// The template in a tokenizer_config.json: a text, or the one named `default` of a list.
    pub fn source_in_config(config: &serde_json::Value) -> Option<&str> {
        let template = &config["chat_template"];
        let named = || template.as_array()?.iter().find(|entry| entry["name"] == "default")?["template"].as_str();
        template.as_str().or_else(named)
    }

    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether this is ChatML in place of a template that the model lacks.
    pub fn is_fallback(&self) -> bool {
        self.is_fallback
    }

    /// Renders with these variables, such as `messages`, `add_generation_prompt` and `tools`.
    ///
    /// # Errors
    /// What the template refuses or fails at, and the limits.
    pub fn render(&self, variables: &serde_json::Value) -> Result<String, TemplateError> {
        environment::render(&self.environment, Value::from(Serde(variables)))
    }

    /// The tokens of a conversation. With `add_generation_prompt` they end where the assistant's answer begins.
    ///
    /// Names of control tokens inside contents stay text.
    ///
    /// # Errors
    /// No messages, an unknown role, what the template refuses, the limits, and what cannot be encoded.
    pub fn tokens(
        &self,
        tokenizer: &Tokenizer,
        messages: &[Message],
        add_generation_prompt: bool,
    ) -> Result<Vec<u32>, TemplateError> {
        self.tokens_within(tokenizer, messages, add_generation_prompt, usize::MAX)
    }

    /// As [`tokens`](Self::tokens), where a conversation that has more than `tokens_max` tokens by the length of its
    /// text alone is refused before it is tokenised.
    ///
    /// # Errors
    /// As [`tokens`](Self::tokens), and [`EncodeError::TooManyTokens`].
    pub fn tokens_within(
        &self,
        tokenizer: &Tokenizer,
        messages: &[Message],
        add_generation_prompt: bool,
        tokens_max: usize,
    ) -> Result<Vec<u32>, TemplateError> {
        if messages.is_empty() {
            return Err(TemplateError::Empty);
        }
        if let Some((index, message)) =
            messages.iter().enumerate().find(|(_, message)| !ROLES.contains(&message.role.as_str()))
        {
            return Err(TemplateError::UnknownRole { index, role: message.role.clone() });
        }
        let contents = messages.iter().map(|message| message.content.as_str());
        let sentinel = sentinel::choose(contents.chain([self.source.as_str()]))?;
        let broken = messages.iter().map(|message| Message {
            role: message.role.clone(),
            content: sentinel::break_names(tokenizer, &message.content, sentinel),
        });
        let name = |token: Option<u32>| token.map(|token| tokenizer.token_text(token));
        let variables = Variables {
            messages: broken.collect(),
            add_generation_prompt,
            bos_token: name(tokenizer.bos()),
            eos_token: name(tokenizer.eos()),
            tools: (),
            documents: (),
            sentinel,
        };
        let rendered = environment::render(&self.environment, Value::from(Serde(&variables)))?;
        let mut tokens = if self.is_fallback { tokenizer.prefix().to_vec() } else { Vec::new() };
        tokens.extend(tokenizer.encode_rendered_within(&rendered, sentinel, tokens_max)?);
        Ok(tokens)
    }
}

/// What a template sees.
#[derive(Serialize)]
struct Variables {
    messages: Vec<Message>,
    add_generation_prompt: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    bos_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    eos_token: Option<String>,
    /// None, which templates test for.
    tools: (),
    documents: (),
    #[serde(rename = "__sentinel")]
    sentinel: char,
}
