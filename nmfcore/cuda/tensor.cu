// The fused update of one factor on tensor cores: tf32, or float32 by three tf32 products.
//
// The same sums as simt.cu, arranged so that no fragment ever passes through shared memory on its way from the first
// product to the second. A warp owns 16 columns of H, and forms Λᵀ:
//
//     1. Λᵀ (16 columns × 8 rows of V) = Hᵀ W ᵀ: fragments of H stay in registers, W comes from the tile [k][row];
//     2. the accumulator of that product holds the columns g, g + 8 and the rows 2t, 2t + 1 of V, which is just what
//        the left operand of the next product wants once its inner index is renamed t → 2t, t + 4 → 2t + 1. The
//        β-ratio is formed in place, with V loaded one tile ahead straight into those positions;
//     3. sumsᵀ (16 columns × 8 components) += ratioᵀ Wᵀ with W read by pairs of neighbouring rows from the same tile.
//
// SPLIT warps share 16 columns where one cannot hold all KP rows; they exchange their parts of Λ through shared memory
// in fragment order. A row of the tile has 40 places for 32 rows of V: neither way of reading has bank conflicts.
//
// Three products (Ootomo and Yokota, IJHPCA 2022): a = a₁ + a₂ with both parts rounded to tf32, ab ≈ a₁b₁ + a₁b₂ + a₂b₁.
// The tensor core cuts where float32 rounds, so large terms are added up by it over at most 32 products, beginning at
// zero, and what it gives is added outside; small terms have an accumulator of their own.
//
// Parameters: KP (a multiple of 8 × SPLIT), SPLIT, GROUPS (of SPLIT warps), TERMS (1 or 3), KIND.
// Registers: KP / SPLIT × 1 (KL) or 1.5 (two sums), and about 110. Shared memory: STAGES × KP × 160 bytes.
#include "factor.cuh"

#ifndef KP
#define KP 24
#define SPLIT 1
#define GROUPS 4
#define TERMS 3
#define KIND KL
#endif

constexpr int STAGES = 2, ROWS = 32, STRIDE = 40;
constexpr int THREADS = 32 * SPLIT * GROUPS;
constexpr int TILES = ROWS / 8, STEPS = KP / SPLIT / 8;
static_assert(STEPS * 8 * SPLIT == KP, "KP must be a multiple of 8 × SPLIT");

#define DUAL (KIND != KL)

// A value as the tensor core takes it: its nearest tf32 and, for three products, what that leaves.
struct Split {
    float large, small;
    __device__ __forceinline__ explicit Split(float x) : large(tf32_nearest(x)), small(TERMS == 3 ? tf32_half_up(x - large) : 0.0f) {}
};

struct Fragment {  // the left operand of a product
    float large[4], small[4];
    __device__ __forceinline__ Fragment(float a, float b, float c, float d) {
        const float all[4] = {a, b, c, d};
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const Split one(all[i]);
            large[i] = one.large;
            small[i] = one.small;
        }
    }
    __device__ __forceinline__ Fragment() {}
};

__device__ __forceinline__ void multiply(float (&large)[4], float (&small)[4], const Fragment &a, Split b0, Split b1) {
    if (TERMS == 3) {
        mma(small, a.small, b0.large, b1.large);
        mma(small, a.large, b0.small, b1.small);
    }
    mma(large, a.large, b0.large, b1.large);
}

__device__ __forceinline__ void clear(float (&x)[4]) {
#pragma unroll
    for (int i = 0; i < 4; ++i) x[i] = 0.0f;
}

// 32 rows of W from row f on: Wt (K, F) → tile [k][row], zeros outside.
__device__ __forceinline__ void load_tile(const Problem &p, const float *W, i64 f, i64 last, float *tile) {
    const int row = threadIdx.x % ROWS;
    for (int k = threadIdx.x / ROWS; k < KP; k += THREADS / ROWS) {
        const bool valid = f + row < last && k < p.K;
        copy_async<4>(tile + k * STRIDE + row, valid ? W + k * p.F + f + row : W, valid);
    }
}

// Λᵀ of one tile over this warp's components.
__device__ __forceinline__ void form(const float *tile, const float (&h)[STEPS][4], int g, int t, float (&lam)[TILES][4]) {
    float small[TILES][4];
#pragma unroll
    for (int r = 0; r < TILES; ++r) clear(lam[r]), clear(small[r]);
#pragma unroll
    for (int first = 0; first < STEPS; first += 4) {
        float large[TILES][4];
#pragma unroll
        for (int r = 0; r < TILES; ++r) clear(large[r]);
#pragma unroll
        for (int s = first; s < STEPS && s < first + 4; ++s) {
            const Fragment a(h[s][0], h[s][1], h[s][2], h[s][3]);
            const float *w = tile + (s * 8 + t) * STRIDE + g;
#pragma unroll
            for (int r = 0; r < TILES; ++r) multiply(large[r], small[r], a, Split(w[r * 8]), Split(w[4 * STRIDE + r * 8]));
        }
#pragma unroll
        for (int r = 0; r < TILES; ++r)
#pragma unroll
            for (int i = 0; i < 4; ++i) lam[r][i] += large[r][i];
    }
#pragma unroll
    for (int r = 0; r < TILES; ++r)
#pragma unroll
        for (int i = 0; i < 4; ++i) lam[r][i] += small[r][i];
}

