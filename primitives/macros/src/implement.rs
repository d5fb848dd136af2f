//! `impl_runtime_apis!`: from the impls of a runtime to the blob's exports and sections.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{
    Error, Ident, ImplItem, ImplItemFn, Item, ItemImpl, Path, PathArguments, Type,
    ext::IdentExt,
    parse::{Parse, ParseStream},
    parse_quote,
    spanned::Spanned,
};

use crate::signature::{self, Errors, Method};

/// Bytes of one entry of the section `runtime_apis`: the id and the version.
const SECTION_ENTRY_BYTES: usize = 8 + 4;

pub fn expand(input: TokenStream) -> syn::Result<TokenStream> {
    let Implementations(mut items) = syn::parse2(input)?;
    let runtime = runtime_type(&items)?;
    let mut errors = Errors::default();

    let mut apis: Vec<Api> = items.iter().filter_map(|item| Api::check(item, &runtime, &mut errors)).collect();
    let mut seen = BTreeSet::new();
    for api in &apis {
        if !seen.insert(api.name.clone()) {
            errors.at(&api.path, format!("`{}` is implemented twice; merge the two blocks", api.name));
        }
    }
    if !seen.contains("Core") {
        errors.at(
            &runtime,
            "`Core` is not implemented, and the node asks every blob for its version; add `impl Core for` this type",
        );
    }
    if !seen.contains("Metadata") {
        let supplied = metadata(&runtime);
        apis.extend(Api::check(&supplied, &runtime, &mut errors));
        items.push(supplied);
    }
    let code = generate(&runtime, &apis);
    errors.finish(quote! { #(#items)* #code })
}

struct Implementations(Vec<ItemImpl>);

impl Parse for Implementations {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut impls = Vec::new();
        while !input.is_empty() {
            match input.parse()? {
                Item::Impl(item) => impls.push(item),
                other => {
                    return Err(Error::new_spanned(other, "impl_runtime_apis! takes impls only; move this out of it"));
                }
            }
        }
        Ok(Self(impls))
    }
}

fn runtime_type(items: &[ItemImpl]) -> syn::Result<Type> {
    let Some(first) = items.first() else {
        return Err(Error::new(
            proc_macro2::Span::call_site(),
            "impl_runtime_apis! implements nothing; write `impl Core for Runtime { .. }` in it",
        ));
    };
    let ty = &first.self_ty;
    let plain = matches!(&**ty, Type::Path(path) if path.qself.is_none()
        && path.path.segments.iter().all(|segment| segment.arguments.is_none()));
    match plain {
        true => Ok((**ty).clone()),
        false => {
            Err(Error::new_spanned(ty, "runtime APIs are implemented for a plain type; write `impl .. for Runtime`"))
        }
    }
}

/// The implementation of `Metadata` that a runtime gets when it writes none.
fn metadata(runtime: &Type) -> ItemImpl {
    parse_quote! {
        impl ::realm_primitives::api::Metadata for #runtime {
            fn metadata() -> ::realm_primitives::metadata::OpaqueMetadata {
                ::realm_primitives::metadata::opaque(
                    <Self as ::realm_primitives::api::RuntimeApis>::DECLARATIONS,
                    &<Self as ::realm_primitives::api::Core>::version(),
                )
            }
            fn metadata_at_version(version: u32) -> ::core::option::Option<::realm_primitives::metadata::OpaqueMetadata> {
                ::realm_primitives::metadata::opaque_at_version(
                    <Self as ::realm_primitives::api::RuntimeApis>::DECLARATIONS,
                    &<Self as ::realm_primitives::api::Core>::version(),
                    version,
                )
            }
            fn metadata_versions() -> ::realm_primitives::__private::Vec<u32> {
                ::realm_primitives::metadata::VERSIONS.to_vec()
            }
        }
    }
}

/// One checked impl.
struct Api {
    path: Path,
    name: String,
    methods: Vec<(Ident, Method)>,
}

