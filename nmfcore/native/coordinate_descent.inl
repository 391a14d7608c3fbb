// One sweep of coordinate descent (fast HALS) over the rows of H, given the Gram matrix G = WᵀW and C = WᵀV.
// Included inside the variant's namespace.
//
// Row after row is moved to its minimum with all others as they now are, so the rows are not independent; the columns
// are. A thread owns a panel of columns, and takes ROWS rows of H at once: their gradients are accumulated in
// registers over all rows, as in a matrix product, and only the little that they owe to each other is put right one by
// one. The sums of a panel belong to one thread: the result does not depend on the number of threads.

// Multiply-adds below which one thread sweeps: BLAS has just made the products, and its threads still hold the cores.
constexpr int64_t SMALL_SWEEP = 1 << 26;

// The rows of G that a block of the order needs, as [block][r][ROWS]; zeros beyond the end of the order.
template <typename T> static void pack_rows(const SweepJob<T> &job, int64_t block, T *out) {
    for (int64_t r = 0; r < job.K; ++r)
        for (int i = 0; i < ROWS; ++i) {
            const int64_t at = block * ROWS + i;
            out[r * ROWS + i] = at < job.count ? job.gram[job.order[at] * job.K + r] : T(0);
        }
}

// One panel of columns n0…; returns Σ |projected gradient|, taken before each move.
template <typename T> static double sweep_panel(const SweepJob<T> &job, const T *packed, int64_t n0, T *h) {
    constexpr int L = Simd<T>::lanes, C = Panel<T>::cols;
    const int have = int(job.N - n0 < C ? job.N - n0 : C);
    for (int64_t k = 0; k < job.K; ++k)
        for (int j = 0; j < VECS; ++j)
            store(h + k * C + j * L, load_first(job.H + k * job.N + n0 + j * L, have - j * L));
    double violation = 0;
    for (int64_t b = 0; b < blocks_of(job.count); ++b) {
        const T *gram = packed + b * ROWS * job.K;
        const int used = int(job.count - b * ROWS < ROWS ? job.count - b * ROWS : ROWS);
        Vec<T> grad[ROWS][VECS];
        product<T, VECS>(gram, h, job.K, job.cross, 0, grad);
        Vec<T> sum{};
        for (int i = 0; i < used; ++i) {
            const int64_t row = job.order[b * ROWS + i];
            for (int j = 0; j < VECS; ++j) {
                const Vec<T> old = load(h + row * C + j * L);
                const Vec<T> slope = grad[i][j] - load_first(job.cross + row * job.N + n0 + j * L, have - j * L);
                const Vec<T> pulled = old > T(0) ? slope : vmin(slope, Vec<T>{});
                sum += pulled < T(0) ? -pulled : pulled;
                const Vec<T> fresh = vmax(old - slope * job.inverse[row], Vec<T>{});
                store(h + row * C + j * L, fresh);
                for (int later = i + 1; later < used; ++later) grad[later][j] += gram[row * ROWS + later] * (fresh - old);
            }
        }
        for (int i = 0; i < L; ++i) violation += sum[i];
    }
    for (int64_t i = 0; i < job.count; ++i)
        for (int j = 0; j < VECS; ++j) {
            const int64_t row = job.order[i];
            store_first(job.H + row * job.N + n0 + j * L, load(h + row * C + j * L), have - j * L);
        }
    return violation;
}

template <typename T> static double coordinate_sweep(const SweepJob<T> &job) {
    constexpr int C = Panel<T>::cols;
    const int64_t blocks = blocks_of(job.count), panels = (job.N + C - 1) / C;
    Scratch common(blocks * ROWS * job.K * int64_t(sizeof(T))), each(panels * int64_t(sizeof(double)));
    T *packed = static_cast<T *>(common.memory);
    double *by_panel = static_cast<double *>(each.memory);
    for (int64_t b = 0; b < blocks; ++b) pack_rows(job, b, packed + b * ROWS * job.K);
    const int threads = job.N * job.K * job.count < SMALL_SWEEP || panels < 2 ? 1 : job.threads;
#pragma omp parallel num_threads(threads) if (threads > 1)
    {
        FlushSubnormals flush;
        Scratch own(C * job.K * int64_t(sizeof(T)));
        T *h = static_cast<T *>(own.memory);
#pragma omp for schedule(static)
        for (int64_t i = 0; i < panels; ++i) by_panel[i] = sweep_panel(job, packed, i * C, h);
    }
    double violation = 0;
    for (int64_t i = 0; i < panels; ++i) violation += by_panel[i];  // in a fixed order
    return violation;
}
