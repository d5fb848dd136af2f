//! Every stored type gives the values that the `gguf` package dequantises it to. The fixture is made
//! by `fixtures/quantized/make.py`.

use realm_engine::gguf::GgufFile;
use std::path::Path;

/// The reference multiplies in f32 in another order for some types; the rest must agree to the bit.
const RELATIVE_TOLERANCE: f32 = 1e-6;

#[test]
fn stored_types_give_the_reference_values() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/quantized/quantized.gguf");
    let file = GgufFile::open(&path).unwrap();
    let mut checked = 0;
    for tensor in file.tensors() {
        let name = &tensor.name;
        let Some(expected) = file.tensor(&format!("{name}.expected")) else { continue };
        let expected: Vec<f32> =
            file.tensor_bytes(expected).chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
        let row_bytes = tensor.weight_type.row_bytes(tensor.row_len()).unwrap();
        let mut row = vec![f32::NAN; tensor.row_len()];
        for (index, bytes) in file.tensor_bytes(tensor).chunks_exact(row_bytes).enumerate() {
            realm_kernels::dequantize_row(tensor.weight_type, bytes, &mut row).unwrap();
            let expected = &expected[index * row.len()..][..row.len()];
            for (column, (got, wanted)) in row.iter().zip(expected).enumerate() {
                let tolerance = wanted.abs() * RELATIVE_TOLERANCE;
                assert!((got - wanted).abs() <= tolerance, "{name} row {index} column {column}: {got} is not {wanted}");
            }
        }
        checked += 1;
    }
    assert_eq!(checked, 12, "types in the fixture");
}
