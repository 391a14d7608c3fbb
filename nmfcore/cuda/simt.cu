// The fused update of one factor without tensor cores: exact float32 or float64 multiply-adds.
//
//     neg = W ᵀ(V ⊙ Λ^(β−2)),  pos = Wᵀ Λ^(β−1),  Λ = WH,  H ← H ⊙ (neg / pos)^γ     in one pass over V.
//
// LANES neighbouring threads own COLS columns of H: each keeps KP / LANES rows of them, and of their sums, in
// registers for the whole pass. Tiles of W go through shared memory, [row][k], copied asynchronously while the tile
// before is worked on; every thread reads them by 16-byte loads that are broadcasts within the warp. For STEP rows:
//
//     1. each lane adds up its share of Λ; shuffles complete the sums so that each lane ends with its own rows;
//     2. there it forms the β-ratio with V, which it loaded one step ahead, straight into registers;
//     3. shuffles give every lane all STEP rows of the ratio, and the same W tile brings them into the sums.
//
// Nothing of the size of V is written, and no sum is shared among blocks: the result is the same in every run.
//
// Parameters: REAL, KP (rows of H, padded to a multiple of LANES × 16 bytes), LANES, COLS, THREADS, KIND.
// Registers: KP / LANES × COLS × 2 (KL) or 3 (two sums), and about 60. Shared memory: STAGES × ROWS × (KP + 4) × 4 bytes.
#include "factor.cuh"

#ifndef REAL
#define REAL float
#define KP 24
#define LANES 2
#define COLS 4
#define THREADS 128
#define BLOCKS 2
#define KIND KL
#endif

typedef REAL T;

constexpr int STAGES = 2, ROWS = 32;
constexpr int VEC = 16 / sizeof(T);
constexpr int CHUNKS = KP / LANES / VEC, OWN_K = CHUNKS * VEC;
constexpr int STRIDE = ((KP / VEC) | 1) * VEC;  // an odd number of 16-byte pieces: no bank conflicts
constexpr int STEP = 4, ALIKE = LANES > STEP ? LANES / STEP : 1, OWN = STEP * ALIKE / LANES;
constexpr int SLOTS = THREADS / LANES, WIDTH = SLOTS * COLS;  // columns of a block: slots of COLS columns
constexpr int PIECE = VEC * LANES;  // components that are written at once
constexpr int BUFFER = STAGES * ROWS * STRIDE > 2 * PIECE * WIDTH ? STAGES * ROWS * STRIDE : 2 * PIECE * WIDTH;
static_assert(CHUNKS * VEC * LANES == KP, "KP must be a multiple of LANES times 16 bytes");

#define DUAL (KIND != KL)

struct __align__(16) Vector {
    T at[VEC];
};

// ROWS rows of W from row f on, transposed: Wt (K, F) → tile [row][k], zeros outside.
__device__ __forceinline__ void load_tile(const Problem &p, const T *W, i64 f, i64 last, T *tile) {
    // 8 rows × 4 components per warp: whole sectors from global memory, every bank once in shared memory.
    for (int i = threadIdx.x; i < ROWS * KP; i += THREADS) {
        const int row = i % 8 + i / (8 * KP) * 8, k = i / 8 % KP;
        const bool valid = f + row < last && k < p.K;
        copy_async<sizeof(T)>(tile + row * STRIDE + k, valid ? W + k * p.F + f + row : W, valid);
    }
}

// Completes the sums of COUNT rows among 2 × HALF lanes: a lane keeps half the rows, gets their other part from its
// partner, and gives away its part of the rest; then the same among HALF lanes. ALIKE lanes end with the same row.
template <int HALF, int COUNT>
__device__ __forceinline__ void fold(int lane, T (&lam)[STEP][COLS]) {
    if constexpr (HALF > 0) {
        const bool upper = lane & HALF;
        if constexpr (COUNT == 1) {
#pragma unroll
            for (int c = 0; c < COLS; ++c) lam[0][c] += shuffle_xor(lam[0][c], HALF);
        } else {
#pragma unroll
            for (int r = 0; r < COUNT / 2; ++r)
#pragma unroll
                for (int c = 0; c < COLS; ++c) {
                    const T other = shuffle_xor(upper ? lam[r][c] : lam[r + COUNT / 2][c], HALF);
                    lam[r][c] = (upper ? lam[r + COUNT / 2][c] : lam[r][c]) + other;
                }
        }
        fold<HALF / 2, (COUNT + 1) / 2>(lane, lam);
    }
}

