pub(crate) unsafe fn run<O: crate::isa::Op>(op: O) -> O::Output { op.run(super::Portable) }
