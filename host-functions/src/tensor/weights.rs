//! The model's weights as tensor functions use them: looked up in the memory-mapped file, unpacked
//! for candle when first used, and kept for later calls within a budget of bytes per model.

use super::{paging, work::run};
use crate::{error::HostError, model::HostModel};
use candle_core::{
    Device, Tensor,
    quantized::{GgmlDType, QMatMul, QTensor, ggml_file::qtensor_from_ggml},
};
use realm_engine::{TensorView, WeightType};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A weight of a model. Holding it costs nothing; using it unpacks it.
#[derive(Clone, Debug)]
pub(super) struct Weight {
    model: Arc<HostModel>,
    name: Arc<str>,
    shape: Vec<usize>,
    dtype: &'static str,
    weight_type: WeightType,
}

/// A weight as candle multiplies with it.
#[derive(Clone, Debug)]
pub(super) enum Unpacked {
    Quantised(QMatMul),
    Dense(Tensor),
}

impl Weight {
    /// The weight of this name.
    pub(super) fn find(model: &Arc<HostModel>, name: &str) -> Result<Self, HostError> {
        Ok(Self::new(model, &view(model, name)?))
    }

    /// The weights of a layer, in the file's order. Asks the system to page them in.
    pub(super) fn layer(model: &Arc<HostModel>, layer: u32) -> Result<Vec<Self>, HostError> {
        let views =
            model.model().layer_tensors(layer).map_err(|error| HostError::NotFound { what: error.to_string() })?;
        views.iter().for_each(|view| paging::will_need(view.bytes));
        Ok(views.iter().map(|view| Self::new(model, view)).collect())
    }

    fn new(model: &Arc<HostModel>, view: &TensorView<'_>) -> Self {
        Self {
            name: view.name.into(),
            shape: view.shape.to_vec(),
            dtype: view.dtype,
            weight_type: view.weight_type,
            model: model.clone(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The file's name of the weight's type.
    pub(super) fn dtype(&self) -> &'static str {
        self.dtype
    }

    /// Whether matrix products use it as it is in the file.
    pub(super) fn is_quantised_matrix(&self) -> bool {
        self.shape.len() == 2 && is_quantised(self.weight_type)
    }

    /// Bytes of a copy that is too large for the cache, which only the operation that makes it holds; else 0.
    pub(super) fn uncached_bytes(&self) -> Result<u64, HostError> {
        let bytes = view(&self.model, &self.name)?.bytes.len() as u64;
        Ok(if bytes > self.model.weights().bytes_max { bytes } else { 0 })
    }

    /// Bytes of its values as f32, with a copy that is too large for the cache.
    pub(super) fn unpacked_bytes(&self) -> Result<u64, HostError> {
        let values = self.shape.iter().fold(4u64, |bytes, dim| bytes.saturating_mul(*dim as u64));
        Ok(values.saturating_add(self.uncached_bytes()?))
    }

    /// The weight for matrix products: as in the file if it is quantised, else as f32.
    pub(super) fn unpacked(&self) -> Result<Unpacked, HostError> {
        let cache = self.model.weights();
        if let Some(unpacked) = cache.get(&self.name) {
            return Ok(unpacked);
        }
        let stored = self.stored(None)?;
        let unpacked = if is_quantised(self.weight_type) {
            Unpacked::Quantised(QMatMul::QTensor(Arc::new(stored)))
        } else {
            Unpacked::Dense(self.dequantised(&stored)?)
        };
        cache.put(self.name.clone(), unpacked.clone());
        Ok(unpacked)
    }

    /// All values as f32.
    pub(super) fn dense(&self) -> Result<Tensor, HostError> {
        match self.unpacked()? {
            Unpacked::Dense(tensor) => Ok(tensor),
            Unpacked::Quantised(QMatMul::QTensor(stored)) => self.dequantised(&stored),
            Unpacked::Quantised(QMatMul::Tensor(tensor) | QMatMul::TensorF16(tensor)) => Ok(tensor),
        }
    }

    /// Rows of a matrix as f32, unpacked straight from the file: `(rows, row length)`.
    pub(super) fn rows(&self, rows: &[u32]) -> Result<Tensor, HostError> {
        self.dequantised(&self.stored(Some(rows))?)
    }

    fn dequantised(&self, stored: &QTensor) -> Result<Tensor, HostError> {
        run("unpacking", &[stored.shape().dims()], || stored.dequantize(&Device::Cpu))
    }

    /// A copy of the weight's bytes, or of those of some rows of a matrix, as candle holds them.
    fn stored(&self, rows: Option<&[u32]>) -> Result<QTensor, HostError> {
        let view = view(&self.model, &self.name)?;
        let dtype = candle_type(self.weight_type);
        let make = |bytes: &[u8], shape: &[usize]| {
            run("unpacking", &[shape], || qtensor_from_ggml(dtype, bytes, shape.to_vec(), &Device::Cpu))
        };
        let Some(rows) = rows else { return make(view.bytes, &self.shape) };
        let &[row_count, row_len] = &self.shape[..] else {
            return Err(HostError::invalid(format!("{:?} of {:?} is not a table of rows", self.name, self.shape)));
        };
        let row_bytes = view.bytes.len() / row_count.max(1);
        let mut gathered = Vec::with_capacity(rows.len().saturating_mul(row_bytes));
        for row in rows {
            let begin = (*row as usize).saturating_mul(row_bytes);
            let bytes = view.bytes.get(begin..begin.saturating_add(row_bytes)).filter(|_| (*row as usize) < row_count);
            gathered.extend_from_slice(bytes.ok_or_else(|| {
                HostError::invalid(format!("there is no row {row} in {:?}, which has {row_count}", self.name))
            })?);
        }
        make(&gathered, &[rows.len(), row_len])
    }
}

fn view<'m>(model: &'m HostModel, name: &str) -> Result<TensorView<'m>, HostError> {
    model.model().tensor(name).map_err(|error| HostError::NotFound { what: error.to_string() })
}

