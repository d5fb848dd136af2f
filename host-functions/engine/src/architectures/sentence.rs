//! What sentence-transformers writes beside a model: how hidden states become a text's vector.
//!
//! ```text
//! modules.json                          Transformer, Pooling, and perhaps Normalize
//! <pooling's folder>/config.json        which hidden states
//! sentence_bert_config.json             how many tokens of a text are read
//! config_sentence_transformers.json     a prompt that goes before every text
//! ```
//! A folder without modules.json is pooled as sentence-transformers does it then: the mean, at whatever length it has.

use serde_json::Value;

use super::ArchitectureError;
use crate::encoder::{Pooling, SentenceSpec};
use crate::huggingface::Folder;

const MODULES: &str = "modules.json";

/// `position_count`: the longest text that the model can read.
pub fn read(folder: &Folder, position_count: u32) -> Result<SentenceSpec, ArchitectureError> {
    let (mut pooling, mut normalize) = (Pooling::Mean, false);
    let modules = folder.settings(MODULES)?.unwrap_or_default();
    for module in modules.as_array().into_iter().flatten() {
        let kind = module["type"].as_str().unwrap_or_default();
        // Before and after the name there is where the class lives, which has moved now and then.
        match kind.rsplit('.').next().unwrap_or_default() {
            "Transformer" => {}
            "Normalize" => normalize = true,
            "Pooling" => {
                let file = format!("{}/config.json", module["path"].as_str().unwrap_or("1_Pooling"));
                if file.starts_with('/') || file.split('/').any(|part| part == "..") {
                    return Err(bad(MODULES, "path", &module["path"], "it must lie within the folder"));
                }
                let config = folder.required_settings(&file)?;
                pooling = self::pooling(&file, &config)?;
            }
            _ => return Err(bad(MODULES, "type", &module["type"], "supported: Transformer, Pooling, Normalize")),
        }
    }
    let prompts_file = "config_sentence_transformers.json";
    let prompts = folder.settings(prompts_file)?.unwrap_or_default();
    if let Some(name) = prompts["default_prompt_name"].as_str() {
        if prompts["prompts"][name].as_str().is_some_and(|prompt| !prompt.is_empty()) {
            let reason = "a prompt before every text is not supported; set it to null, and give it with the texts";
            return Err(bad(prompts_file, "default_prompt_name", name, reason));
        }
    }
    let limits_file = "sentence_bert_config.json";
    let limits = folder.settings(limits_file)?.unwrap_or_default();
    let own = tokens_max(limits_file, &limits, "max_seq_length")?;
    let tokenizer_file = "tokenizer_config.json";
    let tokens_max = match own {
        Some(tokens) => Some(tokens),
        None => {
            let config = folder.settings(tokenizer_file)?.unwrap_or_default();
            // What has no bound there has a number beyond all bounds.
            config["model_max_length"]
                .as_u64()
                .filter(|&tokens| tokens > 0)
                .map(|tokens| tokens.min(u64::from(u32::MAX)) as u32)
        }
    };
    Ok(SentenceSpec {
        pooling,
        normalize,
        tokens_max: tokens_max.map_or(position_count, |tokens| tokens.min(position_count)),
        lowercase: limits["do_lower_case"] == Value::Bool(true),
    })
}

/// Older files say it by a truth value for each kind, newer ones by its name.
fn pooling(file: &str, config: &Value) -> Result<Pooling, ArchitectureError> {
    let reason = "supported: mean, cls; one of them";
    if let Some(name) = config["pooling_mode"].as_str() {
        return match name {
            "mean" => Ok(Pooling::Mean),
            "cls" => Ok(Pooling::Cls),
            _ => Err(bad(file, "pooling_mode", name, reason)),
        };
    }
    let modes: Vec<&str> = config
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| name.strip_prefix("pooling_mode_").filter(|_| *value == Value::Bool(true)))
        .collect();
    match modes[..] {
        // As sentence-transformers has it.
        [] | ["mean_tokens"] => Ok(Pooling::Mean),
        ["cls_token"] => Ok(Pooling::Cls),
        _ => Err(bad(file, "pooling_mode", modes.join(" and "), reason)),
    }
}

fn tokens_max(file: &str, limits: &Value, name: &str) -> Result<Option<u32>, ArchitectureError> {
    match &limits[name] {
        Value::Null => Ok(None),
        value => match value.as_u64().and_then(|tokens| u32::try_from(tokens).ok()).filter(|&tokens| tokens > 2) {
            Some(tokens) => Ok(Some(tokens)),
            None => Err(bad(file, name, value, "it must be a number of tokens, at least 3")),
        },
    }
}

fn bad(file: &str, name: &str, value: impl ToString, reason: &'static str) -> ArchitectureError {
    ArchitectureError::BadValue { key: format!("{file}: {name}"), value: value.to_string(), reason }
}
