// Sparse V, compressed by columns: Λ only where V is not zero. Included inside the variant's namespace.
//
// A column of H and its part of the gradient are K contiguous numbers, and so is a row of W, which a transposed copy
// provides: an entry of Λ is a dot product of two such rows, and its ratio times the row of W is what it adds to the
// gradient. Several entries of a column are taken at once, since each must wait for its own sum. Columns are shared out
// in blocks, so that H is read and the gradient written by cache lines; a column belongs to one thread.

constexpr int ENTRIES = 4;   // taken at once
constexpr int COLUMNS = 16;  // of a block

template <typename T> inline int64_t padded(int64_t K) { return (K + Simd<T>::lanes - 1) / Simd<T>::lanes * Simd<T>::lanes; }

// Λ of `count` entries of a column, whose rows of W are w[0…].
template <typename T, int COUNT> NMF_INLINE void dots(const T *const *w, const T *h, int64_t size, T *out) {
    constexpr int L = Simd<T>::lanes;
    Vec<T> sum[COUNT] = {};
    for (int64_t k = 0; k < size; k += L) {
        const Vec<T> x = load(h + k);
#pragma GCC unroll 4
        for (int i = 0; i < COUNT; ++i) sum[i] += load(w[i] + k) * x;
    }
#pragma GCC unroll 4
    for (int i = 0; i < COUNT; ++i) out[i] = lane_sum<T>(sum[i]);
}

// neg += Σ q w of COUNT entries from `at`, with q = v / Λ (KL) or v.
template <typename T, int COUNT, bool KULLBACK>
NMF_INLINE void add_entries(const SparseJob<T> &job, const T *W, int64_t size, int64_t at, const T *h, T *neg) {
    constexpr int L = Simd<T>::lanes;
    const T *w[COUNT];
    T q[COUNT];
    for (int i = 0; i < COUNT; ++i) w[i] = W + job.rows[at + i] * size;
    if (KULLBACK) dots<T, COUNT>(w, h, size, q);
    for (int i = 0; i < COUNT; ++i) {
        const T low = T(job.floor);
        q[i] = KULLBACK ? job.values[at + i] / (q[i] > low ? q[i] : low) : job.values[at + i];
    }
    for (int64_t k = 0; k < size; k += L) {
        Vec<T> sum = load(neg + k);
#pragma GCC unroll 4
        for (int i = 0; i < COUNT; ++i) sum += q[i] * load(w[i] + k);
        store(neg + k, sum);
    }
}

// Σ v log(v / Λ) of one column.
template <typename T> static double column_divergence(const SparseJob<T> &job, const T *W, int64_t size, int64_t n, const T *h) {
    double sum = 0;
    for (int64_t at = job.starts[n]; at < job.starts[n + 1]; at += ENTRIES) {
        const int64_t left = job.starts[n + 1] - at;
        const int count = int(left < ENTRIES ? left : ENTRIES);
        const T *w[ENTRIES];
        T lam[ENTRIES];
        for (int i = 0; i < ENTRIES; ++i) w[i] = W + job.rows[at + (i < count ? i : 0)] * size;
        dots<T, ENTRIES>(w, h, size, lam);
        for (int i = 0; i < count; ++i) {
            const double v = job.values[at + i], low = job.floor, model = lam[i];
            if (v > 0) sum += v * __builtin_log(v / (model > low ? model : low));
        }
    }
    return sum;
}

template <typename T, bool KULLBACK>
static void column_gradient(const SparseJob<T> &job, const T *W, int64_t size, int64_t n, const T *h, T *neg) {
    const int64_t end = job.starts[n + 1];
    int64_t at = job.starts[n];
    __builtin_memset(neg, 0, size * sizeof(T));
    for (; at + ENTRIES <= end; at += ENTRIES) add_entries<T, ENTRIES, KULLBACK>(job, W, size, at, h, neg);
    for (; at < end; ++at) add_entries<T, 1, KULLBACK>(job, W, size, at, h, neg);
}

// The negative part of the gradient into job.neg, or, where that is null, Σ v log(v / Λ) as the answer.
template <typename T> static double sparse(const SparseJob<T> &job) {
    const int64_t size = padded<T>(job.K), blocks = (job.N + COLUMNS - 1) / COLUMNS;
    const int threads = job.starts[job.N] * job.K < SMALL || blocks < 2 ? 1 : job.threads;
    Scratch common(job.F * size * int64_t(sizeof(T))), each(blocks * int64_t(sizeof(double)));
    T *W = static_cast<T *>(common.memory);
    double *by_block = static_cast<double *>(each.memory);
#pragma omp parallel num_threads(threads) if (threads > 1)
    {
        FlushSubnormals flush;
        Scratch own(2 * COLUMNS * size * int64_t(sizeof(T)));
        T *h = static_cast<T *>(own.memory), *neg = h + COLUMNS * size;
        __builtin_memset(h, 0, COLUMNS * size * sizeof(T));
#pragma omp for schedule(static)
        for (int64_t f = 0; f < job.F; ++f)
            for (int64_t k = 0; k < size; ++k) W[f * size + k] = k < job.K ? job.Wt[k * job.F + f] : T(0);
#pragma omp for schedule(dynamic, 1)
        for (int64_t b = 0; b < blocks; ++b) {
            const int64_t n0 = b * COLUMNS;
            const int have = int(job.N - n0 < COLUMNS ? job.N - n0 : COLUMNS);
            for (int64_t k = 0; k < job.K; ++k)
                for (int c = 0; c < have; ++c) h[c * size + k] = job.H[k * job.N + n0 + c];
            by_block[b] = 0;
            for (int c = 0; c < have; ++c) {
                if (!job.neg)
                    by_block[b] += column_divergence(job, W, size, n0 + c, h + c * size);
                else if (job.kullback)
                    column_gradient<T, true>(job, W, size, n0 + c, h + c * size, neg + c * size);
                else
                    column_gradient<T, false>(job, W, size, n0 + c, h + c * size, neg + c * size);
            }
            if (!job.neg) continue;
            for (int64_t k = 0; k < job.K; ++k)
                for (int c = 0; c < have; ++c) job.neg[k * job.N + n0 + c] = neg[c * size + k];
        }
    }
    double total = 0;
    for (int64_t b = 0; b < blocks; ++b) total += by_block[b];  // in a fixed order
    return total;
}