fn is_quantised(weight_type: WeightType) -> bool {
    !matches!(weight_type, WeightType::F32 | WeightType::F16 | WeightType::BF16)
}

fn candle_type(weight_type: WeightType) -> GgmlDType {
    match weight_type {
        WeightType::F32 => GgmlDType::F32,
        WeightType::F16 => GgmlDType::F16,
        WeightType::BF16 => GgmlDType::BF16,
        WeightType::Q4_0 => GgmlDType::Q4_0,
        WeightType::Q4_1 => GgmlDType::Q4_1,
        WeightType::Q5_0 => GgmlDType::Q5_0,
        WeightType::Q5_1 => GgmlDType::Q5_1,
        WeightType::Q8_0 => GgmlDType::Q8_0,
        WeightType::Q2K => GgmlDType::Q2K,
        WeightType::Q3K => GgmlDType::Q3K,
        WeightType::Q4K => GgmlDType::Q4K,
        WeightType::Q5K => GgmlDType::Q5K,
        WeightType::Q6K => GgmlDType::Q6K,
    }
}

/// Unpacked weights of one model, at most so many bytes, the least recently used given up first.
/// One that is given up stays alive for the operation that uses it.
#[derive(Debug)]
pub(crate) struct WeightCache {
    bytes_max: u64,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    weights: HashMap<Arc<str>, Entry>,
    bytes: u64,
    /// Counts uses, as the order of age.
    uses: u64,
}

#[derive(Debug)]
struct Entry {
    unpacked: Unpacked,
    bytes: u64,
    used: u64,
}

impl WeightCache {
    pub(crate) fn new(bytes_max: u64) -> Self {
        Self { bytes_max, kept: Mutex::default() }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, name: &str) -> Option<Unpacked> {
        let mut kept = self.kept();
        kept.uses += 1;
        let used = kept.uses;
        let entry = kept.weights.get_mut(name)?;
        entry.used = used;
        Some(entry.unpacked.clone())
    }

    fn put(&self, name: Arc<str>, unpacked: Unpacked) {
        let bytes = match &unpacked {
            Unpacked::Dense(tensor) | Unpacked::Quantised(QMatMul::Tensor(tensor)) => tensor.elem_count() as u64 * 4,
            Unpacked::Quantised(QMatMul::TensorF16(tensor)) => tensor.elem_count() as u64 * 2,
            Unpacked::Quantised(QMatMul::QTensor(stored)) => stored.storage_size_in_bytes() as u64,
        };
        if bytes > self.bytes_max {
            return;
        }
        let mut kept = self.kept();
        kept.uses += 1;
        let used = kept.uses;
        if let Some(old) = kept.weights.insert(name, Entry { unpacked, bytes, used }) {
            kept.bytes -= old.bytes;
        }
        kept.bytes += bytes;
        while kept.bytes > self.bytes_max
            && let Some(oldest) = kept.weights.iter().min_by_key(|(_, entry)| entry.used).map(|(name, _)| name.clone())
        {
            if let Some(entry) = kept.weights.remove(&oldest) {
                kept.bytes -= entry.bytes;
            }
        }
    }
}
