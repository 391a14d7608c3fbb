// The cheap rest of an update: sums over the parts of a divided problem, the multiplicative step from given parts of
// the gradient, and the elementwise stage between two matrix products for ranks that the fused kernels do not take.
//
// One thread per entry; every sum in a fixed order. Parameters: REAL, KIND.
#include "factor.cuh"

#ifndef REAL
#define REAL float
#define KIND KL
#endif

typedef REAL T;

// Item i: entries first … last of H of a problem in `parts` parts.
extern "C" __global__ void finish(const Item *items, const Problem *problems, T *H, double exponent, const T *add_neg,
                                  const T *add_pos, T *neg_out, T *pos_out, const T *work) {
    const Item item = items[blockIdx.x];
    const Problem p = problems[item.problem];
    const Target<T> target{H, neg_out, pos_out, nullptr, add_neg, add_pos, T(exponent)};
    const i64 size = p.K * p.N;
    for (i64 i = item.first + threadIdx.x; i < item.last; i += blockDim.x) {
        const i64 k = i / p.N;
        T above = T(0), below = T(0);
        for (int part = 0; part < item.parts; ++part) {
            above += work[item.neg_at + part * size + i];
            below += KIND == KL ? work[item.pos_at + part * p.K + k] : work[item.pos_at + part * size + i];
        }
        target.put(p, k, i - k * p.N, above, below);
    }
}

// H ← H ⊙ (neg / pos)^exponent.
extern "C" __global__ void scale(const Item *items, const Problem *problems, T *H, const T *neg, const T *pos, double exponent) {
    const Item item = items[blockIdx.x];
    const Problem p = problems[item.problem];
    const Target<T> target{H, nullptr, nullptr, nullptr, nullptr, nullptr, T(exponent)};
    for (i64 i = item.first + threadIdx.x; i < item.last; i += blockDim.x)
        target.put(p, i / p.N, i % p.N, neg[p.h_at + i], pos[p.h_at + i]);
}

// H ← H ⊙ (H / last)^momentum, one exponent per problem, and last ← H of before; where one of them is 0, H stays.
extern "C" __global__ void extrapolate(const Item *items, const Problem *problems, T *H, T *last, const double *momentum) {
    const Item item = items[blockIdx.x];
    const Problem p = problems[item.problem];
    const T most = largest(T(0)), exponent = T(momentum[item.problem]);
    for (i64 i = p.h_at + item.first + threadIdx.x; i < p.h_at + item.last; i += blockDim.x) {
        const T now = H[i], before = last[i];
        last[i] = now;
        if (now > T(0) && before > T(0)) H[i] = lesser(now * power(lesser(now / before, most), exponent), most);
    }
}

// What group sparsity (nmfcore/penalties/group_sparsity.py) adds to the two parts of the gradient of each row of H: a
// block owns a problem, a warp the sum of a row. −1: a row that belongs to no group.
// Shared memory: a double for each row, block and source.
extern "C" __global__ void __launch_bounds__(512)
group_rows(const Problem *problems, const T *H, const i64 *block_of, const i64 *source_of, const double *of_block,
           const double *of_row, const double *of_source, i64 groups, i64 owners, double eps, T *add_neg, T *add_pos) {
    SHARED_MEMORY(shared);
    const Problem p = problems[blockIdx.x];
    double *rows = reinterpret_cast<double *>(shared), *of_blocks = rows + p.K, *of_sources = of_blocks + groups;
    const int warps = blockDim.x / 32, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    for (i64 k = warp; k < p.K; k += warps) {
        double sum = 0;
        for (i64 n = lane; n < p.N; n += 32) sum += H[p.h_at + k * p.N + n];
        for (int mask = 16; mask > 0; mask /= 2) sum += shuffle_xor(sum, mask);
        if (lane == 0) rows[k] = sum;
    }
    __syncthreads();
    for (i64 g = threadIdx.x; g < groups + owners; g += blockDim.x) {
        const i64 *group_of = g < groups ? block_of : source_of, wanted = g < groups ? g : g - groups;
        double sum = 0;
        for (i64 k = 0; k < p.K; ++k)
            if (group_of[k] == wanted) sum += rows[k];
        of_blocks[g] = sum;
    }
    __syncthreads();
    for (i64 k = threadIdx.x; k < p.K; k += blockDim.x) {
        const i64 block = block_of[k], source = source_of[k];
        const bool some = block >= 0;
        add_neg[p.row_at + k] = some ? T(of_source[source] / greater(of_sources[source], eps)) : T(0);
        add_pos[p.row_at + k] = some ? T(of_block[block] / (eps + of_blocks[block]) + of_row[k] / (eps + rows[k])) : T(0);
    }
}

// Λ → u V Λ^(β−2) in place, and u Λ^(β−1) into `pos`.
extern "C" __global__ void ratios(i64 size, T *lam, const T *V, const T *U, T *pos, double low, double beta) {
    const i64 i = i64(blockIdx.x) * blockDim.x + threadIdx.x;
    if (i < size) ratio<T>(KIND, lam[i], V[i], U ? U[i] : T(1), T(low), T(beta), lam[i], pos[i]);
}

// Divergences of the problems from those of their items, in order; items of problem b begin at first[b].
extern "C" __global__ void total(int count, const int *first, const double *values, double *sums) {
    const int b = blockIdx.x * blockDim.x + threadIdx.x;
    if (b >= count) return;
    double sum = 0;
    for (int i = first[b]; i < first[b + 1]; ++i) sum += values[i];
    sums[b] = sum;
}
