// The kernels for AVX512.
#define NMF_BYTES 64
#define NMF_VARIANT avx512
#include "variant.inl"
