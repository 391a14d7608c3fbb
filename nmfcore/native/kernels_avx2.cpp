// The kernels for AVX2.
#define NMF_BYTES 32
#define NMF_VARIANT avx2
#include "variant.inl"
