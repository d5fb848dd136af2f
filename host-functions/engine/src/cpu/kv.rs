//! The memory of keys and values: blocks of sixteen positions, all layers of a block together.

use memmap2::MmapMut;
use realm_kernels::{KvArena, KvLayout, KvType, ShapeError, write_kv};

use crate::cache::{BLOCK_LEN, BlockCopy};
use crate::spec::DecoderSpec;

const _: () = assert!(BLOCK_LEN as usize == KvLayout::POSITIONS, "blocks are what the kernels take them for");

/// Why there is no KV memory.
#[derive(Debug, thiserror::Error)]
pub enum KvError {
    #[error("keys and values of {kv_heads} heads of {head_len} values: {source}")]
    Shape { kv_heads: usize, head_len: usize, source: ShapeError },
    #[error("only the processor's own kernels keep keys and values in 8 bits; candle's devices keep f16 or f32")]
    Int8OnDevice,
    #[error("a KV cache of {budget_bytes} bytes holds not one block of {block_bytes}")]
    NoBlock { budget_bytes: u64, block_bytes: u64 },
    #[error("no memory for {blocks} KV blocks of {block_bytes} bytes: {source}")]
    OutOfMemory { blocks: u32, block_bytes: u64, source: std::io::Error },
}

/// All blocks of a model.
pub struct KvMemory {
    layout: KvLayout,
    /// Anonymous pages: those of blocks that were never used take no memory.
    memory: MmapMut,
    block_bytes: usize,
    block_count: u32,
}

impl KvMemory {
    /// As many blocks as fit `budget_bytes`, but no more than `blocks_max`.
    ///
    /// # Errors
    /// See [`KvError`].
    pub fn new(spec: &DecoderSpec, ty: KvType, budget_bytes: u64, blocks_max: u64) -> Result<Self, KvError> {
        let (kv_heads, head_len) = (spec.kv_head_count, spec.head_len);
        let layout =
            KvLayout::new(kv_heads, head_len, ty).map_err(|source| KvError::Shape { kv_heads, head_len, source })?;
        let block_bytes = layout.bytes() as u64 * spec.layers.len() as u64;
        let blocks = (budget_bytes / block_bytes.max(1)).min(blocks_max).min(u64::from(u32::MAX)) as u32;
        if blocks == 0 {
            return Err(KvError::NoBlock { budget_bytes, block_bytes });
        }
        // Below the budget, which was a number of bytes that this machine can address or more.
        let bytes = usize::try_from(block_bytes * u64::from(blocks)).unwrap_or(usize::MAX);
        let memory = MmapMut::map_anon(bytes).map_err(|source| KvError::OutOfMemory { blocks, block_bytes, source })?;
        Ok(Self { layout, memory, block_bytes: block_bytes as usize, block_count: blocks })
    }

    pub fn block_count(&self) -> u32 {
        self.block_count
    }

    /// Bytes of a block, all layers.
    pub fn block_bytes(&self) -> usize {
        self.block_bytes
    }

    pub fn layout(&self) -> &KvLayout {
        &self.layout
    }

    /// One layer's part of all blocks.
    pub fn layer(&self, layer: usize) -> KvArena<'_> {
        KvArena { bytes: &self.memory, block_stride: self.block_bytes, offset: layer * self.layout.bytes() }
    }

    /// Stores a position's key and value.
    ///
    /// # Errors
    /// The block is not one of this memory, or the sizes differ.
    pub fn write(
        &mut self,
        layer: usize,
        block: u32,
        slot: usize,
        key: &[f32],
        value: &[f32],
    ) -> Result<(), ShapeError> {
        let start = block as usize * self.block_bytes + layer * self.layout.bytes();
        let (end, actual) = (start + self.layout.bytes(), self.memory.len());
        let bytes = self.memory.get_mut(start..end);
        let bytes = bytes.ok_or(ShapeError { what: "bytes of the KV memory", expected: end, actual })?;
        write_kv(&self.layout, bytes, slot, key, value)
    }

    /// Copies a block, all layers.
    ///
    /// # Errors
    /// A block is not one of this memory.
    pub fn copy(&mut self, copy: BlockCopy) -> Result<(), ShapeError> {
        let last = copy.from.0.max(copy.to.0);
        if last >= self.block_count {
            let (expected, actual) = (self.block_count as usize, last as usize);
            return Err(ShapeError { what: "KV block to copy", expected, actual });
        }
        let from = copy.from.0 as usize * self.block_bytes;
        self.memory.copy_within(from..from + self.block_bytes, copy.to.0 as usize * self.block_bytes);
        Ok(())
    }
}
