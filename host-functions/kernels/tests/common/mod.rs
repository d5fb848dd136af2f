//! Seeded random inputs.
#![allow(dead_code)] // each test file uses some of it

use realm_kernels::WeightType;

/// SplitMix64.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in -1..1.
    pub fn value(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    pub fn values(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.value()).collect()
    }
}

/// Where a block of `ty` keeps its f16 scales.
fn scale_offsets(ty: WeightType) -> &'static [usize] {
    match ty {
        WeightType::F32 | WeightType::F16 | WeightType::BF16 => &[],
        WeightType::Q4_0 | WeightType::Q5_0 | WeightType::Q8_0 => &[0],
        WeightType::Q4_1 | WeightType::Q5_1 | WeightType::Q4K | WeightType::Q5K => &[0, 2],
        WeightType::Q2K => &[80, 82],
        WeightType::Q3K => &[108],
        WeightType::Q6K => &[208],
    }
}

/// Rows of `ty` as a file has them: any bits for integers, small scales.
pub fn weights(ty: WeightType, rows: usize, columns: usize, random: &mut Random) -> Vec<u8> {
    let count = rows * columns;
    match ty {
        WeightType::F32 => (0..count).flat_map(|_| random.value().to_le_bytes()).collect(),
        WeightType::F16 => (0..count).flat_map(|_| half::f16::from_f32(random.value()).to_le_bytes()).collect(),
        WeightType::BF16 => (0..count).flat_map(|_| half::bf16::from_f32(random.value()).to_le_bytes()).collect(),
        _ => (0..count / ty.block_len())
            .flat_map(|_| {
                let mut block: Vec<u8> = (0..ty.block_bytes()).map(|_| random.next() as u8).collect();
                for &at in scale_offsets(ty) {
                    let scale = half::f16::from_f32(random.value() * 0.01);
                    block[at..at + 2].copy_from_slice(&scale.to_le_bytes());
                }
                block
            })
            .collect(),
    }
}
