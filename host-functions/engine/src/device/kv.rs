//! The memory of keys and values on a device: a row per position, block after block.

use candle_core::{DType, Device, Result, Tensor};

use crate::cache::{BLOCK_LEN, BlockCopy};
use crate::config::KvPrecision;
use crate::cpu::KvError;
use crate::spec::DecoderSpec;

/// All blocks of a model.
pub struct DeviceKv {
    /// For each layer keys and values, `[blocks * 16, kv_len]`.
    layers: Vec<[Tensor; 2]>,
    dtype: DType,
    block_bytes: u64,
    block_count: u32,
}

impl DeviceKv {
    /// As many blocks as fit `budget_bytes`, but no more than `blocks_max`.
    ///
    /// # Errors
    /// See [`KvError`].
    pub fn new(
        device: &Device,
        spec: &DecoderSpec,
        precision: KvPrecision,
        budget_bytes: u64,
        blocks_max: u64,
    ) -> std::result::Result<Self, KvError> {
        let dtype = match precision {
            KvPrecision::Int8 => return Err(KvError::Int8OnDevice),
            KvPrecision::F16 => DType::F16,
            KvPrecision::F32 => DType::F32,
        };
        let row_bytes = spec.kv_len() * dtype.size_in_bytes();
        let block_bytes = (2 * spec.layers.len() * BLOCK_LEN as usize * row_bytes) as u64;
        let blocks = (budget_bytes / block_bytes.max(1)).min(blocks_max).min(u64::from(u32::MAX / BLOCK_LEN)) as u32;
        if blocks == 0 {
            return Err(KvError::NoBlock { budget_bytes, block_bytes });
        }
        let rows = (blocks * BLOCK_LEN) as usize;
        let layer = |_| -> Result<_> {
            Ok([
                Tensor::zeros((rows, spec.kv_len()), dtype, device)?,
                Tensor::zeros((rows, spec.kv_len()), dtype, device)?,
            ])
        };
        let layers = (0..spec.layers.len()).map(layer).collect::<Result<_>>();
        let layers = layers.map_err(|error| KvError::OutOfMemory {
            blocks,
            block_bytes,
            source: std::io::Error::new(std::io::ErrorKind::OutOfMemory, error.to_string()),
        })?;
        Ok(Self { layers, dtype, block_bytes, block_count: blocks })
    }

    pub fn block_count(&self) -> u32 {
        self.block_count
    }

    /// Bytes of a block, all layers.
    pub fn block_bytes(&self) -> u64 {
        self.block_bytes
    }

    /// Stores rows of keys and values, `[rows, kv_len]` each, where `slots` (u32, of the same shape) says.
    pub fn write(&self, layer: usize, slots: &Tensor, rows: [&Tensor; 2]) -> Result<()> {
        for (memory, rows) in self.layers[layer].iter().zip(rows) {
            memory.scatter_set(slots, &rows.to_dtype(self.dtype)?.contiguous()?, 0)?;
        }
        Ok(())
    }

    /// Keys and values of the positions whose slots these are, f32, `[positions, kv_len]`.
    pub fn read(&self, layer: usize, slots: &Tensor) -> Result<[Tensor; 2]> {
        let [keys, values] = &self.layers[layer];
        let read = |memory: &Tensor| memory.index_select(slots, 0)?.to_dtype(DType::F32);
        Ok([read(keys)?, read(values)?])
    }

    /// Copies a block, all layers.
    pub fn copy(&self, copy: BlockCopy) -> Result<()> {
        let row = |block: u32| (block * BLOCK_LEN) as usize;
        for memory in self.layers.iter().flatten() {
            let block = memory.narrow(0, row(copy.from.0), BLOCK_LEN as usize)?.force_contiguous()?;
            memory.slice_set(&block, 0, row(copy.to.0))?;
        }
        Ok(())
    }
}
