// H ← H ⊙ (neg / pos)^exponent in one pass, where the two parts were made by BLAS.
// Included inside the variant's namespace, after factor.inl. One thread: memory and BLAS's own threads are the limit.

template <typename T> static void scale(const FactorJob<T> &job) {
    constexpr int L = Simd<T>::lanes;
    FlushSubnormals flush;
    const Vec<T> most = splat(Simd<T>::largest);
    for (int64_t b = 0; b < job.count; ++b) {
        const Problem &p = job.problems[b];
        for (int64_t at = p.h_at + p.k0 * p.N; at < p.h_at + p.k1 * p.N; at += L) {
            const int64_t left = p.h_at + p.k1 * p.N - at;
            const int n = int(left < L ? left : L);
            const Vec<T> below = load_first(job.pos + at, n), old = load_first(job.H + at, n);
            const auto some = below > T(0);
            const Vec<T> step = some ? load_first(job.neg + at, n) / (some ? below : splat<T>(1)) : Vec<T>{};
            const Vec<T> fresh = vmin(old * power<T>(vmin(step, most), job.exponent), most);
            store_first(job.H + at, old > T(0) ? fresh : Vec<T>{}, n);
        }
    }
}