// The way back: from COUNT rows in each of HALF lanes to twice as many in both.
template <int HALF, int COUNT>
__device__ __forceinline__ void spread(int lane, T (&q)[STEP][COLS]) {
    if constexpr (HALF < LANES) {
        const bool upper = lane & HALF;
#pragma unroll
        for (int r = 0; r < COUNT; ++r)
#pragma unroll
            for (int c = 0; c < COLS; ++c) {
                const T mine = q[r][c], other = shuffle_xor(mine, HALF);
                q[r][c] = upper ? other : mine;
                q[r + COUNT][c] = upper ? mine : other;
            }
        spread<HALF * 2, COUNT * 2>(lane, q);
    }
}

// Λ of STEP rows: on return lam[0 … OWN) holds this lane's own.
__device__ __forceinline__ void form(const T *tile, const T (&h)[OWN_K][COLS], int lane, T (&lam)[STEP][COLS]) {
#pragma unroll
    for (int r = 0; r < STEP; ++r)
#pragma unroll
        for (int c = 0; c < COLS; ++c) lam[r][c] = T(0);
#pragma unroll
    for (int j = 0; j < CHUNKS; ++j)
#pragma unroll
        for (int r = 0; r < STEP; ++r) {
            const Vector w = *reinterpret_cast<const Vector *>(tile + r * STRIDE + (j * LANES + lane) * VEC);
#pragma unroll
            for (int i = 0; i < VEC; ++i)
#pragma unroll
                for (int c = 0; c < COLS; ++c) lam[r][c] += w.at[i] * h[j * VEC + i][c];
        }
    fold<LANES / 2, STEP>(lane, lam);
}

// sums += Wᵀ q over STEP rows.
__device__ __forceinline__ void collect(const T *tile, const T (&q)[STEP][COLS], int lane, T (&sums)[OWN_K][COLS]) {
#pragma unroll
    for (int j = 0; j < CHUNKS; ++j)
#pragma unroll
        for (int r = 0; r < STEP; ++r) {
            const Vector w = *reinterpret_cast<const Vector *>(tile + r * STRIDE + (j * LANES + lane) * VEC);
#pragma unroll
            for (int i = 0; i < VEC; ++i)
#pragma unroll
                for (int c = 0; c < COLS; ++c) sums[j * VEC + i][c] += w.at[i] * q[r][c];
        }
}

// This lane's columns of H, and of V (or the weights) at its rows of the coming step.
struct Columns {
    i64 first, N;  // column c is first + c × SLOTS

    __device__ __forceinline__ i64 column(int c) const { return first + c * SLOTS; }

    __device__ __forceinline__ void rows_of_h(const T *H, i64 K, int lane, T (&h)[OWN_K][COLS]) const {
#pragma unroll
        for (int i = 0; i < OWN_K; ++i) {
            const i64 k = (i / VEC * LANES + lane) * VEC + i % VEC;
#pragma unroll
            for (int c = 0; c < COLS; ++c) h[i][c] = k < K && column(c) < N ? H[k * N + column(c)] : T(0);
        }
    }
    __device__ __forceinline__ void rows_of_v(const T *V, i64 f, i64 last, T (&v)[OWN][COLS]) const {
#pragma unroll
        for (int r = 0; r < OWN; ++r)
#pragma unroll
            for (int c = 0; c < COLS; ++c) v[r][c] = f + r < last && column(c) < N ? V[(f + r) * N + column(c)] : T(0);
    }
};

