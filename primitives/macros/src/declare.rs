//! `decl_runtime_apis!`: from a trait to its declaration, its trait and its typed caller.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{
    Attribute, Error, Expr, ExprLit, Ident, Item, ItemTrait, Lit, LitInt, Meta, Pat, TraitItem, TraitItemFn, Type,
    Visibility,
    ext::IdentExt,
    parse::{Parse, ParseStream},
    spanned::Spanned,
};

use crate::signature::{self, Errors, Method};

/// As `realm_primitives::metadata::STREAM_KEY_PREFIX`, which cannot be named here: that crate uses this one.
const STREAM_KEY_PREFIX: &str = "stream:";

/// The version of an API that states none.
const API_VERSION_DEFAULT: u32 = 1;

pub fn expand(input: TokenStream) -> syn::Result<TokenStream> {
    let declarations: Declarations = syn::parse2(input)?;
    let mut errors = Errors::default();
    let apis: Vec<Api> = declarations.0.into_iter().map(|item| Api::check(item, &mut errors)).collect();
    errors.finish(apis.iter().map(Api::expand).collect())
}

struct Declarations(Vec<ItemTrait>);

impl Parse for Declarations {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut traits = Vec::new();
        while !input.is_empty() {
            match input.parse()? {
                Item::Trait(item) => traits.push(item),
                other => {
                    return Err(Error::new_spanned(other, "decl_runtime_apis! takes traits only; move this out of it"));
                }
            }
        }
        if traits.is_empty() {
            return Err(Error::new(
                Span::call_site(),
                "decl_runtime_apis! declares nothing; write `pub trait MyApi { .. }` in it",
            ));
        }
        Ok(Self(traits))
    }
}

/// A checked declaration.
struct Api {
    visibility: Visibility,
    ident: Ident,
    version: u32,
    docs: Vec<Attribute>,
    methods: Vec<ApiMethod>,
}

struct ApiMethod {
    ident: Ident,
    method: Method,
    stream: Option<Type>,
    docs: Vec<Attribute>,
}

impl Api {
    fn check(item: ItemTrait, errors: &mut Errors) -> Self {
        if let Some(token) = &item.unsafety {
            errors.at(token, "a runtime API is not `unsafe`; remove it");
        }
        if let Some(token) = &item.auto_token {
            errors.at(token, "a runtime API is not `auto`; remove it");
        }
        if !item.generics.params.is_empty() {
            errors.at(
                &item.generics.params,
                "a runtime API cannot be generic: its types are written into the metadata; name concrete types",
            );
        }
        if let Some(clause) = &item.generics.where_clause {
            errors.at(clause, "a runtime API has no where clause; remove it");
        }
        if !item.supertraits.is_empty() {
            errors.at(&item.supertraits, "a runtime API has no supertraits; implement each API by itself");
        }

        let (docs, rest) = split_docs(item.attrs);
        let mut version = None;
        for attribute in rest {
            if attribute.path().is_ident("api_version") {
                if version.is_some() {
                    errors.at(&attribute, "a second `#[api_version]`; keep one");
                }
                version = Some(api_version(&attribute).unwrap_or_else(|error| {
                    errors.push(error);
                    API_VERSION_DEFAULT
                }));
            } else {
                errors.at(
                    &attribute,
                    format!(
                        "unknown attribute `{}` on a runtime API; known are doc comments and `#[api_version(n)]`",
                        path(&attribute)
                    ),
                );
            }
        }

        if !item.items.iter().any(|member| matches!(member, TraitItem::Fn(_))) {
            errors.at(
                &item.ident,
                format!("`{}` declares no function; write `fn name(..) -> Result<T, RuntimeError>;` in it", item.ident),
            );
        }
        let mut methods = Vec::new();
        for member in item.items {
            match member {
                TraitItem::Fn(function) => methods.extend(ApiMethod::check(function, errors)),
                other => errors.at(other, "a runtime API holds functions only; move this out of the trait"),
            }
        }
        signature::unique(methods.iter().map(|method| &method.ident), &item.ident, errors);
        Self { visibility: item.vis, ident: item.ident, version: version.unwrap_or(API_VERSION_DEFAULT), docs, methods }
    }

