//! The executor that computes with candle, on whatever devices candle was built for.
//!
//! ```text
//! plan ─ rows: one per token ─> upload ─> layers on the device ─> wanted rows ─> download
//! ```
//! It runs the same [`DecoderSpec`] as the CPU's own kernels and knows no architecture either. Where those kernels give
//! every row the same bits by construction, here it is the shapes that do: a library picks its kernel by the shape of
//! what it is given, and with it an order of summing. So rows go through matrices eight at a time,
//! filled up with zeros, and a row's attention is computed for itself, over as many positions as it sees. Neither
//! depends on the batch.

mod forward;
mod kv;
mod linear;
mod weights;

use candle_core::Device;

pub use kv::DeviceKv;
pub use weights::DeviceWeights;

use crate::executor::{Executor, ExecutorError, StepOutput};
use crate::scheduler::Plan;
use crate::spec::DecoderSpec;

/// Where a model's layers are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ComputeDevice {
    /// The processor, with this engine's own kernels.
    #[default]
    Cpu,
    /// The processor, with candle's: slow; what the other devices are compared with.
    CandleCpu,
    /// An NVIDIA card by its number. Needs the feature `cuda`.
    Cuda(usize),
    /// An Apple graphics processor by its number. Needs the feature `metal`.
    Metal(usize),
}

/// What a device could not do.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    #[error("device {device} is not there: {message}")]
    Open { device: ComputeDevice, message: String },
    #[error("this build has no {device}; build it with --features {feature}")]
    NotBuilt { device: ComputeDevice, feature: &'static str },
    #[error("{0:?} is no device; devices are cpu, candle-cpu, cuda, cuda:N, metal, metal:N")]
    Name(String),
}

impl ComputeDevice {
    /// Candle's handle of it.
    ///
    /// # Errors
    /// See [`DeviceError`].
    pub(crate) fn open(self) -> Result<Device, DeviceError> {
        let not_built = |feature| DeviceError::NotBuilt { device: self, feature };
        let opened = match self {
            Self::Cpu | Self::CandleCpu => return Ok(Device::Cpu),
            Self::Cuda(_) if !cfg!(feature = "cuda") => return Err(not_built("cuda")),
            Self::Metal(_) if !cfg!(feature = "metal") => return Err(not_built("metal")),
            Self::Cuda(number) => Device::new_cuda(number),
            Self::Metal(number) => Device::new_metal(number),
        };
        opened.map_err(|error| DeviceError::Open { device: self, message: error.to_string() })
    }
}

impl std::fmt::Display for ComputeDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::CandleCpu => f.write_str("candle-cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            Self::Metal(number) => write!(f, "metal:{number}"),
        }
    }
}

impl std::str::FromStr for ComputeDevice {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let (kind, number) = text.split_once(':').unwrap_or((text, "0"));
        match (kind, number.parse(), text.contains(':')) {
            ("cpu", _, false) => Ok(Self::Cpu),
            ("candle-cpu", _, false) => Ok(Self::CandleCpu),
            ("cuda", Ok(number), _) => Ok(Self::Cuda(number)),
            ("metal", Ok(number), _) => Ok(Self::Metal(number)),
            _ => Err(DeviceError::Name(text.to_owned())),
        }
    }
}

/// A model's weights and KV memory on a device.
pub struct DeviceExecutor {
    device: Device,
    spec: DecoderSpec,
    weights: DeviceWeights,
    kv: DeviceKv,
}

impl DeviceExecutor {
    /// Takes weights and KV memory of the same spec, both on this device.
    pub fn new(device: Device, spec: DecoderSpec, weights: DeviceWeights, kv: DeviceKv) -> Self {
        Self { device, spec, weights, kv }
    }
}

impl Executor for DeviceExecutor {
    fn vocab_len(&self) -> usize {
        self.spec.vocab_len
    }

    fn hidden_len(&self) -> usize {
        self.spec.hidden_len
    }

    fn run(&mut self, plan: &Plan, output: &mut StepOutput) -> Result<(), ExecutorError> {
        forward::run(self, plan, output).map_err(|error| ExecutorError { message: error.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_named() {
        for (text, expected) in [
            ("cpu", Some(ComputeDevice::Cpu)),
            ("candle-cpu", Some(ComputeDevice::CandleCpu)),
            ("cuda", Some(ComputeDevice::Cuda(0))),
            ("cuda:3", Some(ComputeDevice::Cuda(3))),
            ("metal:0", Some(ComputeDevice::Metal(0))),
            ("cpu:1", None),
            ("cuda:", None),
            ("cuda:-1", None),
            ("gpu", None),
            ("", None),
        ] {
            let found = text.parse::<ComputeDevice>();
            assert_eq!(found.as_ref().ok(), expected.as_ref(), "{text:?}");
            if let Ok(device) = found {
                assert_eq!(device.to_string().parse::<ComputeDevice>().unwrap(), device);
            }
        }
    }
}
