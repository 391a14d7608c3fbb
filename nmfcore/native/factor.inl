// The fused update of one factor: Λ = WᵀH tile by tile, the β-ratio in registers, and its product with W at once.
// Included inside the variant's namespace.
//
// A thread owns a panel of COLS columns of one problem. It keeps that panel of H and the accumulators of the two
// parts of the gradient in cache, and goes down the rows of V in chunks:
//   1. ROWS × COLS entries of Λ are accumulated in registers over k; V is read, once, and the ratio formed there;
//      the ratio goes to a chunk buffer in L1;
//   2. the chunk is multiplied by W, several rows k at a time, with accumulators in registers again.
// Nothing of the size of V is written, and a panel's sums belong to one thread: the result does not depend on the
// number of threads. W is packed as [row block][k][ROWS], which both products read by broadcasts.

enum Kind { KL, KL_WEIGHTED, IS, EUCLIDEAN, GENERAL };

// Register tiles: ROWS × VECS vectors of Λ beside VECS of H; KTILE × VECS accumulators in the second product.
#if defined(__AVX512F__)
constexpr int ROWS = 8, KTILE = 8;
#else
constexpr int ROWS = 6, KTILE = 4;
#endif
constexpr int VECS = 2, BLOCKS = 8, CHUNK = ROWS * BLOCKS;
// A V of at most so many bytes stays in the cores' own caches from iteration to iteration, as long as each thread keeps
// its panels; above, they are shared out as threads become free.
constexpr int64_t RESIDENT = 1 << 22;
constexpr int64_t SMALL = 1 << 17;  // multiply-adds below which threads cost more than they bring

template <typename T> struct Panel {
    static constexpr int cols = VECS * Simd<T>::lanes;
};

inline int64_t blocks_of(int64_t rows) { return (rows + ROWS - 1) / ROWS; }

// Wt (K, F) → [block][k][ROWS], zeros below the last row.
template <typename T> static void pack_block(const T *Wt, const Problem &p, int64_t block, T *out) {
    const int64_t first = block * ROWS;
    const int have = int(p.F - first < ROWS ? p.F - first : ROWS);
    if (have == ROWS) {
        for (int64_t k = 0; k < p.K; ++k) __builtin_memcpy(out + k * ROWS, Wt + k * p.F + first, ROWS * sizeof(T));
        return;
    }
    for (int64_t k = 0; k < p.K; ++k)
        for (int r = 0; r < ROWS; ++r) out[k * ROWS + r] = r < have ? Wt[k * p.F + first + r] : T(0);
}

// The two factors of the gradient at one vector of Λ: neg = u v Λ^(β−2), pos = u Λ^(β−1).
template <typename T, Kind KIND>
NMF_INLINE void ratio(Vec<T> lam, Vec<T> v, Vec<T> u, T low, T beta, Vec<T> &neg, Vec<T> &pos) {
    lam = vmax(lam, splat(low));
    if constexpr (KIND == KL) {
        neg = v * reciprocal(lam);
    } else if constexpr (KIND == KL_WEIGHTED) {
        neg = u * v * reciprocal(lam);
        pos = u;
    } else if constexpr (KIND == IS) {
        const Vec<T> inverse = reciprocal(lam);
        pos = u * inverse;
        neg = vmin(vmax(v, splat(low)) * inverse * pos, splat(Simd<T>::largest));
    } else if constexpr (KIND == EUCLIDEAN) {
        neg = u * v;
        pos = u * lam;
    } else {
        const Vec<T> power = u * vpow<T>(lam, beta - 2);
        neg = vmin((beta < 0 ? vmax(v, splat(low)) : v) * power, splat(Simd<T>::largest));
        pos = vmin(lam * power, splat(Simd<T>::largest));
    }
}

// Λ of ROWS × (NV vectors), in registers.
template <typename T, int NV>
NMF_INLINE void product(const T *w, const T *h, int64_t K, Vec<T> (&acc)[ROWS][NV]) {
    constexpr int L = Simd<T>::lanes;
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j) acc[r][j] = Vec<T>{};
    for (int64_t k = 0; k < K; ++k, w += ROWS, h += VECS * L) {
        Vec<T> column[NV];
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j) column[j] = load(h + j * L);
#pragma GCC unroll 16
        for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 4
            for (int j = 0; j < NV; ++j) acc[r][j] += w[r] * column[j];
    }
}

