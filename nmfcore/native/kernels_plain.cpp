// The kernels for any processor (128-bit vectors of the baseline instruction set).
#define NMF_BYTES 16
#define NMF_VARIANT plain
#include "variant.inl"
