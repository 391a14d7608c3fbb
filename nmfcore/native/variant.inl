// One instruction-set variant: NMF_VARIANT names it, NMF_BYTES is the width of its vectors.
// Everything lies in an unnamed namespace, so that the linker can never share a body between variants.

#include <stdlib.h>

#include "kernels.hpp"

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

#define NMF_STRING_(x) #x
#define NMF_STRING(x) NMF_STRING_(x)

namespace nmfcore {
namespace {

#include "simd.inl"
#include "endings.inl"
#include "factor.inl"
#include "spatial.inl"
#include "scale.inl"
#include "coordinate_descent.inl"
#include "sparse.inl"

}  // namespace

extern const Variant NMF_VARIANT;
const Variant NMF_VARIANT = {
    NMF_STRING(NMF_VARIANT),
    update<float>,
    update<double>,
    divergence<float>,
    divergence<double>,
    spatial_step<float>,
    spatial_step<double>,
    wiener<float>,
    wiener<double>,
    scale<float>,
    scale<double>,
    coordinate_sweep<float>,
    coordinate_sweep<double>,
    sparse<float>,
    sparse<double>,
};

}  // namespace nmfcore
