//! JSON to SCALE and back against parity-scale-codec's own encoding, and every way to be refused.

mod common;

use common::{Everything, Shapes, everything, everything_json, test_metadata};
use parity_scale_codec::{Decode, Encode};
use realm_metadata::{DecodeError, Outcome};
use realm_primitives::types::{
    ChatMessage, F32, FinishReason, GenerateOptions, GenerateResult, H256, LogitBias, Milli, NanoUsd, Receipt,
    RuntimeError, SignedMilli, TokenEvent,
};
use serde_json::{Value, json};

#[test]
fn parameters() {
    let metadata = test_metadata();
    let check = |function: &str, params: Value, expected: Vec<u8>| {
        let function = metadata.resolve(function).expect("known");
        let encoded = metadata.encode_arguments(function, &params).unwrap_or_else(|error| panic!("{params}: {error}"));
        assert_eq!(encoded, expected, "{params}");
    };
    let none = GenerateOptions::default();
    let some = GenerateOptions {
        max_tokens: Some(100),
        temperature: Some(Milli(700)),
        presence_penalty: Some(SignedMilli(-1500)),
        logit_bias: Some(vec![LogitBias { token: 7, bias: SignedMilli(-100_000) }]),
        seed: Some(u64::MAX),
        stop: Some(vec!["\n".into()]),
        ..Default::default()
    };
    let some_json = json!({
        "max_tokens": 100, "temperature": 0.7, "presence_penalty": -1.5, "logit_bias": [{"token": 7, "bias": -100}],
        "seed": "18446744073709551615", "stop": ["\n"], "top_k": null,
    });

    // By name, by position, and nothing at all.
    check("generate", json!({"prompt": "Hi", "options": some_json}), ("Hi", &some).encode());
    check("generate", json!(["Hi", some_json]), ("Hi", &some).encode());
    check("generate", json!({"prompt": "Hi"}), ("Hi", &none).encode());
    check("generate", json!({"prompt": "Hi", "options": {}}), ("Hi", &none).encode());
    check("generate", json!({"prompt": "Hi", "options": null}), ("Hi", &none).encode());
    check("generate", json!(["Hi"]), ("Hi", &none).encode());
    check("TestApi_health_check", json!(null), vec![]);
    check("TestApi_health_check", json!([]), vec![]);
    check("TestApi_health_check", json!({}), vec![]);

    // Options beside the other parameters, all or some of them.
    let two = GenerateOptions { max_tokens: Some(100), temperature: Some(Milli(700)), ..Default::default() };
    check("generate", json!({"prompt": "Hi", "max_tokens": 100, "temperature": 0.7}), ("Hi", &two).encode());
    check(
        "generate",
        json!({"prompt": "Hi", "max_tokens": 100, "options": {"temperature": 0.7}}),
        ("Hi", &two).encode(),
    );
    check(
        "generate",
        json!({"prompt": "Hi", "max_tokens": 100, "temperature": 0.7, "options": null}),
        ("Hi", &two).encode(),
    );
    let message = ChatMessage { role: "user".into(), content: "Hi".into() };
    check(
        "chat",
        json!({"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 100, "temperature": 0.7}),
        (None::<String>, Some(vec![message]), None::<String>, &two).encode(),
    );
    check("chat", json!({"message": "Hi"}), (Some("Hi"), None::<()>, None::<()>, &none).encode());

    // An optional struct is there when one of its fields is.
    check("maybe", json!({"max_tokens": 100, "temperature": 0.7}), Some(&two).encode());
    check("maybe", json!({}), None::<()>.encode());
    check("maybe", json!({"options": {}}), Some(&none).encode());

    // A parameter's name goes before a field's.
    let seeded = GenerateOptions { seed: Some(2), ..Default::default() };
    check("clash", json!({"seed": 1}), (1u64, &none).encode());
    check("clash", json!({"seed": 1, "options": {"seed": 2}}), (1u64, &seeded).encode());
    check("clash", json!({"seed": 1, "max_tokens": 100, "temperature": 0.7, "options": {}}), (1u64, &two).encode());
}

#[test]
fn refused_parameters() {
    let metadata = test_metadata();
    let check = |function: &str, params: Value, expected: &str| {
        let function = metadata.resolve(function).expect("known");
        let error = metadata.encode_arguments(function, &params).expect_err(expected);
        assert_eq!(error.to_string(), expected);
        assert!(expected.starts_with(error.path()), "{} is the path of {expected}", error.path());
    };
    check("generate", json!({"prompt": 5}), "prompt: expected string, got number 5");
    check("generate", json!({"prompt": null}), "prompt: expected string, got null");
    check("generate", json!({}), "prompt: missing; expected String");
    check("generate", json!("Hi"), "params: expected object or array, got string \"Hi\"");
    check("generate", json!(["Hi", {}, 3]), "params: 3 given by position, and the function takes 2");
    check("generate", json!({"prompt": "", "stop": ["a", "b", 5]}), "stop[2]: expected string, got number 5");
    check(
        "generate",
        json!({"prompt": "", "options": {"stop": ["a", "b", 5]}}),
        "options.stop[2]: expected string, got number 5",
    );
    check("generate", json!(["", {"stop": ["a", "b", 5]}]), "options.stop[2]: expected string, got number 5");
    check(
        "generate",
        json!({"prompt": "", "options": [], "max_tokens": 1}),
        "options: expected object, got array of 0",
    );
    check(
        "generate",
        json!({"prompt": "", "max_token": 1}),
        "max_token: nothing takes this; did you mean `max_tokens`?",
    );
    check("generate", json!({"promt": ""}), "promt: nothing takes this; did you mean `prompt`?");
    check("generate", json!({"prompt": "", "zebra": 1}), "zebra: nothing takes this");
    check(
        "generate",
        json!({"prompt": "", "options": {"temprature": 1}}),
        "options.temprature: nothing takes this; did you mean `temperature`?",
    );
    check(
        "generate",
        json!({"prompt": "", "max_tokens": 1, "options": {"temprature": 1}}),
        "options.temprature: nothing takes this; did you mean `temperature`?",
    );
    check(
        "generate",
        json!({"prompt": "", "seed": 1, "options": {"seed": 1}}),
        "seed: given twice, in `options` and beside it",
    );
    check("generate", json!({"prompt": "", "temperature": -0.5}), "temperature: must be >= 0, got number -0.5");
    check("generate", json!({"prompt": "", "temperature": "NaN"}), "temperature: expected number, got string \"NaN\"");
    check(
        "generate",
        json!({"prompt": "", "temperature": 1e10}),
        "temperature: must be from 0 to 4294967.295, got number 10000000000.0",
    );
    check(
        "generate",
        json!({"prompt": "", "max_tokens": -1}),
        "max_tokens: must be from 0 to 4294967295, got number -1",
    );
    check(
        "generate",
        json!({"prompt": "", "max_tokens": 4294967296u64}),
        "max_tokens: must be from 0 to 4294967295, got number 4294967296",
    );
    check("generate", json!({"prompt": "", "max_tokens": 1.5}), "max_tokens: expected integer, got number 1.5");
    check("generate", json!({"prompt": "", "max_tokens": "5"}), "max_tokens: expected integer, got string \"5\"");
    check(
        "generate",
        json!({"prompt": "", "seed": "18446744073709551616"}),
        "seed: must be from 0 to 18446744073709551615, got string \"18446744073709551616\"",
    );
    check("chat", json!({"messages": [{"role": "user"}]}), "messages[0].content: missing; expected String");
    check(
        "chat",
        json!({"messages": [{"role": "user", "content": "", "name": "x"}]}),
        "messages[0].name: nothing takes this",
    );
    let long = "x".repeat(100_000);
    check("generate", json!({long.as_str(): 1}), &format!("{}..: nothing takes this", "x".repeat(40)));
    check("generate", json!({"prompt": [long]}), "prompt: expected string, got array of 1");
}

#[test]
fn every_type_there_and_back() {
    let metadata = test_metadata();
    let function = metadata.resolve("everything").expect("known");
    let encoded = metadata.encode_arguments(function, &json!([everything_json()])).expect("encodes");
    assert_eq!(encoded, everything().encode());
    assert_eq!(metadata.decode_return(function, &encoded), Ok(Outcome::Value(everything_json())));
    assert_eq!(metadata.decode_arguments(function, &encoded), Ok(json!({"value": everything_json()})));
}

#[test]
fn other_ways_to_write_a_value() {
    let metadata = test_metadata();
    let function = metadata.resolve("everything").expect("known");
    let check = |field: &str, json: Value, change: &dyn Fn(&mut Everything)| {
        let mut params = everything_json();
        params[field] = json;
        let mut expected = everything();
        change(&mut expected);
        let encoded = metadata.encode_arguments(function, &json!([params])).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(Everything::decode(&mut encoded.as_slice()), Ok(expected), "{field}");
    };
    check("u8", json!(5.0), &|value| value.u8 = 5);
    check("u64", json!(5), &|value| value.u64 = 5);
    check("i64", json!("-5"), &|value| value.i64 = -5);
    check("float", json!(-3), &|value| value.float = F32::from(-3.0));
    check("dollars", json!("18446744073.709551615"), &|value| value.dollars = NanoUsd(u64::MAX));
    check("dollars", json!(2), &|value| value.dollars = NanoUsd(2_000_000_000));
    check("bytes", json!("0xFF"), &|value| value.bytes = vec![255]);
    check("unit", json!([]), &|_| ());
    check("empty", json!({}), &|_| ());
    check("option", json!(null), &|value| value.option = None);
    check("option_of_option", json!(null), &|value| value.option_of_option = None);
    check("option_of_option", json!({"some": 5}), &|value| value.option_of_option = Some(Some(5)));
    for name in ["http_error", "HTTPError", "HttpError", "HTTP_ERROR", "httpError", "http-error"] {
        check("shapes", json!([name]), &|value| value.shapes = vec![Shapes::HTTPError]);
    }
    check("shapes", json!([{"Nothing": null}]), &|value| value.shapes = vec![Shapes::Nothing]);
    check("shapes", json!(["all_optional"]), &|value| value.shapes = vec![Shapes::AllOptional { left: None }]);
    check("shapes", json!([{"all_optional": {}}]), &|value| value.shapes = vec![Shapes::AllOptional { left: None }]);
    check("by_name", json!({"b": 2, "a": 1}), &|_| ());
}

#[test]
fn refused_values() {
    let metadata = test_metadata();
    let function = metadata.resolve("everything").expect("known");
    let check = |field: &str, json: Value, expected: &str| {
        let mut params = everything_json();
        params[field] = json;
        let error = metadata.encode_arguments(function, &json!([params])).expect_err(expected);
        assert_eq!(error.to_string(), format!("value.{expected}"));
    };
    check("u8", json!(256), "u8: must be from 0 to 255, got number 256");
    check("i8", json!(128), "i8: must be from -128 to 127, got number 128");
    check(
        "u64",
        json!(9_007_199_254_740_994.0),
        "u64: must be from 0 to 18446744073709551615, got number 9007199254740994.0",
    );
    check("u32", json!("5"), "u32: expected integer, got string \"5\"");
    check("bool", json!(1), "bool: expected boolean, got number 1");
    check("float", json!(1e300), &format!("float: must be within a 32-bit float, got number {}", json!(1e300)));
    check("float", json!("NaN"), "float: expected number, got string \"NaN\"");
    check("dollars", json!(-1), "dollars: must be >= 0, got number -1");
    check("bytes", json!("ff"), "bytes: expected 0x and hex digits, got string \"ff\"");
    check("bytes", json!("0xf"), "bytes: expected 0x and hex digits, got string \"0xf\"");
    check("byte_array", json!("0x0102"), "byte_array: expected 0x and 8 hex digits, got string \"0x0102\"");
    check("array", json!([1, 2]), "array: expected array of 3, got array of 2");
    check("tuple", json!([1]), "tuple: expected array of 2, got array of 1");
    check("unit", json!(0), "unit: expected null, got number 0");
    check("option_of_option", json!(5), "option_of_option: expected null or {\"some\": ..}, got number 5");
    check(
        "shapes",
        json!(["nothin"]),
        "shapes[0]: `nothin` is none of nothing, one_of, pair, named, all_optional, http_error; did you mean `nothing`?",
    );
    check(
        "shapes",
        json!([{"one_of": 7, "pair": 8}]),
        "shapes[0]: expected Shapes: a variant's name, or an object with it as the only key, got object",
    );
    check("shapes", json!([{"one_of": 256}]), "shapes[0].one_of: must be from 0 to 255, got number 256");
    check("shapes", json!([{"named": {}}]), "shapes[0].named.right: missing; expected bool");
    check("shapes", json!(["named"]), "shapes[0].named.right: missing; expected bool");
    check("shapes", json!(["one_of"]), "shapes[0].one_of: missing; expected u8");
    check("shapes", json!(["pair"]), "shapes[0].pair: missing; expected its fields as array");
    check("by_name", json!([]), "by_name: expected object, got array of 0");
    check("by_name", json!({"a": "x"}), "by_name.a: expected integer, got string \"x\"");
    check("by_number", json!({}), "by_number: expected array of pairs, got object");
}

#[test]
fn answers() {
    let metadata = test_metadata();
    let generate = metadata.resolve("generate").expect("known");
    let result = GenerateResult {
        text: "Hello".into(),
        tokens_generated: 2,
        prompt_tokens: 3,
        cached_tokens: 0,
        finish_reason: FinishReason::Length,
        cost_usd: NanoUsd(1_500_000),
        seed: 7,
        receipt: Receipt { code_hash: H256([1; 32]), model_hash: H256([2; 32]), spec_version: 4 },
        logprobs: None,
    };
    let answer = Ok::<_, RuntimeError>(result).encode();
    let expected = json!({
        "text": "Hello", "tokens_generated": 2, "prompt_tokens": 3, "cached_tokens": 0, "finish_reason": "length",
        "cost_usd": 0.0015, "seed": 7,
        "receipt": {"code_hash": H256([1; 32]).to_string(), "model_hash": H256([2; 32]).to_string(), "spec_version": 4},
        "logprobs": null,
    });
    assert_eq!(metadata.decode_return(generate, &answer), Ok(Outcome::Value(expected)));

    let failure = |function: &str, answer: Vec<u8>| match metadata
        .decode_return(metadata.resolve(function).expect("known"), &answer)
    {
        Ok(Outcome::Failure(failure)) => failure,
        other => panic!("a failure, not {other:?}"),
    };
    let overflow = RuntimeError::ContextOverflow { prompt_tokens: 900, max_tokens: 100, context_length: 512 };
    let overflow = failure("generate", Err::<(), _>(overflow).encode());
    assert_eq!((overflow.variant.as_str(), overflow.code.as_str()), ("ContextOverflow", "CONTEXT_OVERFLOW"));
    assert_eq!(overflow.data, json!({"prompt_tokens": 900, "max_tokens": 100, "context_length": 512}));
    assert_eq!(
        overflow.message,
        "Prompt and answer do not fit in the model's context (prompt_tokens 900, max_tokens 100, context_length 512)"
    );
    let internal = failure("generate", Err::<(), _>(RuntimeError::Internal { message: "disk full".into() }).encode());
    assert_eq!((internal.code.as_str(), internal.message.as_str()), ("INTERNAL", "disk full"));
    let invalid = RuntimeError::InvalidParams { field: "options.top_p".into(), message: "must be above 0".into() };
    let invalid = failure("generate", Err::<(), _>(invalid).encode());
    assert_eq!((invalid.code.as_str(), invalid.message.as_str()), ("INVALID_PARAMS", "options.top_p: must be above 0"));
    let plain = failure("TestApi_health_check", Err::<(), _>("not well").encode());
    assert_eq!((plain.variant.as_str(), plain.message.as_str()), ("String", "not well"));
    let pair = failure("clash", Err::<(), _>(Shapes::Pair(1, "x".into())).encode());
    assert_eq!((pair.code.as_str(), pair.message.as_str()), ("PAIR", "Two unnamed fields ([1,\"x\"])"));
    assert_eq!(failure("clash", Err::<(), _>(Shapes::Nothing).encode()).data, Value::Null);

    let chat = metadata.resolve("chat").expect("known");
    let item = TokenEvent { token: " The".into(), index: 0, logprob: Some(F32::from(-0.5)), logprobs: None };
    let expected = json!({"token": " The", "index": 0, "logprob": -0.5, "logprobs": null});
    assert_eq!(metadata.decode_item(chat, &item.encode()), Ok(Some(expected)));
    assert_eq!(metadata.decode_item(generate, &item.encode()), Ok(None));
}

#[test]
fn refused_bytes() {
    let metadata = test_metadata();
    let check = |function: &str, bytes: &[u8], expected: &str| {
        let function = metadata.resolve(function).expect("known");
        let error = metadata.decode_return(function, bytes).expect_err(expected);
        assert_eq!(error.to_string(), expected);
    };
    check("only_here", &[], "the bytes end at 0, inside a value of type `bool`");
    check("only_here", &[2], "byte 0 begins no value of type `bool`");
    check("only_here", &[1, 0, 0], "2 bytes are left over after the value");
    check("generate", &[2], "byte 0 begins no value of type `Result<GenerateResult, RuntimeError>`");
    check("generate", &[1, 77], "byte 1 begins no value of type `RuntimeError`");
    check("generate", &[0, 8, 0xff, 0xfe], "byte 2 begins no value of type `String`");
    // A text that claims a gigabyte.
    check("generate", &[0, 0xfe, 0xff, 0xff, 0xff], "the bytes end at 5, inside a value of type `String`");
    // A compact number written longer than it need be.
    check("generate", &[0, 0x01, 0x00], "byte 1 begins no value of type `String`");
    // A vector of 2^30 - 1 units, which take no bytes.
    check("units", &[0xfe, 0xff, 0xff, 0xff], "the bytes claim more than 65568 values");
    // A tree deeper than anyone draws.
    let deep = [4].repeat(1_000_000);
    check("tree", &deep, "the value is nested deeper than 96");

    let generate = metadata.resolve("generate").expect("known");
    let arguments = ("Hi", GenerateOptions::default()).encode();
    assert!(metadata.decode_arguments(generate, &arguments).is_ok());
    assert_eq!(
        metadata.decode_arguments(generate, &[arguments, vec![0]].concat()),
        Err(DecodeError::LeftOver { count: 1 })
    );
}

#[test]
fn a_deep_tree_of_json_is_refused() {
    let metadata = test_metadata();
    let tree = metadata.resolve("tree").expect("known");
    let mut json = json!({"children": []});
    for _ in 0..1000 {
        json = json!({"children": [json]});
    }
    let error = metadata.encode_arguments(tree, &json!([json])).expect_err("too deep");
    assert!(error.to_string().ends_with("nested deeper than 96"), "{error}");
    // serde_json drops values by recursion; this one is shallow enough for that.
}
