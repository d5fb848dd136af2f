//! `runtime_version!`: the version, as a function and as the blob's custom section.
//!
//! The section holds the SCALE encoding of `RuntimeVersion` with an empty list of APIs; those are
//! in `runtime_apis`. A node reads both without running the blob.

use parity_scale_codec::Encode;
use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    Error, Ident, LitInt, LitStr, Path, Token, braced,
    parse::{Parse, ParseStream},
};

use crate::signature::Errors;

/// The fields in Substrate's order; `apis` lies between the last number but one and the others.
const TEXT_FIELDS: [&str; 2] = ["spec_name", "impl_name"];
const NUMBER_FIELDS: [&str; 5] =
    ["authoring_version", "spec_version", "impl_version", "transaction_version", "state_version"];

pub fn expand(input: TokenStream) -> syn::Result<TokenStream> {
    let Version { runtime, spec_name, impl_name, numbers } = syn::parse2(input)?;
    let [authoring_version, spec_version, impl_version, transaction_version, state_version] = numbers;
    let state_version = u8::try_from(state_version)
        .map_err(|_| Error::new_spanned(&runtime, format!("`state_version` is a u8, and {state_version} is not")))?;

    let no_apis: Vec<([u8; 8], u32)> = Vec::new();
    let section = (
        (&spec_name, &impl_name, authoring_version, spec_version, impl_version),
        no_apis,
        transaction_version,
        state_version,
    )
        .encode();
    let section_len = section.len();

    Ok(quote! {
        impl #runtime {
            /// The version of this runtime's code: an upgrade must raise it.
            pub const SPEC_VERSION: u32 = #spec_version;

            /// This runtime's version, with the APIs that it implements.
            pub fn runtime_version() -> ::realm_primitives::types::RuntimeVersion {
                ::realm_primitives::types::RuntimeVersion {
                    spec_name: ::core::convert::From::from(#spec_name),
                    impl_name: ::core::convert::From::from(#impl_name),
                    authoring_version: #authoring_version,
                    spec_version: #spec_version,
                    impl_version: #impl_version,
                    apis: <#runtime as ::realm_primitives::api::RuntimeApis>::api_versions(),
                    transaction_version: #transaction_version,
                    state_version: #state_version,
                }
            }
        }

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            #[used]
            #[unsafe(link_section = "runtime_version")]
            static RUNTIME_VERSION: [u8; #section_len] = [#(#section),*];
        };
    })
}

struct Version {
    runtime: Path,
    spec_name: String,
    impl_name: String,
    numbers: [u32; 5],
}

impl Parse for Version {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let runtime: Path =
            input.parse().map_err(|error| Error::new(error.span(), "write `Runtime { spec_name: \"..\", .. }`"))?;
        let fields;
        braced!(fields in input);

        let mut texts: [Option<String>; 2] = [None, None];
        let mut numbers: [Option<u32>; 5] = [None; 5];
        let mut errors = Errors::default();
        while !fields.is_empty() {
            let name: Ident = fields.parse()?;
            fields.parse::<Token![:]>()?;
            let text = TEXT_FIELDS.iter().position(|known| name == known);
            let number = NUMBER_FIELDS.iter().position(|known| name == known);
            let second = match (text, number) {
                (Some(index), _) => {
                    texts[index].replace(fields.parse::<LitStr>().map_err(not_literal)?.value()).is_some()
                }
                (_, Some(index)) => {
                    numbers[index].replace(fields.parse::<LitInt>().map_err(not_literal)?.base10_parse()?).is_some()
                }
                (None, None) => {
                    return Err(Error::new(
                        name.span(),
                        format!(
                            "unknown field `{name}`; known are {}, {}",
                            TEXT_FIELDS.join(", "),
                            NUMBER_FIELDS.join(", ")
                        ),
                    ));
                }
            };
            if second {
                errors.at(&name, format!("a second `{name}`; keep one"));
            }
            if !fields.is_empty() {
                fields.parse::<Token![,]>()?;
            }
        }

        let names = TEXT_FIELDS.iter().chain(&NUMBER_FIELDS);
        let given = texts.iter().map(Option::is_some).chain(numbers.iter().map(Option::is_some));
        let missing: Vec<&str> = names.zip(given).filter(|(_, given)| !given).map(|(name, _)| *name).collect();
        if !missing.is_empty() {
            errors.at(&runtime, format!("the version lacks {}", missing.join(", ")));
        }
        let [spec_name, impl_name] = texts.map(Option::unwrap_or_default);
        errors.finish(Self { runtime, spec_name, impl_name, numbers: numbers.map(Option::unwrap_or_default) })
    }
}

fn not_literal(error: Error) -> Error {
    Error::new(
        error.span(),
        format!("{error}: the blob's section `runtime_version` is written while the macro expands, so write a literal"),
    )
}
