//! From the names of a model's tensors to their values: looked up, compared with the shape that the spec needs, checked
//! and counted. Every executor reads weights through this, so that all of them refuse the same files with the same words.

use std::sync::{Arc, Mutex, PoisonError};

use realm_kernels::{PackError, RopeFrequencies, RopeScaling, ShapeError, dequantize_row};

use crate::model_files::ModelFiles;
use crate::progress::{LoadProgress, LoadStage};
use crate::spec::{DecoderSpec, Factors, RopeSpec};
use crate::tensor_info::TensorInfo;
use crate::weight_check::{self, NotFinite};

/// Why weights cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    #[error("tensor {name:?} is missing")]
    Missing { name: String },
    #[error("tensor {name:?} has the shape {found:?}; {wanted:?} is needed")]
    Shape { name: String, found: Vec<usize>, wanted: Vec<usize> },
    #[error("tensor {name:?}: {source}")]
    Pack { name: String, source: PackError },
    #[error(transparent)]
    NotFinite(#[from] NotFinite),
    #[error("tensor {name:?} divides a rotary frequency by {value}; it must be above 0")]
    Divisor { name: String, value: f32 },
    #[error("rotary frequencies: {source}")]
    Rope { source: ShapeError },
    #[error("tensor {name:?} cannot be brought to the device: {message}")]
    Device { name: String, message: String },
}

/// The tensors of a model that is being loaded, by any number of threads.
pub struct Tensors<'a> {
    files: &'a Arc<ModelFiles>,
    progress: &'a dyn LoadProgress,
    /// Bytes of all tensors.
    total: u64,
    /// Bytes that were handed out so far.
    done: Mutex<u64>,
}

impl<'a> Tensors<'a> {
    /// Begins the stage [`LoadStage::Weights`].
    pub fn new(files: &'a Arc<ModelFiles>, progress: &'a dyn LoadProgress) -> Self {
        let total = files.tensors().iter().map(|tensor| tensor.byte_len() as u64).sum();
        progress.advance(LoadStage::Weights, 0, total);
        Self { files, progress, total, done: Mutex::new(0) }
    }

    /// The tensor of this name, which must have this shape.
    ///
    /// # Errors
    /// [`WeightsError::Missing`] and [`WeightsError::Shape`].
    pub fn find(&self, name: &str, shape: &[usize]) -> Result<&'a TensorInfo, WeightsError> {
        let tensor = self.files.tensor(name).ok_or_else(|| WeightsError::Missing { name: name.to_owned() })?;
        if tensor.shape != shape {
            let (found, wanted) = (tensor.shape.clone(), shape.to_vec());
            return Err(WeightsError::Shape { name: name.to_owned(), found, wanted });
        }
        Ok(tensor)
    }

    /// A tensor's bytes as they are stored, after a look at its values.
    ///
    /// # Errors
    /// [`WeightsError::NotFinite`].
    pub fn bytes(&self, tensor: &TensorInfo) -> Result<&'a [u8], WeightsError> {
        let bytes = self.checked(tensor)?;
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        *done += bytes.len() as u64;
        self.progress.advance(LoadStage::Weights, *done, self.total);
        Ok(bytes)
    }

    /// The `len` values of a tensor of one dimension.
    ///
    /// # Errors
    /// See [`WeightsError`].
    pub fn vector(&self, name: &str, len: usize) -> Result<Vec<f32>, WeightsError> {
        let tensor = self.find(name, &[len])?;
        let mut values = vec![0.0; len];
        dequantize_row(tensor.weight_type, self.bytes(tensor)?, &mut values)
            .map_err(|source| WeightsError::Pack { name: name.to_owned(), source })?;
        Ok(values)
    }

    /// The weights of one of a decoder's norms.
    ///
    /// # Errors
    /// See [`WeightsError`].
    pub fn norm(&self, spec: &DecoderSpec, name: &str, len: usize) -> Result<Vec<f32>, WeightsError> {
        let mut weights = self.vector(name, len)?;
        weights.iter_mut().for_each(|weight| *weight += spec.norm_offset);
        Ok(weights)
    }

    /// A tensor of `rows` rows of `columns` values that stays in the file.
    ///
    /// # Errors
    /// See [`WeightsError`].
    pub fn table(&self, name: &str, rows: usize, columns: usize) -> Result<Table, WeightsError> {
        let tensor = self.find(name, &[rows, columns])?;
        self.checked(tensor)?;
        Ok(Table { files: self.files.clone(), row_bytes: tensor.byte_len() / rows.max(1), tensor: tensor.clone() })
    }

    /// The frequencies that heads are turned by, for each of a decoder's ropes.
    ///
    /// # Errors
    /// A tensor of divisors that is not there or does not fit, and divisors that are not above 0.
    pub fn frequencies(&self, spec: &DecoderSpec) -> Result<Vec<RopeFrequencies>, WeightsError> {
        spec.ropes.iter().map(|rope| self.rope(rope, spec.context_length)).collect()
    }

    fn rope(&self, rope: &RopeSpec, context_length: u32) -> Result<RopeFrequencies, WeightsError> {
        let scaling = match (&rope.long, &rope.factors) {
            (Some(long), _) => {
                let factors = match long.factors(context_length) {
                    Factors::Tensor(name) => self.divisors(name, rope)?,
                    Factors::Values(values) => values.clone(),
                };
                RopeScaling::LongRope { factors, magnitude: long.magnitude }
            }
            (None, Some(name)) => RopeScaling::Factors(self.divisors(name, rope)?),
            (None, None) => rope.scaling.clone(),
        };
        RopeFrequencies::new(rope.rotated_len, rope.theta, &scaling).map_err(|source| WeightsError::Rope { source })
    }

    fn divisors(&self, name: &str, rope: &RopeSpec) -> Result<Vec<f32>, WeightsError> {
        let divisors = self.vector(name, rope.rotated_len / 2)?;
        match divisors.iter().find(|divisor| **divisor <= 0.0) {
            Some(&value) => Err(WeightsError::Divisor { name: name.to_owned(), value }),
            None => Ok(divisors),
        }
    }

    fn checked(&self, tensor: &TensorInfo) -> Result<&'a [u8], WeightsError> {
        let bytes = self.files.tensor_bytes(tensor);
        weight_check::finite(&tensor.name, tensor.weight_type, bytes)?;
        Ok(bytes)
    }
}

/// A tensor with a row for each token or position, which stays in the file: a row is dequantised when it is needed.
pub struct Table {
    files: Arc<ModelFiles>,
    tensor: TensorInfo,
    row_bytes: usize,
}

impl Table {
    /// Puts the values of row `index` into `out`.
    ///
    /// # Errors
    /// There is no such row, or `out` has another length.
    pub fn read(&self, index: usize, out: &mut [f32]) -> Result<(), PackError> {
        let bytes = self.files.tensor_bytes(&self.tensor);
        let row = bytes.get(index * self.row_bytes..).and_then(|rest| rest.get(..self.row_bytes)).unwrap_or_default();
        dequantize_row(self.tensor.weight_type, row, out)
    }
}
