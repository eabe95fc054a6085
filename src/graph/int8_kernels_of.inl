// The loops by kind of code, for targets that have something of their own for int8 codes only.
// Included once per SIMD target, after neighbors_loop.inl.

const GraphKernels& int8_kernels_of(CodeKind kind) noexcept {
  switch (kind) {
    case CodeKind::kInt8ScaledL2: return kKernels<CodeKind::kInt8ScaledL2>;
    case CodeKind::kInt8ScaledDot: return kKernels<CodeKind::kInt8ScaledDot>;
    default: return kKernels<CodeKind::kInt8Global>;
  }
}
