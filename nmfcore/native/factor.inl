// The fused update of one factor: Λ = WᵀH tile by tile, the β-ratio in registers, and its product with W at once.
// Included inside the variant's namespace.
//
// A thread owns a panel of a few columns of one problem. It keeps that panel of H and the accumulators of the two
// parts of the gradient in cache, and goes down the rows of V in chunks:
//   1. ROWS × (VECS vectors) of Λ are accumulated in registers over k; V is read, once, and the ratio formed there;
//      the ratio goes to a chunk buffer in L1;
//   2. the chunk is multiplied by W, several rows k at a time, with accumulators in registers again.
// Nothing of the size of V is written, and a panel's sums belong to one thread: the result does not depend on the
// number of threads. W is packed as [row block][k][ROWS], which both products read by broadcasts.

// HALF and THREE_HALVES are β = ½ and 1½, where a reciprocal root takes the place of two powers.
// FROBENIUS, β = 2 without weights, forms no Λ: WᵀV is one product, and (WᵀW)H a small one.
enum Kind { KL, KL_WEIGHTED, IS, FROBENIUS, EUCLIDEAN, HALF, THREE_HALVES, GENERAL };

// Register tiles: ROWS × VECS vectors of Λ beside VECS of H; KTILE × VECS accumulators in the second product.
#if defined(__AVX512F__)
constexpr int ROWS = 8, KTILE = 10;
#else
constexpr int ROWS = 6, KTILE = 4;
#endif
constexpr int VECS = 2, BLOCKS = 8, CHUNK = ROWS * BLOCKS;
// Matrices V of at most so many bytes stay in the cores' own caches from sweep to sweep, as long as each thread keeps its
// panels; above, they are shared out as threads become free.
constexpr int64_t RESIDENT = 1 << 22;
constexpr int64_t W_CACHED = 1 << 19;  // bytes of W that are to stay in a core's own cache
constexpr int GROUP = 4;               // panels that share them where W is larger
constexpr int64_t SMALL = 1 << 17;  // multiply-adds below which threads cost more than they bring

// A panel under way: its columns n0…n0+have of H, and the accumulators of the two parts of the gradient.
template <typename T> struct Panel {
    static constexpr int cols = VECS * Simd<T>::lanes;
    static constexpr int64_t size(int64_t K) { return (3 * K + ROWS) * cols; }

    T *h, *neg, *pos;  // (K, cols); h ends in a block of zeros
    int64_t n0;
    int have;
    Panel(T *memory, const Problem &p, int64_t index)
        : h(memory), neg(h + (p.K + ROWS) * cols), pos(neg + p.K * cols), n0(index * cols),
          have(int(p.N - n0 < cols ? p.N - n0 : cols)) {}
};

inline int64_t blocks_of(int64_t rows) { return (rows + ROWS - 1) / ROWS; }

// Wt (K, F) → [block][k][ROWS], zeros below the last row. A few blocks at a time: a row of Wt is far from the next.
template <typename T> static void pack(const T *Wt, const Problem &p, T *out) {
    for (int64_t first = 0; first < p.F; first += CHUNK, out += CHUNK * p.K) {
        const int have = int(p.F - first < CHUNK ? p.F - first : CHUNK), whole = have / ROWS;
        for (int64_t k = 0; k < p.K; ++k) {
            const T *row = Wt + k * p.F + first;
            T *at = out + k * ROWS;
            for (int i = 0; i < whole; ++i) __builtin_memcpy(at + i * ROWS * p.K, row + i * ROWS, ROWS * sizeof(T));
            if (whole * ROWS < have)
                for (int r = 0; r < ROWS; ++r)
                    at[whole * ROWS * p.K + r] = whole * ROWS + r < have ? row[whole * ROWS + r] : T(0);
        }
    }
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
    } else if constexpr (KIND == HALF) {
        const Vec<T> root = reciprocal_root(lam);
        pos = u * root;
        neg = vmin(v * (root * root) * pos, splat(Simd<T>::largest));
    } else if constexpr (KIND == THREE_HALVES) {
        const Vec<T> root = u * reciprocal_root(lam);
        neg = v * root;
        pos = lam * root;
    } else {
        const Vec<T> power = u * vpow<T>(lam, beta - 2);
        neg = vmin((beta < 0 ? vmax(v, splat(low)) : v) * power, splat(Simd<T>::largest));
        pos = vmin(lam * power, splat(Simd<T>::largest));
    }
}