// The ratio at a whole register tile; `row` and `weight` point to its corner in V and the weights. At the edges of V
// (not WHOLE) only `have` columns and `used` rows exist; rows beyond them become zero.
template <typename T, Kind KIND, int NV, bool WHOLE>
NMF_INLINE void ratios(const Vec<T> (&acc)[ROWS][NV], const T *row, const T *weight, int64_t N, int have, int used, T low,
                       T beta, T *neg, T *pos) {
    constexpr int L = Simd<T>::lanes, C = VECS * L;
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j) {
            Vec<T> above{}, below{}, u = splat<T>(1);
            if (WHOLE || r < used) {
                const int n = have - j * L;
                const Vec<T> v = WHOLE ? load(row + r * N + j * L) : load_first(row + r * N + j * L, n);
                if (KIND != KL && weight) u = WHOLE ? load(weight + r * N + j * L) : load_first(weight + r * N + j * L, n);
                ratio<T, KIND>(acc[r][j], v, u, low, beta, above, below);
            }
            store(neg + r * C + j * L, above);
            if (KIND != KL) store(pos + r * C + j * L, below);
        }
}

// acc[k] += Σ_r w[r][k] q[r] for KT rows k, over the rows of the chunk. The chunk's own sum begins at zero: one long
// sum over all rows of V would lose digits that sums of sums keep.
template <typename T, int NV, int KT>
NMF_INLINE void back(const T *w, int64_t K, const T *q, int blocks, T *acc) {
    constexpr int L = Simd<T>::lanes, C = VECS * L;
    Vec<T> sum[KT][NV];
#pragma GCC unroll 16
    for (int k = 0; k < KT; ++k)
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j) sum[k][j] = Vec<T>{};
    for (int b = 0; b < blocks; ++b, w += K * ROWS) {
        for (int r = 0; r < ROWS; ++r, q += C) {
            Vec<T> entry[NV];
#pragma GCC unroll 4
            for (int j = 0; j < NV; ++j) entry[j] = load(q + j * L);
#pragma GCC unroll 16
            for (int k = 0; k < KT; ++k)
#pragma GCC unroll 4
                for (int j = 0; j < NV; ++j) sum[k][j] += w[k * ROWS + r] * entry[j];
        }
    }
#pragma GCC unroll 16
    for (int k = 0; k < KT; ++k)
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j) store(acc + k * C + j * L, load(acc + k * C + j * L) + sum[k][j]);
}

template <typename T, int NV>
static void back_all(const T *w, int64_t K, int64_t k0, int64_t k1, const T *q, int blocks, T *acc) {
    constexpr int C = Panel<T>::cols;
    int64_t k = k0;
    for (; k + KTILE <= k1; k += KTILE) back<T, NV, KTILE>(w + k * ROWS, K, q, blocks, acc + (k - k0) * C);
    w += k * ROWS;
    acc += (k - k0) * C;
    switch (k1 - k) {
        case 7: back<T, NV, 7>(w, K, q, blocks, acc); break;
        case 6: back<T, NV, 6>(w, K, q, blocks, acc); break;
        case 5: back<T, NV, 5>(w, K, q, blocks, acc); break;
        case 4: back<T, NV, 4>(w, K, q, blocks, acc); break;
        case 3: back<T, NV, 3>(w, K, q, blocks, acc); break;
        case 2: back<T, NV, 2>(w, K, q, blocks, acc); break;
        case 1: back<T, NV, 1>(w, K, q, blocks, acc); break;
        default: break;
    }
}

template <typename T> NMF_INLINE Vec<T> power(Vec<T> x, double exponent) {
    if (exponent == 1.0) return x;
    if (exponent == 0.5) return vsqrt(x);
    const auto zero = x <= T(0);
    const Vec<T> raised = vpow<T>(zero ? splat<T>(1) : x, T(exponent));
    return zero ? Vec<T>{} : raised;
}

// Scratch of one panel, in entries of T: H, the two accumulators, the two ratio chunks.
template <typename T> inline int64_t panel_scratch(int64_t K) { return Panel<T>::cols * (3 * K + 2 * CHUNK); }

