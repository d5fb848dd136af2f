//! What stock Polkadot clients look for in metadata before they talk to a node: polkadot.js, papi,
//! dedot, subxt and async-substrate-interface each want a little of a blockchain. These types have
//! the paths and shapes of Substrate's; no value of them is ever made, so they are only described.
//!
//! | wanted by | what |
//! |---|---|
//! | papi | storage `System.Events` |
//! | papi's code generator | storage `System.BlockHash`; a call enum that is not empty |
//! | dedot | constant `System.Version`, from which it takes the APIs' versions |
//! | subxt's code generator | `sp_runtime::DispatchError` |
//! | async-substrate-interface | `UncheckedExtrinsic` and its parameters |

use crate::types::{H256, RuntimeVersion};
use alloc::{vec, vec::Vec};
use frame_metadata::v15::{
    ExtrinsicMetadata, OuterEnums, PalletCallMetadata, PalletConstantMetadata, PalletEventMetadata, PalletMetadata,
    PalletStorageMetadata, StorageEntryMetadata, StorageEntryModifier, StorageEntryType, StorageHasher,
};
use parity_scale_codec::Encode;
use scale_info::{
    MetaType, Path, Type, TypeInfo, TypeParameter,
    build::{Fields, Variants},
    form::MetaForm,
    meta_type,
};

/// The version of the extrinsic format; there are no extrinsics.
const EXTRINSIC_VERSION: u8 = 4;

/// The one pallet: `System`.
pub(super) fn pallets(version: &RuntimeVersion) -> Vec<PalletMetadata<MetaForm>> {
    let events = StorageEntryMetadata {
        name: "Events",
        modifier: StorageEntryModifier::Default,
        ty: StorageEntryType::Plain(meta_type::<Vec<EventRecord>>()),
        default: vec![0],
        docs: vec!["Always empty."],
    };
    let block_hash = StorageEntryMetadata {
        name: "BlockHash",
        modifier: StorageEntryModifier::Default,
        ty: StorageEntryType::Map {
            hashers: vec![StorageHasher::Twox64Concat],
            key: meta_type::<u32>(),
            value: meta_type::<H256>(),
        },
        default: H256::default().encode(),
        docs: vec!["The hash of a block of the upgrade log, by its number."],
    };
    let version = PalletConstantMetadata {
        name: "Version",
        ty: meta_type::<RuntimeVersion>(),
        value: version.encode(),
        docs: vec!["The runtime's version."],
    };
    vec![PalletMetadata {
        name: "System",
        storage: Some(PalletStorageMetadata { prefix: "System", entries: vec![events, block_hash] }),
        calls: Some(PalletCallMetadata { ty: meta_type::<SystemCall>() }),
        event: Some(PalletEventMetadata { ty: meta_type::<SystemEvent>() }),
        constants: vec![version],
        error: None,
        index: 0,
        docs: Vec::new(),
    }]
}

/// No signed extensions, and a call that nobody accepts.
pub(super) fn extrinsic() -> ExtrinsicMetadata<MetaForm> {
    ExtrinsicMetadata {
        version: EXTRINSIC_VERSION,
        address_ty: meta_type::<AccountId>(),
        call_ty: meta_type::<RuntimeCall>(),
        signature_ty: meta_type::<[u8; 64]>(),
        extra_ty: meta_type::<()>(),
        signed_extensions: Vec::new(),
    }
}

/// What the pallet has; no errors.
pub(super) fn outer_enums() -> OuterEnums<MetaForm> {
    OuterEnums {
        call_enum_ty: meta_type::<RuntimeCall>(),
        event_enum_ty: meta_type::<RuntimeEvent>(),
        error_enum_ty: meta_type::<()>(),
    }
}

