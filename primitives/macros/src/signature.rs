//! What both macros demand of a method's signature, and how they report it.
//!
//! A runtime API method is a plain function over values that cross the sandbox's border by copy:
//! no receiver, no borrows, no generics, nothing asynchronous, nothing foreign.

use std::collections::BTreeSet;

use quote::ToTokens;
use syn::{Error, FnArg, PatType, ReturnType, Signature, Type, ext::IdentExt};

/// The most arguments a method can take: SCALE tuples are implemented up to this many elements.
pub const ARGUMENTS_MAX: usize = 18;

/// Collects errors, so that one compile reports all of them.
#[derive(Default)]
pub struct Errors(Option<Error>);

impl Errors {
    /// Records `message` at the place of `tokens`.
    pub fn at(&mut self, tokens: impl ToTokens, message: impl std::fmt::Display) {
        self.push(Error::new_spanned(tokens, message));
    }

    /// Records an error that already has its place.
    pub fn push(&mut self, error: Error) {
        match &mut self.0 {
            Some(first) => first.combine(error),
            None => self.0 = Some(error),
        }
    }

    /// `value`, unless something was recorded.
    pub fn finish<T>(self, value: T) -> syn::Result<T> {
        match self.0 {
            Some(error) => Err(error),
            None => Ok(value),
        }
    }
}

/// A method as both macros see it.
pub struct Method {
    /// The method's name, not raw: what metadata and exports call it.
    pub name: String,
    /// The arguments in order.
    pub arguments: Vec<PatType>,
    /// The declared return type.
    pub output: Type,
}

/// Checks `signature` and takes it apart. `None` when it is so wrong that nothing can be made of it.
pub fn method(signature: &Signature, errors: &mut Errors) -> Option<Method> {
    if let Some(token) = &signature.asyncness {
        errors.at(
            token,
            "a runtime API method is not `async`: the host suspends the sandbox where it waits; remove `async`",
        );
    }
    if let Some(token) = &signature.constness {
        errors.at(token, "a runtime API method is not `const`; remove it");
    }
    if let Some(token) = &signature.unsafety {
        errors.at(token, "a runtime API method is called by the host and cannot be `unsafe`; remove it");
    }
    if let Some(token) = &signature.abi {
        errors.at(token, "a runtime API method has no ABI of its own: the macro writes the export; remove this");
    }
    if !signature.generics.params.is_empty() || signature.generics.where_clause.is_some() {
        errors.at(
            signature.generics.params.to_token_stream().into_iter().next().map_or_else(
                || signature.generics.where_clause.to_token_stream(),
                |_| signature.generics.params.to_token_stream(),
            ),
            "a runtime API method cannot be generic: its types are written into the metadata; name concrete types",
        );
    }
    if let Some(token) = &signature.variadic {
        errors.at(token, "a runtime API method cannot be variadic; use `Vec<T>`");
    }

    let arguments = arguments(signature, errors);
    let output = match &signature.output {
        ReturnType::Type(_, output) => {
            owned(output, "return type", errors);
            Some((**output).clone())
        }
        ReturnType::Default => {
            errors.at(
                &signature.ident,
                format!("`{}` declares no return type; write `-> Result<T, RuntimeError>`", signature.ident),
            );
            None
        }
    };
    Some(Method { name: signature.ident.unraw().to_string(), arguments: arguments?, output: output? })
}

fn arguments(signature: &Signature, errors: &mut Errors) -> Option<Vec<PatType>> {
    let mut arguments = Vec::new();
    let mut receiver = false;
    for input in &signature.inputs {
        match input {
            FnArg::Receiver(this) => {
                errors.at(this, "a runtime API method takes no `self`: every call runs in a fresh instance; remove it");
                receiver = true;
            }
            FnArg::Typed(argument) => {
                if let Some(attribute) = argument.attrs.first() {
                    errors.at(attribute, "attributes on arguments are not supported; document them on the method");
                }
                owned(&argument.ty, "argument", errors);
                arguments.push(argument.clone());
            }
        }
    }
    if let Some(first_too_many) = arguments.get(ARGUMENTS_MAX) {
        errors.at(
            first_too_many,
            format!("a runtime API method takes at most {ARGUMENTS_MAX} arguments; put them into a struct"),
        );
    }
    (!receiver).then_some(arguments)
}

/// Refuses types that cannot cross the border by value.
fn owned(ty: &Type, what: &str, errors: &mut Errors) {
    match ty {
        Type::Reference(reference) => {
            let inner = &reference.elem;
            let owned = match inner.to_token_stream().to_string().as_str() {
                "str" => "String".to_owned(),
                text => match &**inner {
                    Type::Slice(slice) => format!("Vec<{}>", slice.elem.to_token_stream()),
                    _ => text.to_owned(),
                },
            };
            errors
                .at(ty, format!("{what} by reference: values are copied into and out of the sandbox; write `{owned}`"));
        }
        Type::ImplTrait(_) | Type::Infer(_) | Type::TraitObject(_) => {
            errors.at(ty, format!("{what} without a concrete type: the type is written into the metadata; name it"));
        }
        Type::Path(path) if path.qself.is_none() && path.path.segments.first().is_some_and(|s| s.ident == "Self") => {
            errors.at(
                ty,
                format!("{what} depends on `Self`: callers do not know the runtime's type; name a concrete type"),
            );
        }
        _ => {}
    }
}

/// Refuses the second of two methods with one name.
pub fn unique<'a>(idents: impl Iterator<Item = &'a syn::Ident>, of: &syn::Ident, errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for ident in idents {
        if !seen.insert(ident.unraw().to_string()) {
            errors
                .push(Error::new(ident.span(), format!("`{of}` has a second method `{ident}`; rename or remove one")));
        }
    }
}
