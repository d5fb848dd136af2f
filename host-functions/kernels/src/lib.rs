//! realm-kernels
