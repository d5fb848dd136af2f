//! `realm_crypto_v1`: hashes, computed natively: of short inputs in place, of long ones over a copy and away from the
//! guest's thread.

use crate::{CallState, error::HostError, functions::HostFunction, heavy, host_call::HostCall};
use realm_primitives::abi::hash;
use realm_work::heavy::HEAVY_BYTES_MIN;
use sp_crypto_hashing::{blake2_256, keccak_256, sha2_256, twox_256};
use wasmtime::Linker;

pub(crate) fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    crate::host_call::link_async_functions! { linker;
        CryptoHash => crypto_hash[algorithm: u32, ptr: u32, len: u32, out_ptr: u32];
    }
    Ok(())
}

async fn crypto_hash(
    call: &mut HostCall<'_>,
    algorithm: u32,
    ptr: u32,
    len: u32,
    out_ptr: u32,
) -> Result<(), HostError> {
    HostError::check_limit("bytes of input", len.into(), call.limits().input_bytes_max.into())?;
    let digest: fn(&[u8]) -> [u8; 32] = match algorithm {
        hash::BLAKE2_256 => blake2_256,
        hash::SHA2_256 => sha2_256,
        hash::KECCAK_256 => keccak_256,
        hash::TWOX_256 => twox_256,
        _ => return Err(HostError::invalid(format!("{algorithm} is not a hash algorithm: 0 to 3"))),
    };
    let out = if (len as usize) < HEAVY_BYTES_MIN {
        call.with_bytes(ptr, len, digest)?
    } else {
        let bytes = call.bytes(ptr, len)?;
        heavy::run(call, true, move || digest(&bytes)).await?
    };
    call.write(out_ptr, &out)
}
