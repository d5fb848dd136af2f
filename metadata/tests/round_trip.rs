//! Whatever the codec writes comes back to the same bytes by way of JSON, and whatever it does not
//! write is refused or read, but never worse.

mod common;

use common::{Everything, Shapes, Two, Wrapper, everything, test_metadata};
use parity_scale_codec::{Compact, Encode};
use proptest::prelude::*;
use realm_metadata::Outcome;
use realm_primitives::types::{F32, H256, Milli, NanoUsd, SignedMilli};
use serde_json::{Value, json};

fn shapes() -> impl Strategy<Value = Shapes> {
    prop_oneof![
        Just(Shapes::Nothing),
        any::<u8>().prop_map(Shapes::OneOf),
        any::<(u8, String)>().prop_map(|(number, text)| Shapes::Pair(number, text)),
        any::<(Option<u32>, bool)>().prop_map(|(left, right)| Shapes::Named { left, right }),
        any::<Option<u32>>().prop_map(|left| Shapes::AllOptional { left }),
        Just(Shapes::HTTPError),
    ]
}

fn any_everything() -> impl Strategy<Value = Everything> {
    let numbers = any::<((u8, u16, u32, u64, u128), (i8, i16, i32, i64, i128), (bool, String))>();
    let special = any::<(f32, u32, i32, u64, [u8; 32], Vec<u8>, [u16; 3], [u8; 4])>();
    let composed = any::<((u8, String), Vec<u16>, Option<u32>, Option<Option<u32>>, Option<()>, Result<u8, String>)>();
    let last =
        any::<(u64, u128, std::collections::BTreeMap<String, u32>, std::collections::BTreeSet<u16>, Option<String>)>();
    (numbers, special, composed, last, proptest::collection::vec(shapes(), 0..8)).prop_map(
        |((unsigned, signed, (bool, text)), special, composed, last, shapes)| Everything {
            u8: unsigned.0,
            u16: unsigned.1,
            u32: unsigned.2,
            u64: unsigned.3,
            u128: unsigned.4,
            i8: signed.0,
            i16: signed.1,
            i32: signed.2,
            i64: signed.3,
            i128: signed.4,
            bool,
            text,
            float: F32::from(if special.0.is_finite() { special.0 } else { 0.0 }),
            milli: Milli(special.1),
            signed_milli: SignedMilli(special.2),
            dollars: NanoUsd(special.3),
            hash: H256(special.4),
            bytes: special.5,
            array: special.6,
            byte_array: special.7,
            tuple: composed.0,
            unit: (),
            empty: common::Empty,
            wrapper: Wrapper(composed.1),
            two: Two(unsigned.0, bool),
            option: composed.2,
            option_of_option: composed.3,
            option_of_unit: composed.4,
            shapes,
            result: composed.5,
            compact: last.0,
            compact_wide: Compact(last.1),
            by_name: last.2,
            by_number: [(unsigned.2, bool)].into(),
            set: last.3,
            boxed: Box::new(last.4),
        },
    )
}

proptest! {
    #[test]
    fn round_trip(value in any_everything()) {
        let metadata = test_metadata();
        let function = metadata.resolve("everything").expect("known");
        let encoded = value.encode();
        let Ok(Outcome::Value(json)) = metadata.decode_return(function, &encoded) else {
            panic!("{value:?} decodes");
        };
        // Through text, as it goes over the wire.
        let json: Value = serde_json::from_str(&json.to_string()).expect("JSON");
        let again = metadata.encode_arguments(function, &json!({"value": json}));
        prop_assert_eq!(again.as_deref(), Ok(encoded.as_slice()), "{}", json);
    }

    #[test]
    fn floats_round_trip(bits in any::<u32>()) {
        let float = f32::from_bits(bits);
        prop_assume!(float.is_finite());
        let metadata = test_metadata();
        let function = metadata.resolve("everything").expect("known");
        let mut value = everything();
        value.float = F32(bits);
        let json = metadata.decode_return(function, &value.encode()).expect("decodes");
        let Outcome::Value(json) = json else { panic!("a value") };
        let json: Value = serde_json::from_str(&json.to_string()).expect("JSON");
        prop_assert_eq!(metadata.encode_arguments(function, &json!([json])), Ok(value.encode()));
    }

    #[test]
    fn garbage_is_refused_or_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let metadata = test_metadata();
        for function in metadata.functions() {
            let _ = metadata.decode_return(function, &bytes);
            let _ = metadata.decode_arguments(function, &bytes);
            let _ = metadata.decode_item(function, &bytes);
        }
    }
}