// Runs `work(tile, row, f)` for every STEP rows f of the item, with the tiles of W streaming through `memory`; `start`
// is called once per tile.
template <typename Start, typename Work>
__device__ __forceinline__ void stream(const Item &item, const Problem &p, const T *W, T *memory, Start start, Work work) {
    for (int stage = 0; stage < STAGES - 1; ++stage) {
        load_tile(p, W, item.first + stage * ROWS, item.last, memory + stage * ROWS * STRIDE);
        commit_copies();
    }
    int slot = 0;
    for (i64 f = item.first; f < item.last; f += ROWS) {
        wait_copies<STAGES - 2>();
        __syncthreads();
        const int next = (slot + STAGES - 1) % STAGES;
        load_tile(p, W, f + (STAGES - 1) * ROWS, item.last, memory + next * ROWS * STRIDE);
        commit_copies();
        const T *tile = memory + slot * ROWS * STRIDE;
        start(tile);
#pragma unroll 1  // unrolled, it would need more registers than there are
        for (int row = 0; row < ROWS && f + row < item.last; row += STEP) work(tile + row * STRIDE, f + row);
        slot = (slot + 1) % STAGES;
    }
    wait_copies<0>();
    __syncthreads();
}

extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS)
gradient(const Item *items, const Problem *problems, const T *V, const T *Wt, T *H, const T *U, const double *floor,
         double beta, double exponent, const T *add_neg, const T *add_pos, T *neg_out, T *pos_out, T *work) {
    SHARED_MEMORY(shared);
    T *tiles = reinterpret_cast<T *>(shared), *totals = tiles + BUFFER;  // totals: Σ_f of each row of Wt
    const Item item = items[blockIdx.x];
    const Problem p = problems[item.problem];
    const int lane = threadIdx.x % LANES;
    const int row = lane / ALIKE * OWN;  // of the STEP rows, the first whose ratio this lane forms
    const Columns columns{item.column + int(threadIdx.x) / LANES, p.N};
    const T low = T(floor[item.problem]);
    const T *v_at = V + p.v_at, *u_at = U ? U + p.v_at : nullptr;

    T h[OWN_K][COLS], neg[OWN_K][COLS], pos[OWN_K][COLS], v[OWN][COLS], u[OWN][COLS];
    columns.rows_of_h(H + p.h_at, p.K, lane, h);
#pragma unroll
    for (int i = 0; i < OWN_K; ++i)
#pragma unroll
        for (int c = 0; c < COLS; ++c) neg[i][c] = pos[i][c] = T(0);
    if (!DUAL)
        for (int k = threadIdx.x; k < KP; k += THREADS) totals[k] = T(0);
    columns.rows_of_v(v_at, item.first + row, item.last, v);
    if (DUAL && u_at) columns.rows_of_v(u_at, item.first + row, item.last, u);

    stream(item, p, Wt + p.w_at, tiles,
        [&](const T *tile) {
            if (!DUAL)
                for (int k = threadIdx.x; k < KP; k += THREADS) {
                    T sum = T(0);
                    for (int r = 0; r < ROWS; ++r) sum += tile[r * STRIDE + k];
                    totals[k] += sum;
                }
        },
        [&](const T *tile, i64 f) {
            T lam[STEP][COLS], below[STEP][COLS];
            form(tile, h, lane, lam);
#pragma unroll
            for (int r = 0; r < OWN; ++r)
#pragma unroll
                for (int c = 0; c < COLS; ++c)
                    ratio<T>(KIND, lam[r][c], v[r][c], DUAL && u_at ? u[r][c] : T(1), low, T(beta), lam[r][c], below[r][c]);
            columns.rows_of_v(v_at, f + STEP + row, item.last, v);
            if (DUAL && u_at) columns.rows_of_v(u_at, f + STEP + row, item.last, u);
            spread<ALIKE, OWN>(lane, lam);
            collect(tile, lam, lane, neg);
            if (DUAL) {
                spread<ALIKE, OWN>(lane, below);
                collect(tile, below, lane, pos);
            }
        });

    // By way of shared memory, 16 bytes of components at a time: a rolled loop that writes whole rows of H.
    const Target<T> target{H, neg_out, pos_out, work, add_neg, add_pos, T(exponent)};
    T *above = tiles, *below = tiles + PIECE * WIDTH;
#pragma unroll
    for (int j = 0; j < CHUNKS; ++j) {
        __syncthreads();
#pragma unroll
        for (int i = 0; i < VEC; ++i)
#pragma unroll
            for (int c = 0; c < COLS; ++c) {
                const int at = (lane * VEC + i) * WIDTH + c * SLOTS + int(threadIdx.x) / LANES;
                above[at] = neg[j * VEC + i][c];
                below[at] = pos[j * VEC + i][c];
            }
        __syncthreads();
#pragma unroll 1
        for (int i = threadIdx.x; i < PIECE * WIDTH; i += THREADS) {
            const i64 k = j * PIECE + i / WIDTH, n = item.column + i % WIDTH;
            if (k < p.K && n < p.N) target.put(item, p, k, n, above[i], DUAL ? below[i] : totals[k], !DUAL);
        }
    }
}

