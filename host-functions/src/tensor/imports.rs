//! The tensor host functions: handles and numbers in, checks, the operation, a handle out.

use super::{
    layout::{self, Planned},
    matmul, rows, shape,
    value::Value,
    weights::Weight,
    work,
};
use crate::{CallState, error::HostError, functions::HostFunction, host_call::HostCall, limits::TensorLimits};
use candle_core::{Device, Tensor};
use realm_primitives::{LayerTensor, abi::flag};
use wasmtime::Linker;

pub(crate) fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    crate::host_call::link_functions! { linker;
        GetTensor => get_tensor[name_ptr: u32, name_len: u32];
        Memory64LoadLayer => memory64_load_layer[layer: u32];
        TensorNew => tensor_new[shape_ptr: u32, rank: u32, data_ptr: u32, data_len: u32];
        TensorShape => tensor_shape[tensor: u32];
        TensorDrop => tensor_drop[tensor: u32];
    }
    crate::host_call::link_async_functions! { linker;
        TensorRead => tensor_read[tensor: u32, ptr: u32, len: u32];
        CandleMatmul => candle_matmul[a: u32, b: u32, flags: u32];
        Add => add[a: u32, b: u32];
        Mul => mul[a: u32, b: u32];
        Scale => scale[a: u32, factor: f32];
        Silu => silu[a: u32];
        Softmax => softmax[a: u32];
        RmsNorm => rms_norm[a: u32, weight: u32, epsilon: f32];
        Rope => rope[a: u32, start: u32, theta: f32, flags: u32];
        EmbeddingLookup => embedding_lookup[table: u32, ids_ptr: u32, count: u32];
        Reshape => reshape[a: u32, shape_ptr: u32, rank: u32];
        Transpose => transpose[a: u32, dim0: u32, dim1: u32];
        Narrow => narrow[a: u32, dim: u32, start: u32, len: u32];
        Concat => concat[a: u32, b: u32, dim: u32];
        Repeat => repeat[a: u32, dim: u32, times: u32];
    }
    Ok(())
}

type Handle = Result<u32, HostError>;

/// Bytes of the name of a tensor; a file's longest names have some 60.
const TENSOR_NAME_BYTES_MAX: u32 = 1024;

fn get_tensor(call: &mut HostCall<'_>, name_ptr: u32, name_len: u32) -> Handle {
    HostError::check_limit("bytes of a tensor's name", name_len.into(), TENSOR_NAME_BYTES_MAX.into())?;
    let name = call.text(name_ptr, name_len)?;
    let weight = Weight::find(&call.model()?, &name)?;
    hold_weight(call, weight)
}

/// A handle to a weight, whose values are the model's.
fn hold_weight(call: &mut HostCall<'_>, weight: Weight) -> Handle {
    let tensors = &mut call.state_mut().tensors;
    let room = tensors.reserve(0)?;
    tensors.insert(Value::Weight(weight), room)
}

fn memory64_load_layer(call: &mut HostCall<'_>, layer: u32) -> Handle {
    let weights = Weight::layer(&call.model()?, layer)?;
    let mut tensors = Vec::with_capacity(weights.len());
    let handed_out = weights.into_iter().try_for_each(|weight| {
        let name = weight.name().to_owned();
        let shape = weight.shape().iter().map(|dim| *dim as u32).collect();
        let dtype = weight.dtype().to_owned();
        let handle = hold_weight(call, weight)?;
        tensors.push(LayerTensor { name, handle, shape, dtype });
        Ok(())
    });
    let answered = handed_out.and_then(|()| call.state_mut().put_encoded(&tensors));
    if answered.is_err() {
        // A layer is handed out whole or not at all.
        for tensor in &tensors {
            call.state_mut().tensors.remove(tensor.handle)?;
        }
    }
    answered
}

fn tensor_new(call: &mut HostCall<'_>, shape_ptr: u32, rank: u32, data_ptr: u32, data_len: u32) -> Handle {
    let dims = sizes(&call.dimensions(shape_ptr, rank)?);
    let elements = shape::elements(&dims, &call.limits().tensor)?;
    if u64::from(data_len) != elements * 4 {
        return Err(HostError::invalid(format!("{data_len} bytes are not the {elements} f32 of the shape {dims:?}")));
    }
    let room = call.state().tensors.reserve(elements)?;
    let data = call.floats(data_ptr, data_len)?;
    let tensor = work::run("tensor_new", &[&dims], || Tensor::from_vec(data, &dims[..], &Device::Cpu))?;
    call.state_mut().tensors.insert(Value::Dense(tensor), room)
}