impl Api {
    fn check(item: &ItemImpl, runtime: &Type, errors: &mut Errors) -> Option<Self> {
        let Some((negative, path, _)) = &item.trait_ else {
            errors.push(Error::new(
                item.impl_token.span(),
                "an impl without a trait; write `impl MyApi for Runtime { .. }`",
            ));
            return None;
        };
        if let Some(token) = negative {
            errors.at(token, "a runtime API cannot be implemented negatively; remove `!`");
        }
        if let Some(token) = &item.unsafety {
            errors.at(token, "a runtime API is not `unsafe`; remove it");
        }
        if !item.generics.params.is_empty() || item.generics.where_clause.is_some() {
            errors.at(&item.generics, "an impl of a runtime API cannot be generic; name concrete types");
        }
        if *item.self_ty != *runtime {
            errors.at(&item.self_ty, "all impls in one impl_runtime_apis! are for the same type, the one named first");
        }
        let last = path.segments.last()?;
        if !matches!(last.arguments, PathArguments::None) {
            errors.at(&last.arguments, "a runtime API has no type parameters; remove them");
        }
        let mut methods = Vec::new();
        for member in &item.items {
            match member {
                ImplItem::Fn(function) => {
                    refuse_cfg(function, errors);
                    methods.extend(
                        signature::method(&function.sig, errors).map(|method| (function.sig.ident.clone(), method)),
                    );
                }
                other => errors.at(other, "an impl of a runtime API holds functions only; move this out of it"),
            }
        }
        signature::unique(methods.iter().map(|(ident, _)| ident), &last.ident, errors);
        Some(Self { path: path.clone(), name: last.ident.unraw().to_string(), methods })
    }
}

/// A method that is compiled only sometimes would leave its export and its metadata behind.
fn refuse_cfg(function: &ImplItemFn, errors: &mut Errors) {
    for attribute in &function.attrs {
        if attribute.path().is_ident("cfg") || attribute.path().is_ident("cfg_attr") {
            errors.at(attribute, "a runtime API method cannot be conditional: export and metadata name it always; put the condition into its body");
        }
    }
}

fn generate(runtime: &Type, apis: &[Api]) -> TokenStream {
    let paths: Vec<&Path> = apis.iter().map(|api| &api.path).collect();
    let section_bytes = apis.len() * SECTION_ENTRY_BYTES;
    let methods = || apis.iter().flat_map(|api| api.methods.iter().map(move |(ident, method)| (api, ident, method)));
    let exports = methods().map(|(api, ident, method)| export(runtime, api, ident, method));
    let arms = methods().map(|(api, ident, method)| {
        let function = function_name(api, method);
        let body = closure(runtime, api, ident, method);
        quote! { #function => ::realm_primitives::api::invoke(#function, arguments, #body), }
    });

    quote! {
        impl ::realm_primitives::api::RuntimeApis for #runtime {
            const DECLARATIONS: &'static [::realm_primitives::api::ApiDeclaration] =
                &[#(<#runtime as #paths>::DECLARATION),*];
        }

        #[cfg(not(target_arch = "wasm32"))]
        impl ::realm_primitives::api::NativeDispatch for #runtime {
            fn dispatch(
                function: &str,
                arguments: &[u8],
            ) -> ::core::result::Result<::realm_primitives::__private::Vec<u8>, ::realm_primitives::api::InvokeError> {
                match function {
                    #(#arms)*
                    _ => ::core::result::Result::Err(::realm_primitives::api::InvokeError::unknown(function)),
                }
            }
        }

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            #[used]
            #[unsafe(link_section = "runtime_apis")]
            static RUNTIME_APIS: [u8; #section_bytes] =
                ::realm_primitives::api::section_bytes(<#runtime as ::realm_primitives::api::RuntimeApis>::DECLARATIONS);

            #(#exports)*
        };
    }
}

/// The wasm export of one method.
fn export(runtime: &Type, api: &Api, ident: &Ident, method: &Method) -> TokenStream {
    let function = function_name(api, method);
    let symbol = format_ident!("{}", function);
    let body = closure(runtime, api, ident, method);
    quote! {
        #[unsafe(no_mangle)]
        #[allow(non_snake_case)]
        extern "C" fn #symbol(pointer: i32, len: i32) -> i64 {
            ::realm_primitives::api::export(#function, pointer, len, #body)
        }
    }
}

/// A closure from the tuple of arguments to the method's result.
fn closure(runtime: &Type, api: &Api, ident: &Ident, method: &Method) -> TokenStream {
    let path = &api.path;
    let types = method.arguments.iter().map(|argument| &argument.ty);
    let names: Vec<Ident> = (0..method.arguments.len()).map(|index| format_ident!("argument_{}", index)).collect();
    quote! { |(#(#names,)*): (#(#types,)*)| <#runtime as #path>::#ident(#(#names),*) }
}

fn function_name(api: &Api, method: &Method) -> String {
    format!("{}_{}", api.name, method.name)
}