// One panel of columns n0…n0+cols of problem p: both parts of the gradient, then either stored or applied.
template <typename T, Kind KIND, int NV>
static void panel(const FactorJob<T> &job, int64_t index, const T *packed, const T *totals, int64_t n0, T *scratch) {
    constexpr int L = Simd<T>::lanes, C = Panel<T>::cols;
    constexpr bool DUAL = KIND != KL;
    const Problem &p = job.problems[index];
    const int64_t K = p.K, rows = p.k1 - p.k0;
    const int have = int(p.N - n0 < C ? p.N - n0 : C);
    const T low = T(job.floor[index]), beta = T(job.beta);
    T *h = scratch, *neg = h + K * C, *pos = neg + K * C, *q = pos + K * C, *q2 = q + CHUNK * C;

    T *H = job.H + p.h_at + n0;
    for (int64_t k = 0; k < K; ++k)
        for (int j = 0; j < NV; ++j) store(h + k * C + j * L, load_first(H + k * p.N + j * L, have - j * L));
    __builtin_memset(neg, 0, rows * C * sizeof(T));
    if (DUAL) __builtin_memset(pos, 0, rows * C * sizeof(T));

    const T *V = job.V + p.v_at + n0;
    const T *U = job.weights ? job.weights + p.v_at + n0 : nullptr;
    const bool whole = have >= NV * L;
    for (int64_t f0 = 0; f0 < p.F; f0 += CHUNK) {
        const int64_t left = p.F - f0;
        const int blocks = int(left >= CHUNK ? BLOCKS : blocks_of(left));
        const T *w = packed + f0 * K;
        for (int b = 0; b < blocks; ++b) {
            Vec<T> acc[ROWS][NV];
            product<T, NV>(w + b * ROWS * K, h, K, acc);
            const int64_t first = f0 + b * ROWS;
            const T *row = V + first * p.N;
            const int used = int(p.F - first < ROWS ? p.F - first : ROWS);
            if (first + 2 * ROWS <= p.F)  // strides of whole rows defeat the hardware's prefetcher
                for (int r = 0; r < ROWS; ++r) {
                    __builtin_prefetch(row + (ROWS + r) * p.N);
                    __builtin_prefetch(row + (ROWS + r) * p.N + L);
                }
            T *at = q + b * ROWS * C, *at2 = q2 + b * ROWS * C;
            const T *weight = U ? U + first * p.N : nullptr;
            if (whole && used == ROWS)
                ratios<T, KIND, NV, true>(acc, row, weight, p.N, have, used, low, beta, at, at2);
            else
                ratios<T, KIND, NV, false>(acc, row, weight, p.N, have, used, low, beta, at, at2);
        }
        back_all<T, NV>(w, K, p.k0, p.k1, q, blocks, neg);
        if (DUAL) back_all<T, NV>(w, K, p.k0, p.k1, q2, blocks, pos);
    }

    for (int64_t k = p.k0; k < p.k1; ++k) {
        const T more_neg = job.add_neg ? job.add_neg[p.row_at + k] : T(0);
        const T more_pos = job.add_pos ? job.add_pos[p.row_at + k] : T(0);
        for (int j = 0; j < NV; ++j) {
            const int64_t at = (k - p.k0) * C + j * L, out = p.h_at + k * p.N + n0 + j * L;
            const int n = have - j * L;
            const Vec<T> most = splat(Simd<T>::largest);
            const Vec<T> above = vmin(load(neg + at) + more_neg, most);
            const Vec<T> below = vmin((DUAL ? load(pos + at) : splat(totals[k])) + more_pos, most);
            if (job.neg) {
                store_first(job.neg + out, above, n);
                store_first(job.pos + out, below, n);
            } else {
                const auto some = below > T(0);
                const Vec<T> step = some ? above / (some ? below : splat<T>(1)) : Vec<T>{};
                // What is zero stays so, also where Λ is at its floor and the step beyond all numbers.
                const Vec<T> old = load(h + k * C + j * L);
                const Vec<T> fresh = vmin(old * power<T>(step, job.exponent), most);
                store_first(job.H + out, old > T(0) ? fresh : Vec<T>{}, n);
            }
        }
    }
}

// Σ_f of one row of Wt, the whole positive part of the gradient for KL. In eight interleaved sums of doubles: a
// single one would wait for each addition.
template <typename T> static T row_sum(const T *row, int64_t F) {
    double part[8] = {};
    int64_t f = 0;
    for (; f + 8 <= F; f += 8)
        for (int i = 0; i < 8; ++i) part[i] += row[f + i];
    double sum = 0;
    for (; f < F; ++f) sum += row[f];
    for (int i = 0; i < 8; ++i) sum += part[i];
    return T(sum);
}