// Λᵀ over all components from the parts of the SPLIT warps that share its columns, in the same order in each.
__device__ __forceinline__ void exchange(float *board, int warp, int lane, float (&lam)[TILES][4]) {
    if (SPLIT == 1) return;
    float *mine = board + (warp * TILES * 32 + lane) * 4, *first = board + (warp / SPLIT * SPLIT * TILES * 32 + lane) * 4;
#pragma unroll
    for (int r = 0; r < TILES; ++r)
#pragma unroll
        for (int i = 0; i < 4; ++i) mine[r * 128 + i] = lam[r][i];
    __syncthreads();
#pragma unroll
    for (int r = 0; r < TILES; ++r)
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            lam[r][i] = first[r * 128 + i];
#pragma unroll
            for (int s = 1; s < SPLIT; ++s) lam[r][i] += first[(s * TILES + r) * 128 + i];
        }
}

// sumsᵀ += ratioᵀ Wᵀ over one tile.
__device__ __forceinline__ void collect(const float *tile, const float (&ratios)[TILES][4], int g, int t, float (&sums)[STEPS][4]) {
    Fragment q[TILES];
#pragma unroll
    for (int r = 0; r < TILES; ++r) q[r] = Fragment(ratios[r][0], ratios[r][2], ratios[r][1], ratios[r][3]);
#pragma unroll
    for (int s = 0; s < STEPS; ++s) {
        float large[4], small[4];
        clear(large), clear(small);
        const float *w = tile + (s * 8 + g) * STRIDE + 2 * t;
#pragma unroll
        for (int r = 0; r < TILES; ++r) multiply(large, small, q[r], Split(w[r * 8]), Split(w[r * 8 + 1]));
#pragma unroll
        for (int i = 0; i < 4; ++i) sums[s][i] += large[i] + small[i];
    }
}

// V (or the weights) at the places of Λᵀ's fragments: columns n, n + 8, rows f + 8r + 0, 1.
__device__ __forceinline__ void load_v(const float *V, const Problem &p, i64 n, i64 f, i64 last, float (&v)[TILES][4]) {
#pragma unroll
    for (int r = 0; r < TILES; ++r)
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const i64 row = f + r * 8 + i % 2, column = n + i / 2 * 8;
            v[r][i] = row < last && column < p.N ? V[row * p.N + column] : 0.0f;
        }
}

extern "C" __global__ void __launch_bounds__(THREADS, 1)
gradient(const Item *items, const Problem *problems, const float *V, const float *Wt, float *H, const float *U,
         const double *floor, double beta, double exponent, const float *add_neg, const float *add_pos, float *neg_out,
         float *pos_out, float *work) {
    SHARED_MEMORY(shared);
    float *tiles = reinterpret_cast<float *>(shared), *totals = tiles + STAGES * KP * STRIDE, *board = totals + KP;
    const Item item = items[blockIdx.x];
    const Problem p = problems[item.problem];
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, g = lane / 4, t = lane % 4;
    const int k0 = warp % SPLIT * STEPS * 8;
    const i64 n = item.column + warp / SPLIT * 16 + g;
    const float low = float(floor[item.problem]);
    const float *v_at = V + p.v_at, *u_at = U ? U + p.v_at : nullptr, *w_at = Wt + p.w_at;

    float h[STEPS][4], neg[STEPS][4], pos[STEPS][4], v[TILES][4];
#pragma unroll
    for (int s = 0; s < STEPS; ++s)
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const i64 k = k0 + s * 8 + t + i / 2 * 4, column = n + i % 2 * 8;
            h[s][i] = k < p.K && column < p.N ? H[p.h_at + k * p.N + column] : 0.0f;
            neg[s][i] = pos[s][i] = 0.0f;
        }
    if (!DUAL)
        for (int k = threadIdx.x; k < KP; k += THREADS) totals[k] = 0.0f;

    load_v(v_at, p, n, item.first + 2 * t, item.last, v);
    for (int stage = 0; stage < STAGES - 1; ++stage) {
        load_tile(p, w_at, item.first + stage * ROWS, item.last, tiles + stage * KP * STRIDE);
        commit_copies();
    }
    int slot = 0;
    for (i64 f = item.first; f < item.last; f += ROWS) {
        wait_copies<STAGES - 2>();
        __syncthreads();
        load_tile(p, w_at, f + (STAGES - 1) * ROWS, item.last, tiles + (slot + STAGES - 1) % STAGES * KP * STRIDE);
        commit_copies();
        const float *tile = tiles + slot * KP * STRIDE, *own = tile + k0 * STRIDE;
        slot = (slot + 1) % STAGES;
        if (!DUAL)
            for (int k = threadIdx.x; k < KP; k += THREADS) {
                float sum = 0.0f;
                for (int r = 0; r < ROWS; ++r) sum += tile[k * STRIDE + (r + k) % ROWS];  // from row k on: no conflicts
                totals[k] += sum;
            }

        float lam[TILES][4];
        form(own, h, g, t, lam);
        exchange(board, warp, lane, lam);
        float below[TILES][4], u[TILES][4];
        if (DUAL && u_at) load_v(u_at, p, n, f + 2 * t, item.last, u);
#pragma unroll
        for (int r = 0; r < TILES; ++r)
#pragma unroll
            for (int i = 0; i < 4; ++i)
                ratio<float>(KIND, lam[r][i], v[r][i], DUAL && u_at ? u[r][i] : 1.0f, low, float(beta), lam[r][i], below[r][i]);
        load_v(v_at, p, n, f + ROWS + 2 * t, item.last, v);
        collect(own, lam, g, t, neg);
        if (DUAL) collect(own, below, g, t, pos);
    }
    wait_copies<0>();
    __syncthreads();

    const Target<float> target{H, neg_out, pos_out, work, add_neg, add_pos, float(exponent)};
#pragma unroll
    for (int s = 0; s < STEPS; ++s)
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const i64 k = k0 + s * 8 + 2 * t + i % 2, column = n + i / 2 * 8;
            if (k < p.K && column < p.N) target.put(item, p, k, column, neg[s][i], DUAL ? pos[s][i] : totals[k], !DUAL);
        }
}
