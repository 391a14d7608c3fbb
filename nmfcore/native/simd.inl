// Vectors of NMF_BYTES bytes by the compiler's vector extension: one source for every instruction set.
// Included inside the variant's namespace.

#define NMF_INLINE static inline __attribute__((always_inline))

template <typename T> struct Simd;

template <> struct Simd<float> {
    typedef float Vec __attribute__((vector_size(NMF_BYTES)));
    typedef int32_t Int __attribute__((vector_size(NMF_BYTES)));
    static constexpr int lanes = NMF_BYTES / 4, mantissa = 23, bias = 127, log_terms = 5, exp_terms = 7;
    static constexpr float largest = 3.4028234e38f, smallest = 1.1754944e-38f;  // normal
    static constexpr float rounder = 12582912.0f;  // adding and subtracting it rounds to an integer
};

template <> struct Simd<double> {
    typedef double Vec __attribute__((vector_size(NMF_BYTES)));
    typedef int64_t Int __attribute__((vector_size(NMF_BYTES)));
    static constexpr int lanes = NMF_BYTES / 8, mantissa = 52, bias = 1023, log_terms = 11, exp_terms = 13;
    static constexpr double largest = 1.7976931348623157e308, smallest = 2.2250738585072014e-308;
    static constexpr double rounder = 6755399441055744.0;
};

template <typename T> using Vec = typename Simd<T>::Vec;