template <typename T, Kind KIND>
static void any_panel(const FactorJob<T> &job, int64_t b, const T *packed, const T *totals, int64_t n0, T *scratch) {
    if (job.problems[b].N - n0 <= Simd<T>::lanes)
        panel<T, KIND, 1>(job, b, packed, totals, n0, scratch);
    else
        panel<T, KIND, VECS>(job, b, packed, totals, n0, scratch);
}

// A panel of this problem, for every kind of divergence.
template <typename T, Kind KIND> struct Update {
    static void run(const FactorJob<T> &job, int64_t b, const T *packed, const T *totals, int64_t n0, T *scratch,
                    double *) {
        any_panel<T, KIND>(job, b, packed, totals, n0, scratch);
    }
};

// Run WORK on every panel of every problem. With many problems each thread packs the W of its own problem; with few,
// all threads share in packing and in the panels.
template <typename T, typename WORK>
static void for_all_panels(const FactorJob<T> &job, double *panel_values, const int64_t *first_panel) {
    constexpr int C = Panel<T>::cols;
    int64_t K = 0, packed_max = 0, packed_sum = 0, work = 0, panels = 0;
    for (int64_t b = 0; b < job.count; ++b) {
        const Problem &p = job.problems[b];
        const int64_t size = blocks_of(p.F) * ROWS * p.K + p.K + 64;
        if (p.K > K) K = p.K;
        if (size > packed_max) packed_max = size;
        packed_sum += size;
        work += p.F * p.N * p.K;
        panels += (p.N + C - 1) / C;
    }
    const int threads = work < SMALL || panels < 2 ? 1 : job.threads;
    const bool shared = job.count < 4 * int64_t(threads);
    Scratch common(shared ? packed_sum * int64_t(sizeof(T)) : 64);

#pragma omp parallel num_threads(threads) if (threads > 1)
    {
        FlushSubnormals flush;
        Scratch own((panel_scratch<T>(K) + (shared ? 0 : packed_max) + 64) * int64_t(sizeof(T)));
        T *scratch = static_cast<T *>(own.memory);
        if (shared) {
            T *at = static_cast<T *>(common.memory);
            for (int64_t b = 0; b < job.count; ++b) {
                const Problem &p = job.problems[b];
                const int64_t blocks = blocks_of(p.F), panels_here = (p.N + C - 1) / C;
                T *packed = at, *totals = packed + blocks * ROWS * p.K;
                at = totals + p.K + 64;
#pragma omp for schedule(static) nowait
                for (int64_t i = 0; i < blocks; ++i) pack_block(job.Wt + p.w_at, p, i, packed + i * ROWS * p.K);
#pragma omp for schedule(static)  // its barrier also ends the packing
                for (int64_t k = 0; k < p.K; ++k) totals[k] = row_sum(job.Wt + p.w_at + k * p.F, p.F);
                const auto run = [&](int64_t i) {
                    WORK::run(job, b, packed, totals, i * C, scratch, panel_values + (panel_values ? first_panel[b] + i : 0));
                };
                if (p.F * p.N * int64_t(sizeof(T)) <= RESIDENT) {
#pragma omp for schedule(static) nowait
                    for (int64_t i = 0; i < panels_here; ++i) run(i);
                } else {
#pragma omp for schedule(dynamic, 1) nowait
                    for (int64_t i = 0; i < panels_here; ++i) run(i);
                }
            }
        } else {
            T *packed = scratch + panel_scratch<T>(K);
#pragma omp for schedule(dynamic, 1)
            for (int64_t b = 0; b < job.count; ++b) {
                const Problem &p = job.problems[b];
                const int64_t blocks = blocks_of(p.F);
                T *totals = packed + blocks * ROWS * p.K;
                for (int64_t i = 0; i < blocks; ++i) pack_block(job.Wt + p.w_at, p, i, packed + i * ROWS * p.K);
                for (int64_t k = 0; k < p.K; ++k) totals[k] = row_sum(job.Wt + p.w_at + k * p.F, p.F);
                for (int64_t i = 0; i * C < p.N; ++i)
                    WORK::run(job, b, packed, totals, i * C, scratch, panel_values + (panel_values ? first_panel[b] + i : 0));
            }
        }
    }
}

