// Exact updates of a small factor, given the two parts of its gradient: soft coupling (nmfcore/penalties/coupling.py)
// and patterns of unit norm (nmfcore/penalties/constraints.py), whose formulas these kernels follow.
// Included inside the variant's namespace. A row belongs to one thread: the result does not depend on their number.

constexpr int64_t SMALL_ROWS = 1 << 11;  // entries below which threads cost more than they bring

template <typename A> NMF_INLINE void exchange(A *a, A *b) {
    const A kept = *a;
    *a = *b;
    *b = kept;
}

struct Weighted {
    double value, weight;
};

// The least value whose weights, with those of all smaller values, reach half of the total: quickselect, in place.
NMF_INLINE double weighted_median(Weighted *x, int64_t n, double total) {
    double below = 0;  // weights that were found to lie under the range [lo, hi)
    int64_t lo = 0, hi = n;
    while (hi - lo > 1) {
        const double a = x[lo].value, b = x[lo + (hi - lo) / 2].value, c = x[hi - 1].value;
        const double pivot = a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b);
        int64_t less = lo, at = lo, more = hi;  // [lo, less) < pivot, [less, at) = pivot, [more, hi) > pivot
        double weight_less = 0, weight_same = 0;
        while (at < more) {
            if (x[at].value < pivot) {
                weight_less += x[at].weight;
                exchange(x + less++, x + at++);
            } else if (x[at].value > pivot) {
                exchange(x + at, x + --more);
            } else {
                weight_same += x[at++].weight;
            }
        }
        if (below + weight_less >= total / 2) {
            hi = less;
        } else if (below + weight_less + weight_same >= total / 2 || more == hi) {
            return pivot;
        } else {
            below += weight_less + weight_same;
            lo = more;
        }
    }
    return n ? x[lo].value : 0;
}

// The positive root of a h + c − b / h; infinity where there is none.
NMF_INLINE double positive_root(double a, double c, double b) {
    const double spread = __builtin_sqrt(c * c + 4 * a * b);
    const double root = (c > 0 ? 2 * b : spread - c) / (c > 0 ? spread + c : 2 * a);
    return a == 0 && c <= 0 ? __builtin_inf() : root;
}

template <typename T> static void couple_row(const CoupleJob<T> &job, int64_t k, double *y, Weighted *ratios) {
    const int64_t N = job.N;
    T *h = job.H + k * N;
    const T *neg = job.neg + k * N, *pos = job.pos + k * N;
    const double *target = job.target + k * N;
    const double alpha = job.alpha[k], lam = job.smoothness, largest = double(Simd<T>::largest);
    int64_t used = 0;
    double total = 0;
    for (int64_t n = 0; n < N; ++n)
        if (target[n] > 0) {
            ratios[used++] = {double(h[n]) / target[n], target[n]};
            total += target[n];
        }
    const double s = weighted_median(ratios, used, total);
    double away = 0, line = 0, pull = 0, rough = 0;
    for (int64_t n = 0; n < N; ++n) {
        y[n] = s * target[n];
        away += __builtin_fabs(h[n] - y[n]);
        line += double(pos[n]) * h[n];
        pull += double(neg[n]) * h[n];
        const double step = n ? double(h[n]) - h[n - 1] : 0;
        rough += step * step;
    }
    double size = positive_root(2 * lam * rough, line + alpha * away, pull);
    if (!(size > 0 && size <= 1.7976931348623157e308)) size = 1;
    // y[n] of the scaled row, and the midpoints of its neighbours, before any entry moves.
    double before = double(h[0]);
    for (int64_t n = 0; n < N; ++n) {
        const double now = double(h[n]), after = n + 1 < N ? double(h[n + 1]) : now;
        const double neighbours = (n > 0) + (n + 1 < N);
        const double middles = (n > 0 ? (before + now) / 2 : 0) + (n + 1 < N ? (now + after) / 2 : 0);
        const double a = 4 * lam * neighbours, c = double(pos[n]) - 4 * lam * size * middles, b = double(neg[n]) * now;
        const double at = size * y[n];
        const double slope = a * at + c - (b > 0 ? b / at : 0);
        const double side = double(slope < -alpha) - double(slope > alpha);
        const double root = positive_root(a, c + side * alpha, b);
        const double moved = side == 0 ? at : root;
        before = now;
        h[n] = T(moved < largest ? moved : largest);
    }
}

template <typename T> static void couple(const CoupleJob<T> &job) {
    const int threads = job.K * job.N < SMALL_ROWS ? 1 : job.threads;
#pragma omp parallel num_threads(threads) if (threads > 1)
    {
        double *scratch = static_cast<double *>(malloc(size_t(job.N) * (sizeof(double) + sizeof(Weighted))));
        if (scratch == nullptr) abort();  // as operator new would end it, in a thread
#pragma omp for schedule(static)
        for (int64_t k = 0; k < job.K; ++k) couple_row(job, k, scratch, reinterpret_cast<Weighted *>(scratch + job.N));
        free(scratch);
    }
}

// w ← w (neg + w Σ w pos) / (pos + w Σ w neg), then over its norm.
template <typename T> static void unit_norm_row(const UnitJob<T> &job, int64_t k) {
    constexpr int L = Simd<T>::lanes;
    T *w = job.H + k * job.N;
    const T *neg = job.neg + k * job.N, *pos = job.pos + k * job.N;
    Vec<T> sums[2][2] = {};
    for (int64_t n = 0; n < job.N; n += L) {
        const int have = int(job.N - n < L ? job.N - n : L), way = (n / L) & 1;
        const Vec<T> at = load_first(w + n, have);
        sums[0][way] += at * load_first(neg + n, have);
        sums[1][way] += at * load_first(pos + n, have);
    }
    const T along_neg = lane_sum<T>(sums[0][0] + sums[0][1]), along_pos = lane_sum<T>(sums[1][0] + sums[1][1]);
    const Vec<T> most = splat(Simd<T>::largest);
    Vec<T> square[2] = {};
    for (int64_t n = 0; n < job.N; n += L) {
        const int have = int(job.N - n < L ? job.N - n : L);
        const Vec<T> at = load_first(w + n, have), below = load_first(pos + n, have) + at * along_neg;
        const Vec<T> ratio = vmin((load_first(neg + n, have) + at * along_pos) / below, most);
        const Vec<T> moved = below > T(0) ? at * ratio : Vec<T>{};
        square[(n / L) & 1] += moved * moved;
        store_first(w + n, moved, have);
    }
    const T norm = T(__builtin_sqrt(double(lane_sum<T>(square[0] + square[1]))));
    if (norm > 0)
        for (int64_t n = 0; n < job.N; ++n) w[n] /= norm;
}

template <typename T> static void unit_norm(const UnitJob<T> &job) {
    const int threads = job.K * job.N < SMALL_ROWS ? 1 : job.threads;
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static)
    for (int64_t k = 0; k < job.K; ++k) unit_norm_row(job, k);
}