template <typename T> NMF_INLINE Vec<T> load(const T *p) {
    Vec<T> v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

template <typename T> NMF_INLINE void store(T *p, Vec<T> v) { __builtin_memcpy(p, &v, sizeof v); }

template <typename T> NMF_INLINE Vec<T> splat(T x) { return x - Vec<T>{}; }

// The first n lanes from memory, the others zero.
template <typename T> NMF_INLINE Vec<T> load_first(const T *p, int n) {
    if (n >= Simd<T>::lanes) return load(p);
    Vec<T> v{};
    if (n > 0) __builtin_memcpy(&v, p, n * sizeof(T));
    return v;
}

template <typename T> NMF_INLINE void store_first(T *p, Vec<T> v, int n) {
    if (n >= Simd<T>::lanes)
        store(p, v);
    else if (n > 0)
        __builtin_memcpy(p, &v, n * sizeof(T));
}

template <typename V> NMF_INLINE V vmax(V a, V b) { return a > b ? a : b; }
template <typename V> NMF_INLINE V vmin(V a, V b) { return a < b ? a : b; }  // b where a is NaN

NMF_INLINE Vec<double> reciprocal(Vec<double> x) { return 1.0 / x; }

// An estimate and one Newton step: within an ulp or two of the quotient, where a division costs as much as
// sixteen multiply-adds.
NMF_INLINE Vec<float> reciprocal(Vec<float> x) {
#if defined(__AVX512F__)
    Vec<float> r = (Vec<float>)_mm512_rcp14_ps((__m512)x);
    return r + r * (1.0f - x * r);
#elif defined(__AVX2__)
    Vec<float> r = (Vec<float>)_mm256_rcp_ps((__m256)x);
    return r + r * (1.0f - x * r);
#else
    return 1.0f / x;
#endif
}

NMF_INLINE Vec<float> vsqrt(Vec<float> x) {
#if defined(__AVX512F__)
    return (Vec<float>)_mm512_sqrt_ps((__m512)x);
#elif defined(__AVX2__)
    return (Vec<float>)_mm256_sqrt_ps((__m256)x);
#else
    for (int i = 0; i < Simd<float>::lanes; ++i) x[i] = __builtin_sqrtf(x[i]);
    return x;
#endif
}

NMF_INLINE Vec<double> vsqrt(Vec<double> x) {
#if defined(__AVX512F__)
    return (Vec<double>)_mm512_sqrt_pd((__m512d)x);
#elif defined(__AVX2__)
    return (Vec<double>)_mm256_sqrt_pd((__m256d)x);
#else
    for (int i = 0; i < Simd<double>::lanes; ++i) x[i] = __builtin_sqrt(x[i]);
    return x;
#endif
}

NMF_INLINE Vec<double> reciprocal_root(Vec<double> x) { return 1.0 / vsqrt(x); }

NMF_INLINE Vec<float> reciprocal_root(Vec<float> x) {
#if defined(__AVX512F__)
    const Vec<float> r = (Vec<float>)_mm512_rsqrt14_ps((__m512)x);
    return r + 0.5f * r * (1.0f - x * r * r);
#elif defined(__AVX2__)
    const Vec<float> r = (Vec<float>)_mm256_rsqrt_ps((__m256)x);
    return r + 0.5f * r * (1.0f - x * r * r);
#else
    return 1.0f / vsqrt(x);
#endif
}

// x = 2^e m with m in [√½, √2): e, and log₂ m by the series of artanh. x must be positive and normal.
template <typename T> NMF_INLINE Vec<T> split_log2(Vec<T> x, Vec<T> &e) {
    using S = Simd<T>;
    typename S::Int bits = (typename S::Int)x;
    const auto fraction = (typename S::Int){} + ((decltype(bits[0] + 0)(1) << S::mantissa) - 1);
    const auto one = (typename S::Int)splat<T>(1);
    Vec<T> m = (Vec<T>)((bits & fraction) | one);
    e = __builtin_convertvector((bits >> S::mantissa) - S::bias, Vec<T>);
    const auto high = m > T(1.4142135623730951);
    m = high ? m * T(0.5) : m;
    e = high ? e + T(1) : e;
    const Vec<T> s = (m - T(1)) / (m + T(1)), s2 = s * s;
    Vec<T> sum = splat<T>(T(1) / (2 * S::log_terms - 1));
    for (int i = S::log_terms - 1; i >= 1; --i) sum = sum * s2 + T(1) / (2 * i - 1);
    return sum * s * T(2.8853900817779268);  // 2 / ln 2
}

template <typename T> NMF_INLINE Vec<T> vlog(Vec<T> x) {
    Vec<T> e;
    const Vec<T> m = split_log2<T>(x, e);
    return (e + m) * T(0.6931471805599453);
}

// x^p for positive x. The exponent of x is kept apart from its mantissa, so that the error does not grow with it.
template <typename T> NMF_INLINE Vec<T> vpow(Vec<T> x, T p) {
    using S = Simd<T>;
    Vec<T> e;
    const Vec<T> m = split_log2<T>(x, e);
    const Vec<T> whole = p * e, part = p * m;
    const T top = T(S::bias);
    Vec<T> n = ((whole + part) + S::rounder) - S::rounder;
    n = n > top ? splat<T>(top) : n;
    n = n < 1 - top ? splat<T>(1 - top) : n;
    Vec<T> f = (whole - n) + part;
    f = f > T(1) ? splat<T>(1) : f;
    f = f < T(-1) ? splat<T>(-1) : f;
    f *= T(0.6931471805599453);
    Vec<T> sum = splat<T>(1);
    for (int i = S::exp_terms; i >= 1; --i) sum = sum * f * (T(1) / i) + T(1);
    const typename S::Int power = (__builtin_convertvector(n, typename S::Int) + S::bias) << S::mantissa;
    return sum * (Vec<T>)power;
}

template <typename T> NMF_INLINE T lane_sum(Vec<T> v) {
    T sum = v[0];
    for (int i = 1; i < Simd<T>::lanes; ++i) sum += v[i];
    return sum;
}

// Subnormals cost a hundred cycles each: they are flushed while a kernel runs, and the thread's mode is restored.
struct FlushSubnormals {
#if defined(__SSE2__)
    unsigned int before = __builtin_ia32_stmxcsr();
    FlushSubnormals() { __builtin_ia32_ldmxcsr(before | 0x8040); }
    ~FlushSubnormals() { __builtin_ia32_ldmxcsr(before); }
#else
    FlushSubnormals() {}
#endif
};

// Scratch memory of one thread, released with it; 64-byte aligned.
struct Scratch {
    void *memory;
    explicit Scratch(int64_t bytes) : memory(aligned_alloc(64, (bytes + 127) / 64 * 64)) {
        if (!memory) abort();
    }
    ~Scratch() { free(memory); }
    Scratch(const Scratch &) = delete;
};