template <typename T> static void update(const FactorJob<T> &job) {
    if (job.beta == 1 && !job.weights)
        for_all_panels<T, Update<T, KL>>(job, nullptr, nullptr);
    else if (job.beta == 1)
        for_all_panels<T, Update<T, KL_WEIGHTED>>(job, nullptr, nullptr);
    else if (job.beta == 0)
        for_all_panels<T, Update<T, IS>>(job, nullptr, nullptr);
    else if (job.beta == 2)
        for_all_panels<T, Update<T, EUCLIDEAN>>(job, nullptr, nullptr);
    else
        for_all_panels<T, Update<T, GENERAL>>(job, nullptr, nullptr);
}

// d_β(v | λ), in double.
NMF_INLINE Vec<double> entry_divergence(Vec<double> v, Vec<double> lam, double beta) {
    if (beta == 2) return 0.5 * (v - lam) * (v - lam);
    if (beta == 1) {
        const auto some = v > 0.0;
        const Vec<double> quotient = some ? v / lam : splat(1.0);
        return v * vlog<double>(quotient) - v + lam;
    }
    if (beta == 0) {
        const Vec<double> quotient = v / lam;
        return quotient - vlog<double>(quotient) - 1.0;
    }
    const auto some = v > 0.0;
    const Vec<double> power = vpow<double>(lam, beta - 1);
    const Vec<double> own = some ? vpow<double>(some ? v : splat(1.0), beta) : Vec<double>{};
    return (own + (beta - 1) * power * lam - beta * v * power) / (beta * (beta - 1));
}

// The divergence of one panel; Λ is formed as in the update, compared in double.
template <typename T> struct Divergence {
    static void run(const FactorJob<T> &job, int64_t index, const T *packed, const T *, int64_t n0, T *scratch,
                    double *value) {
        constexpr int L = Simd<T>::lanes, C = Panel<T>::cols, D = Simd<double>::lanes;
        const Problem &p = job.problems[index];
        const int have = int(p.N - n0 < C ? p.N - n0 : C);
        const double low = job.floor[index];
        T *h = scratch;
        double *v = reinterpret_cast<double *>(h + p.K * C), *lam = v + C, *u = lam + C;
        for (int64_t k = 0; k < p.K; ++k)
            for (int j = 0; j < VECS; ++j)
                store(h + k * C + j * L, load_first(job.H + p.h_at + k * p.N + n0 + j * L, have - j * L));
        Vec<double> sum{};
        for (int64_t b = 0; b < blocks_of(p.F); ++b) {
            Vec<T> acc[ROWS][VECS];
            product<T, VECS>(packed + b * ROWS * p.K, h, p.K, acc);
            for (int r = 0; r < ROWS && b * ROWS + r < p.F; ++r) {
                const int64_t at = p.v_at + (b * ROWS + r) * p.N + n0;
                T tile[C];
                for (int j = 0; j < VECS; ++j) store(tile + j * L, acc[r][j]);
                for (int i = 0; i < C; ++i) {
                    const bool in = i < have;
                    // Entries beyond the edge compare 1 with 1 and weigh nothing.
                    lam[i] = in ? (double(tile[i]) > low ? double(tile[i]) : low) : 1.0;
                    v[i] = in ? double(job.V[at + i]) : 1.0;
                    if (in && job.beta <= 0 && v[i] < low) v[i] = low;
                    u[i] = in ? (job.weights ? double(job.weights[at + i]) : 1.0) : 0.0;
                }
                for (int i = 0; i < C; i += D)
                    sum += load(u + i) * entry_divergence(load(v + i), load(lam + i), job.beta);
            }
        }
        double total = 0;
        for (int i = 0; i < D; ++i) total += sum[i];
        *value = total;
    }
};

template <typename T> static void divergence(const FactorJob<T> &job, double *values) {
    constexpr int C = Panel<T>::cols;
    Scratch index((job.count + 1) * int64_t(sizeof(int64_t)));
    int64_t *first = static_cast<int64_t *>(index.memory), panels = 0;
    for (int64_t b = 0; b < job.count; ++b) {
        first[b] = panels;
        panels += (job.problems[b].N + C - 1) / C;
    }
    first[job.count] = panels;
    Scratch each(panels * int64_t(sizeof(double)));
    double *by_panel = static_cast<double *>(each.memory);
    for_all_panels<T, Divergence<T>>(job, by_panel, first);
    for (int64_t b = 0; b < job.count; ++b) {  // in a fixed order
        values[b] = 0;
        for (int64_t i = first[b]; i < first[b + 1]; ++i) values[b] += by_panel[i];
    }
}