/// The types that nothing else refers to, for the `custom` map.
pub(super) fn unreached_types() -> [(&'static str, MetaType); 1] {
    [("stock:UncheckedExtrinsic", meta_type::<UncheckedExtrinsic>())]
}

/// Describes a Substrate type: a Rust name here, its path there, its shape.
macro_rules! described {
    ($($(#[$doc:meta])* $name:ident = $module:literal, $ident:literal: $shape:expr;)*) => {$(
        $(#[$doc])*
        enum $name {}

        impl TypeInfo for $name {
            type Identity = Self;

            fn type_info() -> Type {
                let shape: fn(Path) -> Type = $shape;
                shape(Path::new($ident, $module))
            }
        }
    )*};
}

described! {
    /// An account, by which a sender would be addressed.
    AccountId = "sp_core::crypto", "AccountId32": |path| {
        Type::builder().path(path).composite(Fields::unnamed().field(|field| field.ty::<[u8; 32]>()))
    };

    /// A transaction: opaque bytes to clients.
    UncheckedExtrinsic = "sp_runtime::generic::unchecked_extrinsic", "UncheckedExtrinsic": |path| {
        let parameters = [
            TypeParameter::new("Address", Some(meta_type::<AccountId>())),
            TypeParameter::new("Call", Some(meta_type::<RuntimeCall>())),
            TypeParameter::new("Signature", Some(meta_type::<[u8; 64]>())),
            TypeParameter::new("Extra", Some(meta_type::<()>())),
        ];
        Type::builder().path(path).type_params(parameters).composite(Fields::unnamed().field(|field| field.ty::<Vec<u8>>()))
    };

    /// Why a transaction failed.
    DispatchError = "sp_runtime", "DispatchError": |path| {
        Type::builder().path(path).variant(
            Variants::new()
                .variant("Other", |variant| variant.index(0))
                .variant("Module", |variant| {
                    variant.index(3).fields(Fields::unnamed().field(|field| field.ty::<ModuleError>()))
                }),
        )
    };

    /// A pallet's own error.
    ModuleError = "sp_runtime", "ModuleError": |path| {
        Type::builder().path(path).composite(
            Fields::named()
                .field(|field| field.name("index").ty::<u8>())
                .field(|field| field.name("error").ty::<[u8; 4]>()),
        )
    };

    /// Calls of the System pallet. There are no transactions, so it is never called.
    SystemCall = "frame_system::pallet", "Call": |path| {
        Type::builder().path(path).variant(Variants::new().variant("remark", |variant| {
            variant.index(0).fields(Fields::named().field(|field| field.name("remark").ty::<Vec<u8>>()))
        }))
    };

    /// Calls of all pallets.
    RuntimeCall = "realm_runtime", "RuntimeCall": |path| {
        Type::builder().path(path).variant(Variants::new().variant("System", |variant| {
            variant.index(0).fields(Fields::unnamed().field(|field| field.ty::<SystemCall>()))
        }))
    };

    /// Events of the System pallet.
    SystemEvent = "frame_system::pallet", "Event": |path| {
        Type::builder().path(path).variant(
            Variants::new()
                .variant("ExtrinsicFailed", |variant| {
                    variant.index(1).fields(Fields::named().field(|field| field.name("dispatch_error").ty::<DispatchError>()))
                })
                .variant("CodeUpdated", |variant| variant.index(2)),
        )
    };

    /// Events of all pallets.
    RuntimeEvent = "realm_runtime", "RuntimeEvent": |path| {
        Type::builder().path(path).variant(Variants::new().variant("System", |variant| {
            variant.index(0).fields(Fields::unnamed().field(|field| field.ty::<SystemEvent>()))
        }))
    };

    /// When in a block an event happened.
    Phase = "frame_system", "Phase": |path| {
        Type::builder().path(path).variant(
            Variants::new()
                .variant("ApplyExtrinsic", |variant| {
                    variant.index(0).fields(Fields::unnamed().field(|field| field.ty::<u32>()))
                })
                .variant("Finalization", |variant| variant.index(1))
                .variant("Initialization", |variant| variant.index(2)),
        )
    };

    /// An event with its place in a block.
    EventRecord = "frame_system", "EventRecord": |path| {
        // polkadot.js reads the parameters without looking whether they are there.
        let parameters = [
            TypeParameter::new("E", Some(meta_type::<RuntimeEvent>())),
            TypeParameter::new("T", Some(meta_type::<H256>())),
        ];
        Type::builder().path(path).type_params(parameters).composite(
            Fields::named()
                .field(|field| field.name("phase").ty::<Phase>())
                .field(|field| field.name("event").ty::<RuntimeEvent>())
                .field(|field| field.name("topics").ty::<Vec<H256>>()),
        )
    };
}