fn tensor_shape(call: &mut HostCall<'_>, tensor: u32) -> Handle {
    let dims: Vec<u32> = call.state().tensors.get(tensor)?.shape().iter().map(|dim| *dim as u32).collect();
    call.state_mut().put_encoded(&dims)
}

async fn tensor_read(call: &mut HostCall<'_>, tensor: u32, ptr: u32, len: u32) -> Result<(), HostError> {
    let tensor = dense(call, tensor).await?;
    let count = tensor.elem_count() as u64;
    if u64::from(len) != count * 4 {
        return Err(HostError::invalid(format!("{len} bytes do not hold the tensor's {count} f32")));
    }
    call.scratch("values of a tensor", count * 4)?;
    let read = move || work::run("tensor_read", &[tensor.dims()], || work::values(&tensor));
    let data = work::shared(call, count, read).await?;
    call.write_floats(ptr, len, &data)
}

async fn candle_matmul(call: &mut HostCall<'_>, a: u32, b: u32, flags: u32) -> Handle {
    let transposed = only_flag(flags, flag::MATMUL_TRANSPOSED)?;
    let limits = call.limits().tensor.clone();
    let tensors = &call.state().tensors;
    let (a, b) = (tensors.get(a)?.clone(), tensors.get(b)?.clone());
    let product = shape::product(a.shape(), b.shape(), transposed, &limits)?;
    let room = tensors.reserve(product.shape.iter().product::<usize>() as u64)?;
    call.scratch("temporaries of a matrix product", matmul::scratch_bytes(&a, &b, transposed)?)?;
    // Weights are unpacked on the way, which is heavier than the product with few rows.
    let work = product.multiplications.saturating_add(unpacked(&a)).saturating_add(unpacked(&b));
    let multiply = move || Ok((matmul::matmul(&a, &b, transposed, &product, &limits)?, room));
    let (result, room) = work::alone(call, work, multiply).await?;
    call.state_mut().tensors.insert(Value::Dense(result), room)
}

async fn add(call: &mut HostCall<'_>, a: u32, b: u32) -> Handle {
    let (a, b) = (dense(call, a).await?, dense(call, b).await?);
    make(call, |limits| layout::add(&a, &b, limits)).await
}

async fn mul(call: &mut HostCall<'_>, a: u32, b: u32) -> Handle {
    let (a, b) = (dense(call, a).await?, dense(call, b).await?);
    make(call, |limits| layout::mul(&a, &b, limits)).await
}

async fn scale(call: &mut HostCall<'_>, a: u32, factor: f32) -> Handle {
    let a = dense(call, a).await?;
    make(call, |limits| layout::scale(&a, factor, limits)).await
}

async fn silu(call: &mut HostCall<'_>, a: u32) -> Handle {
    same_shape(call, a, 8, rows::silu).await
}

async fn softmax(call: &mut HostCall<'_>, a: u32) -> Handle {
    same_shape(call, a, 8, rows::softmax).await
}

async fn rms_norm(call: &mut HostCall<'_>, a: u32, weight: u32, epsilon: f32) -> Handle {
    let weight = dense(call, weight).await?;
    same_shape(call, a, 2, move |x| rows::rms_norm(x, &weight, epsilon)).await
}

async fn rope(call: &mut HostCall<'_>, a: u32, start: u32, theta: f32, flags: u32) -> Handle {
    let interleaved = only_flag(flags, flag::ROPE_INTERLEAVED)?;
    let pairs = if interleaved { rows::RopePairs::Interleaved } else { rows::RopePairs::Halves };
    same_shape(call, a, 16, move |x| rows::rope(x, start, theta, pairs)).await
}

async fn embedding_lookup(call: &mut HostCall<'_>, table: u32, ids_ptr: u32, count: u32) -> Handle {
    let ids = call.tokens(ids_ptr, count)?;
    let table = call.state().tensors.get(table)?.clone();
    let &[row_count, row_len] = table.shape() else {
        return Err(HostError::invalid(format!("embedding_lookup takes a table of rows, not {:?}", table.shape())));
    };
    let elements = shape::elements(&[ids.len(), row_len], &call.limits().tensor)?;
    let room = call.state().tensors.reserve(elements)?;
    // The rows as they are in the file, and as candle holds them.
    call.scratch("rows of a table", elements * 8)?;
    if let Some(id) = ids.iter().find(|id| **id as usize >= row_count) {
        return Err(HostError::invalid(format!("there is no row {id} in a table of {row_count}")));
    }
    let look_up = move || match &table {
        Value::Weight(weight) => weight.rows(&ids),
        Value::Dense(table) => work::run("embedding_lookup", &[table.dims()], || {
            let ids = Tensor::from_vec(ids, count as usize, &Device::Cpu)?;
            table.index_select(&ids, 0)
        }),
    };
    let (result, room) = work::alone(call, elements, move || Ok((look_up()?, room))).await?;
    call.state_mut().tensors.insert(Value::Dense(result), room)
}