    fn expand(&self) -> TokenStream {
        let Self { visibility, ident, version, docs, methods } = self;
        let name = ident.unraw().to_string();
        let id = sp_crypto_hashing::blake2_64(name.as_bytes());
        let docs_text = doc_lines(docs);
        let signatures = methods.iter().map(ApiMethod::signature);
        let declarations = methods.iter().map(|method| method.declaration(&name));
        let calls = methods.iter().map(|method| method.call(&name));
        let caller = format_ident!("{}Caller", ident.unraw(), span = ident.span());
        let caller_doc = format!(
            "Typed calls of [`{ident}`] from outside the sandbox, over any [`RuntimeCaller`](::realm_primitives::api::RuntimeCaller)."
        );

        quote! {
            #(#docs)*
            #visibility trait #ident {
                /// This API's id, version and metadata entry. Not to be overridden.
                const DECLARATION: ::realm_primitives::api::ApiDeclaration = ::realm_primitives::api::ApiDeclaration {
                    name: #name,
                    id: [#(#id),*],
                    version: #version,
                    docs: &[#(#docs_text),*],
                    methods: &[#(#declarations),*],
                };
                #(#signatures)*
            }

            #[doc = #caller_doc]
            #[allow(dead_code)]
            #[derive(Clone, Debug)]
            #visibility struct #caller<C>(
                /// How a call reaches the runtime.
                pub C,
            );

            #[allow(dead_code)]
            impl<C> #caller<C>
            where
                C: ::realm_primitives::api::RuntimeCaller,
            {
                #(#calls)*
            }
        }
    }
}

impl ApiMethod {
    fn check(function: TraitItemFn, errors: &mut Errors) -> Option<Self> {
        if let Some(body) = &function.default {
            errors.push(Error::new(body.span(), "a runtime API method has no default body; end the declaration with `;` and write the body in impl_runtime_apis!"));
        }
        let (docs, rest) = split_docs(function.attrs);
        let mut stream = None;
        for attribute in rest {
            if attribute.path().is_ident("stream") {
                if stream.is_some() {
                    errors
                        .at(&attribute, "a second `#[stream]`; a method emits items of one type, which may be an enum");
                }
                match attribute.parse_args::<Type>() {
                    Ok(item) => stream = Some(item),
                    Err(_) => errors.at(&attribute, "name the type of the items: `#[stream(TokenEvent)]`"),
                }
            } else {
                errors.at(
                    &attribute,
                    format!(
                        "unknown attribute `{}` on a runtime API method; known are doc comments and `#[stream(Item)]`",
                        path(&attribute)
                    ),
                );
            }
        }
        let method = signature::method(&function.sig, errors);
        let mut names = std::collections::BTreeSet::new();
        for argument in method.iter().flat_map(|method| &method.arguments) {
            match &*argument.pat {
                Pat::Ident(pat) if pat.by_ref.is_none() && pat.mutability.is_none() && pat.subpat.is_none() => {
                    if !names.insert(pat.ident.unraw().to_string()) {
                        errors.at(pat, format!("a second argument `{}`; rename one", pat.ident));
                    }
                }
                other => errors.at(
                    other,
                    "an argument is declared by a plain name, which goes into the metadata; write `name: Type`",
                ),
            }
        }
        Some(Self { ident: function.sig.ident, method: method?, stream, docs })
    }

    /// The trait's method.
    fn signature(&self) -> TokenStream {
        let Self { ident, docs, method: Method { arguments, output, .. }, .. } = self;
        quote! { #(#docs)* fn #ident(#(#arguments),*) -> #output; }
    }

    /// The method's part of the metadata entry.
    fn declaration(&self, api: &str) -> TokenStream {
        let Method { name, arguments, output } = &self.method;
        let docs = doc_lines(&self.docs);
        let arguments = arguments.iter().map(|argument| {
            let name = match &*argument.pat {
                Pat::Ident(pat) => pat.ident.unraw().to_string(),
                other => other.to_token_stream().to_string(),
            };
            let ty = &argument.ty;
            quote! {
                ::realm_primitives::api::ArgumentDeclaration {
                    name: #name,
                    ty: ::realm_primitives::__private::scale_info::meta_type::<#ty>,
                }
            }
        });
        let stream = match &self.stream {
            Some(item) => {
                let key = format!("{STREAM_KEY_PREFIX}{api}_{name}");
                quote! {
                    ::core::option::Option::Some(::realm_primitives::api::StreamDeclaration {
                        key: #key,
                        item: ::realm_primitives::__private::scale_info::meta_type::<#item>,
                    })
                }
            }
            None => quote!(::core::option::Option::None),
        };
        quote! {
            ::realm_primitives::api::MethodDeclaration {
                name: #name,
                docs: &[#(#docs),*],
                arguments: &[#(#arguments),*],
                output: ::realm_primitives::__private::scale_info::meta_type::<#output>,
                stream: #stream,
            }
        }
    }

    /// The typed caller's method.
    fn call(&self, api: &str) -> TokenStream {
        let Self { ident, docs, method: Method { name, arguments, output }, .. } = self;
        let function = format!("{api}_{name}");
        let names = arguments.iter().map(|argument| &argument.pat);
        quote! {
            #(#docs)*
            #[doc = ""]
            #[doc = "# Errors"]
            #[doc = "The caller's own error, or an answer that is not the SCALE encoding of the declared type."]
            pub async fn #ident(
                &self,
                #(#arguments),*
            ) -> ::core::result::Result<
                #output,
                ::realm_primitives::api::CallError<<C as ::realm_primitives::api::RuntimeCaller>::Error>,
            > {
                ::realm_primitives::api::call_typed(&self.0, #function, (#(#names,)*)).await
            }
        }
    }
}

fn api_version(attribute: &Attribute) -> syn::Result<u32> {
    let number: LitInt = attribute
        .parse_args()
        .map_err(|_| Error::new_spanned(attribute, "write the version as a number: `#[api_version(1)]`"))?;
    match number.base10_parse::<u32>() {
        Ok(0) => Err(Error::new(number.span(), "API versions begin at 1")),
        Ok(version) => Ok(version),
        Err(_) => Err(Error::new(number.span(), "an API version is a u32")),
    }
}

/// Doc comments, and lint levels, which pass unseen, on one side; the rest on the other.
fn split_docs(attributes: Vec<Attribute>) -> (Vec<Attribute>, Vec<Attribute>) {
    attributes
        .into_iter()
        .partition(|attribute| ["doc", "allow", "expect"].iter().any(|known| attribute.path().is_ident(known)))
}

/// The text of doc comments, a line each, without the space after `///`.
fn doc_lines(attributes: &[Attribute]) -> Vec<String> {
    let text = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    });
    let text: Vec<String> = text.collect();
    text.iter()
        .flat_map(|text| text.split('\n'))
        .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned())
        .collect()
}

fn path(attribute: &Attribute) -> String {
    let segments: Vec<String> = attribute.path().segments.iter().map(|segment| segment.ident.to_string()).collect();
    segments.join("::")
}