constexpr double MOST = 1e300;  // what overflows counts as this: a sum of some is still a number

// d_β(v | λ), as nmfcore/divergence.py.
__device__ __forceinline__ double distance(double v, double lam, double beta) {
    if (beta == 2) return 0.5 * (v - lam) * (v - lam);
    if (beta == 1) return (v > 0 ? v * log(v / lam) : 0.0) - v + lam;
    if (beta == 0) return v / lam - log(v / lam) - 1;
    if (beta < 0) {  // powers of what is near the floor overflow: of the ratio first, then of the level, and never beyond
        const double ratio = fmin(pow(v / lam, beta), MOST) + (beta - 1) - beta * v / lam;
        return fmin(fmax(ratio, 0.0) / (beta * (beta - 1)) * fmin(pow(lam, beta), MOST), MOST);
    }
    const double less = pow(lam, beta - 1);
    return ((v > 0 ? pow(v, beta) : 0.0) + (beta - 1) * less * lam - beta * v * less) / (beta * (beta - 1));
}

// The part of D_β that belongs to each item: Λ as in the update, compared in double.
extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS)
divergence(const Item *items, const Problem *problems, const T *V, const T *Wt, const T *H, const T *U,
           const double *floor, double beta, double *values) {
    SHARED_MEMORY(shared);
    T *tiles = reinterpret_cast<T *>(shared);
    const Item item = items[blockIdx.x];
    const Problem p = problems[item.problem];
    const int lane = threadIdx.x % LANES;
    const int row = lane / ALIKE * OWN;  // of the STEP rows, the first whose ratio this lane forms
    const Columns columns{item.column + int(threadIdx.x) / LANES, p.N};
    const double low = floor[item.problem];
    const T *v_at = V + p.v_at, *u_at = U ? U + p.v_at : nullptr;

    T h[OWN_K][COLS];
    columns.rows_of_h(H + p.h_at, p.K, lane, h);
    double total = 0;
    stream(item, p, Wt + p.w_at, tiles, [](const T *) {},
        [&](const T *tile, i64 f) {
            T lam[STEP][COLS];
            form(tile, h, lane, lam);
            if (lane % ALIKE) return;  // another lane has the same rows
#pragma unroll
            for (int r = 0; r < OWN; ++r)
#pragma unroll
                for (int c = 0; c < COLS; ++c) {
                    const i64 at = f + row + r, n = columns.column(c);
                    if (at >= item.last || n >= p.N) continue;
                    double v = v_at[at * p.N + n];
                    if (beta <= 0 && v < low) v = low;
                    const double d = distance(v, double(lam[r][c]) > low ? double(lam[r][c]) : low, beta);
                    total += u_at ? d * u_at[at * p.N + n] : d;
                }
        });

    double *partial = reinterpret_cast<double *>(shared);  // the tiles are done with
    partial[threadIdx.x] = total;
    for (int half = THREADS / 2; half > 0; half /= 2) {
        __syncthreads();
        if (int(threadIdx.x) < half) partial[threadIdx.x] += partial[threadIdx.x + half];
    }
    if (threadIdx.x == 0) values[blockIdx.x] = partial[0];
}