async fn reshape(call: &mut HostCall<'_>, a: u32, shape_ptr: u32, rank: u32) -> Handle {
    let dims = sizes(&call.dimensions(shape_ptr, rank)?);
    let a = dense(call, a).await?;
    make(call, |limits| layout::reshape(&a, dims, limits)).await
}

async fn transpose(call: &mut HostCall<'_>, a: u32, dim0: u32, dim1: u32) -> Handle {
    let a = dense(call, a).await?;
    make(call, |limits| layout::transpose(&a, dim0, dim1, limits)).await
}

async fn narrow(call: &mut HostCall<'_>, a: u32, dim: u32, start: u32, len: u32) -> Handle {
    let a = dense(call, a).await?;
    make(call, |limits| layout::narrow(&a, dim, start, len, limits)).await
}

async fn concat(call: &mut HostCall<'_>, a: u32, b: u32, dim: u32) -> Handle {
    let (a, b) = (dense(call, a).await?, dense(call, b).await?);
    make(call, |limits| layout::concat(&a, &b, dim, limits)).await
}

async fn repeat(call: &mut HostCall<'_>, a: u32, dim: u32, times: u32) -> Handle {
    let a = dense(call, a).await?;
    make(call, |limits| layout::repeat(&a, dim, times, limits)).await
}

fn tensor_drop(call: &mut HostCall<'_>, tensor: u32) -> Result<(), HostError> {
    call.state_mut().tensors.remove(tensor)
}

/// The values behind a handle as f32. A weight is unpacked.
async fn dense(call: &mut HostCall<'_>, tensor: u32) -> Result<Tensor, HostError> {
    let value = call.state().tensors.get(tensor)?.clone();
    let limits = call.limits().tensor.clone();
    call.scratch("unpacked weights", value.unpacked_bytes()?)?;
    match value {
        Value::Dense(tensor) => Ok(tensor),
        weight => work::alone(call, unpacked(&weight), move || weight.dense(&limits)).await,
    }
}

/// Values that an operation with this one unpacks.
fn unpacked(value: &Value) -> u64 {
    match value {
        Value::Dense(_) => 0,
        Value::Weight(weight) => weight.shape().iter().fold(1, |count, dim| count.saturating_mul(*dim as u64)),
    }
}

/// Plans an operation, checks that its result fits, makes it and names it.
async fn make(call: &mut HostCall<'_>, plan: impl FnOnce(&TensorLimits) -> Result<Planned, HostError>) -> Handle {
    let planned = plan(&call.limits().tensor)?;
    let Planned { elements, make } = planned;
    let room = call.state().tensors.reserve(elements)?;
    // The result is made contiguous by a copy.
    call.scratch("temporaries of a tensor operation", elements * 4)?;
    let (result, room) = work::shared(call, elements, move || Ok((make()?, room))).await?;
    call.state_mut().tensors.insert(Value::Dense(result), room)
}

/// An operation whose result has the shape of its operand, of so many multiplications for each value.
async fn same_shape(
    call: &mut HostCall<'_>,
    a: u32,
    work_per_value: u64,
    operation: impl FnOnce(&Tensor) -> Result<Tensor, HostError> + Send + 'static,
) -> Handle {
    let a = dense(call, a).await?;
    let elements = a.elem_count() as u64;
    let room = call.state().tensors.reserve(elements)?;
    // No more than the result: a norm's weight, or the turns of a rotary embedding.
    call.scratch("temporaries of a tensor operation", elements * 4)?;
    let work = elements.saturating_mul(work_per_value);
    let (result, room) = work::shared(call, work, move || Ok((operation(&a)?, room))).await?;
    call.state_mut().tensors.insert(Value::Dense(result), room)
}

/// Whether the one flag that a function knows is set.
fn only_flag(flags: u32, known: u32) -> Result<bool, HostError> {
    if flags & !known != 0 {
        return Err(HostError::invalid(format!("unknown flags {flags:#x}")));
    }
    Ok(flags == known)
}

fn sizes(dims: &[u32]) -> Vec<usize> {
    dims.iter().map(|dim| *dim as usize).collect()
}