// A panel's part of a row of V, which may touch a line more than its size needs.
template <typename T> NMF_INLINE void fetch_row(const T *row) {
    __builtin_prefetch(row);
    __builtin_prefetch(row + Simd<T>::lanes);
    __builtin_prefetch(row + 2 * Simd<T>::lanes - 1);
}

// Λ of ROWS × (NV vectors), in registers. Meanwhile the rows of V at `ahead` are fetched, one with each k: strides of
// whole rows defeat the hardware's prefetcher, and all requests at once would keep the next W from coming.
template <typename T, int NV>
NMF_INLINE void product(const T *w, const T *h, int64_t K, const T *ahead, int64_t stride, Vec<T> (&acc)[ROWS][NV]) {
    constexpr int L = Simd<T>::lanes;
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j) acc[r][j] = Vec<T>{};
    for (int64_t k = 0; k < K; ++k, w += ROWS, h += VECS * L) {
        if (k < ROWS) {
            fetch_row(ahead);
            ahead += stride;
        }
        Vec<T> column[NV];
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j) column[j] = load(h + j * L);
#pragma GCC unroll 16
        for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 4
            for (int j = 0; j < NV; ++j) acc[r][j] += w[r] * column[j];
    }
}

// A register tile of V itself.
template <typename T, int NV> NMF_INLINE void copy_rows(const T *row, int64_t N, int have, int used, T *out) {
    constexpr int L = Simd<T>::lanes, C = VECS * L;
    for (int r = 0; r < ROWS; ++r)
        for (int j = 0; j < NV; ++j) {
            const T *at = row + r * N + j * L;
            const int n = r < used ? have - j * L : 0;
            store(out + r * C + j * L, n >= L ? load(at) : load_first(at, n));
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

// Rows of V to be fetched while something else is computed, a few at a time: `from`, one row in `every`.
template <typename T> struct Ahead {
    const T *from;
    int64_t stride;
    int every;
};

// acc[k] += Σ_r w[r][k] q[r] for KT rows k, over the rows of the chunk. The chunk's own sum begins at zero: one long
// sum over all rows of V would lose digits that sums of sums keep.
template <typename T, int NV, int KT, bool FETCH>
NMF_INLINE void back(const T *w, int64_t K, const T *q, int blocks, T *acc, Ahead<T> ahead) {
    constexpr int L = Simd<T>::lanes, C = VECS * L;
    Vec<T> sum[KT][NV];
#pragma GCC unroll 16
    for (int k = 0; k < KT; ++k)
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j) sum[k][j] = Vec<T>{};
    int wait = 1;
    for (int b = 0; b < blocks; ++b, w += K * ROWS) {
        for (int r = 0; r < ROWS; ++r, q += C) {
            if (FETCH && --wait == 0) {
                fetch_row(ahead.from);
                ahead.from += ahead.every * ahead.stride;
                wait = ahead.every;
            }
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

// As `back`, for those heights only that the registers have room for: no other is ever asked for, nor compiled.
template <typename T, int NV, int KT, bool FETCH>
NMF_INLINE void back_tile(const T *w, int64_t K, const T *q, int blocks, T *acc, Ahead<T> ahead) {
    if constexpr (KT <= KTILE) back<T, NV, KT, FETCH>(w, K, q, blocks, acc, ahead);
}

// For rows k0…k1. With FETCH, each tile of k fetches its share of the chunk of V that comes next.
template <typename T, int NV, bool FETCH = false>
static void back_all(const T *w, int64_t K, int64_t k0, int64_t k1, const T *q, int blocks, T *acc,
                     const T *next = nullptr, int64_t stride = 0) {
    constexpr int C = Panel<T>::cols;
    // Tiles of nearly the same height: a low one at the end would wait for each multiply-add.
    const int64_t tiles = (k1 - k0 + KTILE - 1) / KTILE;
    Ahead<T> ahead{next, stride, int(tiles)};
    for (int64_t tile = 0, k = k0; tile < tiles; ++tile, ahead.from += stride) {
        const int64_t height = (k1 - k) / (tiles - tile);
        const T *from = w + k * ROWS;
        T *to = acc + (k - k0) * C;
        switch (height) {
            case 10: back_tile<T, NV, 10, FETCH>(from, K, q, blocks, to, ahead); break;
            case 9: back_tile<T, NV, 9, FETCH>(from, K, q, blocks, to, ahead); break;
            case 8: back_tile<T, NV, 8, FETCH>(from, K, q, blocks, to, ahead); break;
            case 7: back_tile<T, NV, 7, FETCH>(from, K, q, blocks, to, ahead); break;
            case 6: back_tile<T, NV, 6, FETCH>(from, K, q, blocks, to, ahead); break;
            case 5: back_tile<T, NV, 5, FETCH>(from, K, q, blocks, to, ahead); break;
            case 4: back_tile<T, NV, 4, FETCH>(from, K, q, blocks, to, ahead); break;
            case 3: back_tile<T, NV, 3, FETCH>(from, K, q, blocks, to, ahead); break;
            case 2: back_tile<T, NV, 2, FETCH>(from, K, q, blocks, to, ahead); break;
            default: back_tile<T, NV, 1, FETCH>(from, K, q, blocks, to, ahead); break;
        }
        k += height;
    }
}

template <typename T> NMF_INLINE Vec<T> power(Vec<T> x, double exponent) {
    if (exponent == 1.0) return x;
    if (exponent == 0.5) return vsqrt(x);
    const auto zero = x <= T(0);
    const Vec<T> raised = vpow<T>(zero ? splat<T>(1) : x, T(exponent));
    return zero ? Vec<T>{} : raised;
}

// With momentum the update starts not from H but from H (H / last)^momentum: a step further the way it came.
template <typename T> NMF_INLINE Vec<T> extrapolated(Vec<T> h, Vec<T> last, T momentum) {
    const auto some = (h > T(0)) & (last > T(0));
    const Vec<T> step = some ? h / (some ? last : splat<T>(1)) : splat<T>(1);
    const Vec<T> least = splat(Simd<T>::smallest), most = splat(Simd<T>::largest);
    return vmin(h * vpow<T>(vmin(vmax(step, least), most), momentum), most);
}

template <typename T, int NV>
static void open(const FactorJob<T> &job, int64_t b, const Panel<T> &panel, const double *momentum = nullptr) {
    constexpr int L = Simd<T>::lanes, C = Panel<T>::cols;
    const Problem &p = job.problems[b];
    const T *H = job.H + p.h_at + panel.n0;
    for (int64_t k = 0; k < p.K; ++k)
        for (int j = 0; j < NV; ++j) {
            const int n = panel.have - j * L;
            Vec<T> h = load_first(H + k * p.N + j * L, n);
            if (momentum) {
                T *last = job.last + p.h_at + panel.n0 + k * p.N + j * L;
                const Vec<T> further = extrapolated<T>(h, load_first(last, n), T(momentum[b]));
                store_first(last, h, n);
                h = further;
            }
            store(panel.h + k * C + j * L, h);
        }
    __builtin_memset(panel.h + p.K * C, 0, (ROWS + 2 * p.K) * C * sizeof(T));
}

// Rows first…last of V into the panel's accumulators; `q` holds the ratios of a chunk. The first row begins a block.
template <typename T, Kind KIND, int NV>
static void add_rows(const FactorJob<T> &job, int64_t b, const T *packed, const Panel<T> &panel, int64_t begin,
                     int64_t end, T *q) {
    constexpr int L = Simd<T>::lanes, C = Panel<T>::cols;
    const Problem &p = job.problems[b];
    const T low = T(job.floor[b]), beta = T(job.beta);
    const T *V = job.V + p.v_at + panel.n0;
    const T *U = job.weights ? job.weights + p.v_at + panel.n0 : nullptr;
    const bool whole = panel.have >= NV * L;
    T *q2 = q + CHUNK * C;
    for (int64_t f0 = begin; f0 < end; f0 += CHUNK) {
        const int blocks = int(end - f0 >= CHUNK ? BLOCKS : blocks_of(end - f0));
        const T *w = packed + f0 * p.K;
        for (int i = 0; i < blocks; ++i) {
            Vec<T> acc[ROWS][NV];
            const int64_t first = f0 + i * ROWS;
            const T *row = V + first * p.N;
            const T *ahead = first + 3 * ROWS <= p.F ? row + 2 * ROWS * p.N : row;
            const int used = int(p.F - first < ROWS ? p.F - first : ROWS);
            T *at = q + i * ROWS * C, *at2 = q2 + i * ROWS * C;
            if constexpr (KIND == FROBENIUS) {
                copy_rows<T, NV>(row, p.N, panel.have, used, at);
                continue;
            }
            product<T, NV>(w + i * ROWS * p.K, panel.h, p.K, ahead, p.N, acc);
            const T *weight = U ? U + first * p.N : nullptr;
            if (whole && used == ROWS)
                ratios<T, KIND, NV, true>(acc, row, weight, p.N, panel.have, used, low, beta, at, at2);
            else
                ratios<T, KIND, NV, false>(acc, row, weight, p.N, panel.have, used, low, beta, at, at2);
        }
        if (KIND == FROBENIUS && f0 + 2 * CHUNK <= p.F)
            back_all<T, NV, true>(w, p.K, p.k0, p.k1, q, blocks, panel.neg, V + (f0 + CHUNK) * p.N, p.N);
        else
            back_all<T, NV>(w, p.K, p.k0, p.k1, q, blocks, panel.neg);
        if (KIND != KL && KIND != FROBENIUS) back_all<T, NV>(w, p.K, p.k0, p.k1, q2, blocks, panel.pos);
    }
}

// WtWtᵀ, packed as a W of K rows; W is that of the problem, or any other in its place. A stretch of all rows at a time,
// which stays in the core's own cache while each row meets every other.
template <typename T> static void pack_gram(const T *Wt, const Problem &p, T *out) {
    constexpr int L = Simd<T>::lanes, TALL = 4, WIDE = KTILE > 8 ? 4 : 2;  // as many sums as there are registers
    constexpr int64_t STRETCH = 64 * L;
    const auto at = [&](int64_t row, int64_t k) -> T & { return out[(row / ROWS * p.K + k) * ROWS + row % ROWS]; };
    __builtin_memset(out, 0, blocks_of(p.K) * ROWS * p.K * sizeof(T));
    for (int64_t begin = 0; begin < p.F; begin += STRETCH) {
        const int64_t end = begin + STRETCH < p.F ? begin + STRETCH : p.F;
        for (int64_t i0 = 0; i0 < p.K; i0 += TALL)
            for (int64_t j0 = 0; j0 < i0 + TALL && j0 < p.K; j0 += WIDE) {
                const T *left[TALL], *right[WIDE];  // beyond the last row, the last row again
                for (int i = 0; i < TALL; ++i) left[i] = Wt + (i0 + i < p.K ? i0 + i : p.K - 1) * p.F;
                for (int j = 0; j < WIDE; ++j) right[j] = Wt + (j0 + j < p.K ? j0 + j : p.K - 1) * p.F;
                Vec<T> sum[TALL][WIDE] = {};
                for (int64_t f = begin; f < end; f += L) {
                    const int n = int(end - f < L ? end - f : L);
                    Vec<T> other[WIDE];
#pragma GCC unroll 4
                    for (int j = 0; j < WIDE; ++j) other[j] = load_first(right[j] + f, n);
#pragma GCC unroll 4
                    for (int i = 0; i < TALL; ++i) {
                        const Vec<T> one = load_first(left[i] + f, n);
#pragma GCC unroll 4
                        for (int j = 0; j < WIDE; ++j) sum[i][j] += one * other[j];
                    }
                }
                T total[TALL][WIDE];  // all of them: sums that are asked for one by one would not stay in registers
#pragma GCC unroll 4
                for (int i = 0; i < TALL; ++i)
#pragma GCC unroll 4
                    for (int j = 0; j < WIDE; ++j) total[i][j] = lane_sum<T>(sum[i][j]);
                for (int i = 0; i < TALL && i0 + i < p.K; ++i)
                    for (int j = 0; j < WIDE && j0 + j <= i0 + i; ++j) at(i0 + i, j0 + j) += total[i][j];
            }
    }
    for (int64_t i = 0; i < p.K; ++i)
        for (int64_t j = 0; j < i; ++j) at(j, i) = at(i, j);
}

// What one thread works with: the W of the problem it is at, packed, with the sums of its rows or its WᵀW, and scratch.
// Where H is to explain signals M, λ AAᵀ stands in the place of WᵀW, and λ A is packed as a W of C rows.
template <typename T> struct Desk {
    Scratch memory;
    T *packed, *totals, *panels, *ratios, *signals, *weights, *gram;
    int64_t holds = -1;  // the problem whose W is packed
    const double *momentum = nullptr;  // of each problem in this sweep
    Desk(int64_t K, int64_t packed_size, int64_t C, bool grams)
        : memory((packed_size + K + 64 + (grams ? (K + ROWS) * K : 0) + GROUP * Panel<T>::size(K) +
                  2 * CHUNK * Panel<T>::cols + (C + ROWS) * (Panel<T>::cols + K)) *
                 int64_t(sizeof(T))),
          packed(static_cast<T *>(memory.memory)), totals(packed + packed_size), panels(totals + (K + 63) / 64 * 64),
          ratios(panels + GROUP * Panel<T>::size(K)), signals(ratios + 2 * CHUNK * Panel<T>::cols),
          weights(signals + (C + ROWS) * Panel<T>::cols), gram(weights + (C + ROWS) * K) {}

    void fetch_regression(const Problem &p, const Ending<T> &ending) {
        Problem mine = p;
        mine.F = ending.C;
        pack(ending.A, mine, weights);
        pack_gram(ending.A, mine, gram);
        const T lam = T(ending.lam);
        for (int64_t i = 0; i < blocks_of(ending.C) * ROWS * p.K; ++i) weights[i] *= lam;
        for (int64_t i = 0; i < blocks_of(p.K) * ROWS * p.K; ++i) gram[i] *= lam;
    }

    // Half of a sweep begins. W has changed, unless it is fixed, and so has what H is to explain.
    void start(const FactorJob<T> &job, int64_t sweep, bool fixed) {
        if (!fixed || job.ending == REGRESSED) holds = -1;
        if (job.momentum) momentum = job.momentum + sweep * job.count;
    }

    template <Kind KIND> void fetch(const FactorJob<T> &job, int64_t b) {
        if (b == holds) return;
        const Problem &p = job.problems[b];
        const T *Wt = job.Wt + p.w_at;
        pack(Wt, p, packed);
        if (KIND == KL)
            for (int64_t k = 0; k < p.K; ++k) totals[k] = T(row_sum(Wt + k * p.F, p.F));
        if (KIND == FROBENIUS) pack_gram(Wt, p, gram);
        if (job.ending == REGRESSED) fetch_regression(p, job.endings[b]);
        holds = b;
    }
};

// The negative part of the gradient of (λ/2) ‖M − HᵀA‖², λ A Mᵀ, joins that of the panel.
template <typename T, int NV>
static void explain(const Ending<T> &ending, const Desk<T> &desk, const Problem &p, const Panel<T> &panel) {
    constexpr int L = Simd<T>::lanes, C = Panel<T>::cols;
    for (int64_t c = 0; c < ending.C; ++c)
        for (int j = 0; j < NV; ++j)
            store(desk.signals + c * C + j * L, load_first(ending.M + c * p.N + panel.n0 + j * L, panel.have - j * L));
    __builtin_memset(desk.signals + ending.C * C, 0, ROWS * C * sizeof(T));
    back_all<T, NV>(desk.weights, p.K, p.k0, p.k1, desk.signals, int(blocks_of(ending.C)), panel.neg);
}

// Both parts of the gradient of the panel, either stored or applied.
template <typename T, Kind KIND, int NV>
static void close(const FactorJob<T> &job, int64_t b, const Desk<T> &desk, const Panel<T> &panel) {
    constexpr int L = Simd<T>::lanes, C = Panel<T>::cols;
    const Problem &p = job.problems[b];
    if (KIND == FROBENIUS || job.ending == REGRESSED)
        back_all<T, NV>(desk.gram, p.K, p.k0, p.k1, panel.h, int(blocks_of(p.K)), panel.pos);
    if (job.ending == REGRESSED) explain<T, NV>(job.endings[b], desk, p, panel);
    for (int64_t k = p.k0; k < p.k1; ++k) {
        const T more_neg = job.add_neg ? job.add_neg[p.row_at + k] : T(0);
        const T more_pos = job.add_pos ? job.add_pos[p.row_at + k] : T(0);
        for (int j = 0; j < NV; ++j) {
            const int64_t at = (k - p.k0) * C + j * L, out = p.h_at + k * p.N + panel.n0 + j * L;
            const int n = panel.have - j * L;
            const Vec<T> most = splat(Simd<T>::largest);
            const Vec<T> above = vmin(load(panel.neg + at) + more_neg, most);
            const Vec<T> same = splat(KIND == KL ? desk.totals[k] + more_pos : more_pos);
            const Vec<T> below = vmin(load(panel.pos + at) + same, most);
            if (job.neg) {
                store_first(job.neg + out, above, n);
                store_first(job.pos + out, below, n);
            } else {
                const auto some = below > T(0);
                const Vec<T> step = some ? above / (some ? below : splat<T>(1)) : Vec<T>{};
                // What is zero stays so, also where Λ is at its floor and the step beyond all numbers.
                const Vec<T> old = load(panel.h + k * C + j * L);
                const Vec<T> fresh = vmin(old * power<T>(step, job.exponent), most);
                store_first(job.H + out, old > T(0) ? fresh : Vec<T>{}, n);
            }
        }
    }
}

// The update of some panels of a problem. A group of panels goes down V together, as many rows at a time as W may
// have in the core's own cache.
template <typename T, Kind KIND> struct Update {
    static constexpr Kind kind = KIND;

    static void run(const FactorJob<T> &job, int64_t b, int64_t first, int64_t last, const Desk<T> &desk) {
        const Problem &p = job.problems[b];
        const int64_t fit = W_CACHED / (p.K * int64_t(sizeof(T))) / CHUNK * CHUNK, rows = fit < CHUNK ? CHUNK : fit;
        const int64_t group = p.F <= rows ? 1 : GROUP;
        for (int64_t at = first; at < last; at += group) {
            const int64_t end = at + group < last ? at + group : last;
            for (int64_t f = 0; f < p.F; f += rows)
                for (int64_t i = at; i < end; ++i) {
                    const Panel<T> panel(desk.panels + (i - at) * Panel<T>::size(p.K), p, i);
                    if (panel.have <= Simd<T>::lanes)
                        step<1>(job, b, panel, f, f + rows, desk);
                    else
                        step<VECS>(job, b, panel, f, f + rows, desk);
                }
        }
    }

    template <int NV>
    static void step(const FactorJob<T> &job, int64_t b, const Panel<T> &panel, int64_t begin, int64_t end,
                     const Desk<T> &desk) {
        const int64_t F = job.problems[b].F;
        if (begin == 0) open<T, NV>(job, b, panel, desk.momentum);
        add_rows<T, KIND, NV>(job, b, desk.packed, panel, begin, end < F ? end : F, desk.ratios);
        if (end >= F) close<T, KIND, NV>(job, b, desk, panel);
    }
};

// Part `part` of `parts` of a problem's panels, dealt out by vectors: the last panel may hold one only.
template <typename T, typename WORK>
static void work_on(const FactorJob<T> &job, int64_t b, int64_t part, int64_t parts, Desk<T> &desk) {
    const int64_t vectors = (job.problems[b].N + Simd<T>::lanes - 1) / Simd<T>::lanes;
    const int64_t first = (vectors * part / parts + 1) / VECS, last = (vectors * (part + 1) / parts + 1) / VECS;
    if (first == last) return;
    desk.template fetch<WORK::kind>(job, b);
    WORK::run(job, b, first, last, desk);
}

// `sweeps` times: WORK on every panel of every problem of each half in turn (an update of H, then of W, say).
// With many problems a thread stays with one for all its sweeps, in its own cache; with few, the threads share the
// panels of each. Every thread packs W for itself, which costs less than to wait for the others and to fetch what
// they packed.
template <typename T, typename WORK> static void run_sweeps(const FactorJob<T> *halves, int count, int64_t sweeps) {
    const FactorJob<T> &job = halves[0];
    int64_t K = 0, packed = 0, work = 0, V = 0, C = 0, ending = 0;
    for (int half = 0; half < count; ++half) {
        const int64_t bytes = ending_bytes(halves[half]);
        if (bytes > ending) ending = bytes;
        for (int64_t b = 0; b < job.count; ++b) {
            const Problem &p = halves[half].problems[b];
            const int64_t size = blocks_of(p.F) * ROWS * p.K;
            if (p.K > K) K = p.K;
            if (size > packed) packed = size;
            if (halves[half].ending == REGRESSED && halves[half].endings[b].C > C) C = halves[half].endings[b].C;
            if (half == 0) work += p.F * p.N * p.K, V += p.F * p.N * int64_t(sizeof(T));
        }
    }
    const int threads = work < SMALL ? 1 : job.threads;
    const bool whole = job.count >= 4 * int64_t(threads), resident = V <= RESIDENT;
    const int64_t parts = resident ? threads : 4 * threads;

#pragma omp parallel num_threads(threads) if (threads > 1)
    {
        FlushSubnormals flush;
        Desk<T> desk(K, packed, C, WORK::kind == FROBENIUS || C > 0);
        Scratch scratch(ending);
        if (whole) {
#pragma omp for schedule(dynamic, 1)
            for (int64_t i = 0; i < job.count; ++i)
                for (int64_t sweep = 0; sweep < sweeps; ++sweep)
                    for (int half = 0; half < count; ++half) {
                        desk.start(halves[half], sweep, count == 1);
                        begin_alone(halves[half], job.order[i]);
                        work_on<T, WORK>(halves[half], job.order[i], 0, 1, desk);
                        end_alone(halves[half], job.order[i], scratch.memory);
                    }
        } else {
            for (int64_t sweep = 0; sweep < sweeps; ++sweep)
                for (int half = 0; half < count; ++half) {
                    desk.start(halves[half], sweep, count == 1);
                    begin_shared(halves[half]);
                    if (resident) {
#pragma omp for schedule(static)
                        for (int64_t part = 0; part < parts; ++part)
                            for (int64_t b = 0; b < job.count; ++b) work_on<T, WORK>(halves[half], b, part, parts, desk);
                    } else {
#pragma omp for schedule(dynamic, 1)
                        for (int64_t i = 0; i < job.count * parts; ++i)
                            work_on<T, WORK>(halves[half], i / parts, i % parts, parts, desk);
                    }
                    end_shared(halves[half], scratch.memory);
                }
        }
    }
}

template <typename T> static void update(const FactorJob<T> *halves, int count, int64_t sweeps) {
    const FactorJob<T> &job = halves[0];
    if (job.beta == 1 && !job.weights)
        run_sweeps<T, Update<T, KL>>(halves, count, sweeps);
    else if (job.beta == 1)
        run_sweeps<T, Update<T, KL_WEIGHTED>>(halves, count, sweeps);
    else if (job.beta == 0)
        run_sweeps<T, Update<T, IS>>(halves, count, sweeps);
    else if (job.beta == 2 && !job.weights)
        run_sweeps<T, Update<T, FROBENIUS>>(halves, count, sweeps);
    else if (job.beta == 2)
        run_sweeps<T, Update<T, EUCLIDEAN>>(halves, count, sweeps);
    else if (job.beta == 0.5)
        run_sweeps<T, Update<T, HALF>>(halves, count, sweeps);
    else if (job.beta == 1.5)
        run_sweeps<T, Update<T, THREE_HALVES>>(halves, count, sweeps);
    else
        run_sweeps<T, Update<T, GENERAL>>(halves, count, sweeps);
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
    if (beta < 0) {  // powers near the floor overflow: of the ratio first, then of the level, and never beyond
        const Vec<double> quotient = v / lam;
        const Vec<double> shape = vpow<double>(quotient, beta) + (beta - 1) - beta * quotient;
        const Vec<double> value = vmax(shape, splat(0.0)) / (beta * (beta - 1)) * vpow<double>(lam, beta);
        return vmin(value, splat(1e300));
    }
    const auto some = v > 0.0;
    const Vec<double> power = vpow<double>(lam, beta - 1);
    const Vec<double> own = some ? vpow<double>(some ? v : splat(1.0), beta) : Vec<double>{};
    return (own + (beta - 1) * power * lam - beta * v * power) / (beta * (beta - 1));
}

// The divergence of some panels; Λ is formed as in the update, compared in double.
template <typename T> struct Divergence {
    static constexpr Kind kind = GENERAL;

    static void run(const FactorJob<T> &job, int64_t b, int64_t first, int64_t last, const Desk<T> &desk) {
        for (int64_t i = first; i < last; ++i) {
            const Panel<T> panel(desk.panels, job.problems[b], i);
            open<T, VECS>(job, b, panel);
            job.by_panel[job.first_panel[b] + i] = value(job, b, panel, desk);
        }
    }

    static double value(const FactorJob<T> &job, int64_t b, const Panel<T> &panel, const Desk<T> &desk) {
        constexpr int L = Simd<T>::lanes, C = Panel<T>::cols, D = Simd<double>::lanes;
        const Problem &p = job.problems[b];
        const double low = job.floor[b];
        double v[C], lam[C], u[C];
        Vec<double> sum{};
        for (int64_t f0 = 0; f0 < p.F; f0 += ROWS) {
            Vec<T> acc[ROWS][VECS];
            const T *corner = job.V + p.v_at + f0 * p.N + panel.n0;
            product<T, VECS>(desk.packed + f0 * p.K, panel.h, p.K, corner, p.N, acc);
            for (int r = 0; r < ROWS && f0 + r < p.F; ++r) {
                const int64_t at = p.v_at + (f0 + r) * p.N + panel.n0;
                T tile[C];
                for (int j = 0; j < VECS; ++j) store(tile + j * L, acc[r][j]);
                // Entries beyond the edge compare 1 with 1 and weigh nothing. Whole rows go without a branch per entry.
                const int have = panel.have < C ? panel.have : C;
                const double least = job.beta <= 0 ? low : 0.0;
                for (int i = have; i < C; ++i) lam[i] = v[i] = 1.0, u[i] = 0.0;
                for (int i = 0; i < have; ++i) {
                    const double model = tile[i], entry = job.V[at + i];
                    lam[i] = model > low ? model : low;
                    v[i] = entry > least ? entry : least;
                }
                for (int i = 0; i < have; ++i) u[i] = job.weights ? double(job.weights[at + i]) : 1.0;
                for (int i = 0; i < C; i += D)
                    sum += load(u + i) * entry_divergence(load(v + i), load(lam + i), job.beta);
            }
        }
        double total = 0;
        for (int i = 0; i < D; ++i) total += sum[i];
        return total;
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
    FactorJob<T> counted = job;
    counted.first_panel = first;
    counted.by_panel = static_cast<double *>(each.memory);
    run_sweeps<T, Divergence<T>>(&counted, 1, 1);
    for (int64_t b = 0; b < job.count; ++b) {  // in a fixed order
        values[b] = 0;
        for (int64_t i = first[b]; i < first[b + 1]; ++i) values[b] += counted.by_panel[i];
    }
}
