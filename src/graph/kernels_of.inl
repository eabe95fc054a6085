// The loops by kind of code, for targets that have all of them. Included once per SIMD target,
// after neighbors_loop.inl.

const GraphKernels& kernels_of(CodeKind kind) noexcept {
  switch (kind) {
    case CodeKind::kInt8Global: return kKernels<CodeKind::kInt8Global>;
    case CodeKind::kInt8ScaledL2: return kKernels<CodeKind::kInt8ScaledL2>;
    case CodeKind::kInt8ScaledDot: return kKernels<CodeKind::kInt8ScaledDot>;
    case CodeKind::kFloatL2: return kKernels<CodeKind::kFloatL2>;
    case CodeKind::kFloatDot: return kKernels<CodeKind::kFloatDot>;
    case CodeKind::kFloatL1: return kKernels<CodeKind::kFloatL1>;
    case CodeKind::kBits:
    case CodeKind::kSignBits: break;
  }
  return kKernels<CodeKind::kBits>;
}
