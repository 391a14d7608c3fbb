// What goes with the update of a small factor H (K, N) inside a sweep, row by row. Before it: what group sparsity
// (nmfcore/penalties/group_sparsity.py) adds to the two parts. After it: exact updates from the two parts of the gradient,
// for soft coupling (nmfcore/penalties/coupling.py) and patterns of unit norm, scaling to unit sum
// (nmfcore/penalties/constraints.py), and the update of a regression's unknowns (nmfcore/penalties/regression.py), whose
// formulas these kernels follow. Included inside the variant's namespace, before factor.inl.
// A row belongs to one thread: the result does not depend on their number.

struct Weighted {
    double value, weight;
};

// The least value whose weights, with those of all smaller values, reach half of the total: quickselect. What is smaller
// and what is larger than the pivot is copied without a branch, since none could be foretold; `x` and `other` have room
// for 2n each.
NMF_INLINE double weighted_median(Weighted *x, Weighted *other, int64_t n, double total) {
    const int64_t room = n;
    double below = 0;  // weights that were found to lie under the values that are left
    while (n > 1) {
        const double a = x[0].value, b = x[n / 2].value, c = x[n - 1].value;
        const double pivot = a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b);
        int64_t less = 0, more = 0;
        double weight_less = 0, weight_same = 0;
        for (int64_t i = 0; i < n; ++i) {
            const Weighted one = x[i];
            other[less] = other[room + more] = one;
            less += one.value < pivot;
            more += one.value > pivot;
            weight_less += one.value < pivot ? one.weight : 0;
            weight_same += one.value == pivot ? one.weight : 0;
        }
        Weighted *rest = other;
        if (below + weight_less >= total / 2) {
            n = less;
        } else if (below + weight_less + weight_same >= total / 2 || more == 0) {
            return pivot;
        } else {
            below += weight_less + weight_same;
            rest = other + room;
            n = more;
        }
        __builtin_memcpy(x, rest, size_t(n) * sizeof(Weighted));
    }
    return room ? x[0].value : 0;
}

// The positive root of a h + c − b / h; infinity where there is none.
NMF_INLINE Vec<double> positive_root(Vec<double> a, Vec<double> c, Vec<double> b) {
    const Vec<double> spread = vsqrt(c * c + 4.0 * a * b);
    const auto right = c > 0.0;
    const Vec<double> root = (right ? 2.0 * b : spread - c) / (right ? spread + c : 2.0 * a);
    return (a == 0.0) & (c <= 0.0) ? splat(__builtin_inf()) : root;
}

// The first n numbers as doubles, the others zero.
template <typename T> NMF_INLINE Vec<double> widened(const T *from, int n) {
    typedef T Narrow __attribute__((vector_size(Simd<double>::lanes * sizeof(T))));
    Narrow x{};
    __builtin_memcpy(&x, from, size_t(n) * sizeof(T));
    return __builtin_convertvector(x, Vec<double>);
}

template <typename T>
static void couple_row(const FactorJob<T> &job, const Problem &p, const Ending<T> &ending, int64_t k, double *scratch) {
    constexpr int D = Simd<double>::lanes;
    const int64_t N = p.N, at_row = p.h_at + k * N;
    double *y = scratch, *middles = y + N, *stiff = middles + N;  // each of N
    Weighted *ratios = reinterpret_cast<Weighted *>(stiff + N);
    T *h = job.H + at_row;
    const T *neg = job.neg + at_row, *pos = job.pos + at_row;
    const double *target = ending.target + k * N;
    const double alpha = ending.alpha[k], lam = ending.smoothness;
    int64_t used = 0;
    double total = 0;
    for (int64_t n = 0; n < N; ++n) {
        ratios[used] = {double(h[n]) / target[n], target[n]};
        used += target[n] > 0;
        total += target[n];
    }
    const double s = weighted_median(ratios, ratios + 2 * N, used, total);
    double away = 0, line = 0, pull = 0, rough = 0, left = 0;
    for (int64_t n = 0; n < N; ++n) {
        const double now = double(h[n]), step = n + 1 < N ? double(h[n + 1]) - now : 0;
        const double right = n + 1 < N ? now + step / 2 : 0;
        y[n] = s * target[n];
        middles[n] = left + right;  // of the neighbours that there are, with this one
        stiff[n] = 4 * lam * ((n > 0) + (n + 1 < N));
        left = right;
        away += __builtin_fabs(now - y[n]);
        line += double(pos[n]) * now;
        pull += double(neg[n]) * now;
        rough += step * step;
    }
    double size = positive_root(splat(2 * lam * rough), splat(line + alpha * away), splat(pull))[0];
    if (!(size > 0 && size <= Simd<double>::largest)) size = 1;
    for (int64_t n = 0; n < N; n += D) {
        const int have = int(N - n < D ? N - n : D);
        const Vec<double> a = load_first(stiff + n, have), at = size * load_first(y + n, have);
        const Vec<double> c = widened(pos + n, have) - 4 * lam * size * load_first(middles + n, have);
        const Vec<double> b = widened(neg + n, have) * widened(h + n, have);
        const Vec<double> slope = a * at + c - (b > 0.0 ? b / at : splat(0.0));
        const auto under = slope < -alpha, over = slope > alpha;
        const Vec<double> pulled = c + (under ? splat(alpha) : over ? splat(-alpha) : splat(0.0));
        const Vec<double> moved = under | over ? positive_root(a, pulled, b) : at, most = splat(double(Simd<T>::largest));
        const Vec<double> fresh = vmin(moved, most);
        for (int i = 0; i < have; ++i) h[n + i] = T(fresh[i]);
    }
}

// w ← w (neg + w Σ w pos) / (pos + w Σ w neg), then over its norm.
template <typename T> static void unit_norm_row(const FactorJob<T> &job, const Problem &p, int64_t k) {
    constexpr int L = Simd<T>::lanes;
    const int64_t N = p.N, at_row = p.h_at + k * N;
    T *w = job.H + at_row;
    const T *neg = job.neg + at_row, *pos = job.pos + at_row;
    Vec<T> sums[2][2] = {};
    for (int64_t n = 0; n < N; n += L) {
        const int have = int(N - n < L ? N - n : L), way = (n / L) & 1;
        const Vec<T> at = load_first(w + n, have);
        sums[0][way] += at * load_first(neg + n, have);
        sums[1][way] += at * load_first(pos + n, have);
    }
    const T along_neg = lane_sum<T>(sums[0][0] + sums[0][1]), along_pos = lane_sum<T>(sums[1][0] + sums[1][1]);
    const Vec<T> most = splat(Simd<T>::largest);
    Vec<T> square[2] = {};
    for (int64_t n = 0; n < N; n += L) {
        const int have = int(N - n < L ? N - n : L);
        const Vec<T> at = load_first(w + n, have), below = load_first(pos + n, have) + at * along_neg;
        const Vec<T> ratio = vmin((load_first(neg + n, have) + at * along_pos) / below, most);
        const Vec<T> moved = below > T(0) ? at * ratio : Vec<T>{};
        square[(n / L) & 1] += moved * moved;
        store_first(w + n, moved, have);
    }
    const T norm = T(__builtin_sqrt(double(lane_sum<T>(square[0] + square[1]))));
    if (norm > 0)
        for (int64_t n = 0; n < N; ++n) w[n] /= norm;
}

// Σ of one row, in eight interleaved sums of doubles: a single one would wait for each addition.
template <typename T> static double row_sum(const T *row, int64_t N) {
    double part[8] = {};
    int64_t n = 0;
    for (; n + 8 <= N; n += 8)
        for (int i = 0; i < 8; ++i) part[i] += row[n + i];
    double sum = 0;
    for (; n < N; ++n) sum += row[n];
    for (int i = 0; i < 8; ++i) sum += part[i];
    return sum;
}

template <typename T> static void unit_sum_row(const FactorJob<T> &job, const Problem &p, int64_t k) {
    T *w = job.H + p.h_at + k * p.N;
    const T sum = T(row_sum(w, p.N));
    if (sum > 0)
        for (int64_t n = 0; n < p.N; ++n) w[n] /= sum;
}

// out[i] = Σ_n one[n] rows[i][n] for `count` rows of N.
template <typename T> static void row_products(const T *one, const T *rows, int64_t count, int64_t N, T *out) {
    constexpr int L = Simd<T>::lanes, WIDE = 4;
    for (int64_t i0 = 0; i0 < count; i0 += WIDE) {
        const T *row[WIDE];  // beyond the last row, the last row again
        for (int i = 0; i < WIDE; ++i) row[i] = rows + (i0 + i < count ? i0 + i : count - 1) * N;
        Vec<T> sum[WIDE] = {};
        for (int64_t n = 0; n < N; n += L) {
            const int have = int(N - n < L ? N - n : L);
            const Vec<T> x = load_first(one + n, have);
            for (int i = 0; i < WIDE; ++i) sum[i] += x * load_first(row[i] + n, have);
        }
        for (int i = 0; i < WIDE && i0 + i < count; ++i) out[i0 + i] = lane_sum<T>(sum[i]);
    }
}

// A row of next = A ⊙ λ (H M) / (λ (HHᵀ) A + μ); `scratch` has room for K + C numbers.
template <typename T>
static void regress_row(const FactorJob<T> &job, const Problem &p, const Ending<T> &ending, int64_t k, T *scratch) {
    const T *H = job.H + p.h_at, *h = H + k * p.N, *A = ending.A;
    const T lam = T(ending.lam), mu = T(ending.mu);
    T *gram = scratch, *cross = scratch + p.K;
    row_products(h, H, p.K, p.N, gram);
    row_products(h, ending.M, ending.C, p.N, cross);
    for (int64_t c = 0; c < ending.C; ++c) {
        T below = 0;
        for (int64_t j = 0; j < p.K; ++j) below += gram[j] * A[j * ending.C + c];
        below = lam * below + mu;
        const T step = below > 0 ? lam * cross[c] / below : T(0);
        ending.next[k * ending.C + c] = A[k * ending.C + c] * (step < Simd<T>::largest ? step : Simd<T>::largest);
    }
}

// Row k of problem b, once all of H is updated. `scratch` is the thread's own.
template <typename T> static void end_row(const FactorJob<T> &job, int64_t b, int64_t k, void *scratch) {
    const Problem &p = job.problems[b];
    switch (job.ending) {
        case UNIT_SUM: unit_sum_row(job, p, k); break;
        case UNIT_NORM: unit_norm_row(job, p, k); break;
        case COUPLED: couple_row(job, p, job.endings[b], k, static_cast<double *>(scratch)); break;
        case REGRESSED: regress_row(job, p, job.endings[b], k, static_cast<T *>(scratch)); break;
        default: break;
    }
}

// What group sparsity adds to the two parts of the gradient, in all rows, from the sums of the rows.
template <typename T> static void weigh_groups(const Ending<T> &ending, int64_t K) {
    double *of_blocks = ending.sums + K, *of_sources = of_blocks + ending.blocks;
    __builtin_memset(of_blocks, 0, size_t(ending.blocks + ending.sources) * sizeof(double));
    for (int64_t k = 0; k < K; ++k)
        if (ending.block_of[k] >= 0) {
            of_blocks[ending.block_of[k]] += ending.sums[k];
            of_sources[ending.source_of[k]] += ending.sums[k];
        }
    for (int64_t k = 0; k < K; ++k) {
        const int64_t block = ending.block_of[k], source = ending.source_of[k];
        const double level = block < 0 ? 1 : of_sources[source];
        ending.more_neg[k] = block < 0 ? T(0) : T(ending.of_source[source] / (level > ending.eps ? level : ending.eps));
        ending.more_pos[k] = block < 0 ? T(0)
                                       : T(ending.of_block[block] / (ending.eps + of_blocks[block]) +
                                           ending.of_row[k] / (ending.eps + ending.sums[k]));
    }
}

// Before the update of a problem that one thread has to itself.
template <typename T> static void begin_alone(const FactorJob<T> &job, int64_t b) {
    if (job.ending != GROUPED) return;
    const Problem &p = job.problems[b];
    for (int64_t k = 0; k < p.K; ++k) job.endings[b].sums[k] = row_sum(job.H + p.h_at + k * p.N, p.N);
    weigh_groups(job.endings[b], p.K);
}

// Before the update of all problems, the rows shared out among the threads of a parallel region.
template <typename T> static void begin_shared(const FactorJob<T> &job) {
    if (job.ending != GROUPED) return;
    for (int64_t b = 0; b < job.count; ++b) {
        const Problem &p = job.problems[b];
#pragma omp for schedule(static)
        for (int64_t k = 0; k < p.K; ++k) job.endings[b].sums[k] = row_sum(job.H + p.h_at + k * p.N, p.N);
#pragma omp single
        weigh_groups(job.endings[b], p.K);
    }
}

// What all rows had to be done for: the unknowns of a regression take their new values.
template <typename T> static void end_problem(const FactorJob<T> &job, int64_t b) {
    if (job.ending != REGRESSED) return;
    const Ending<T> &ending = job.endings[b];
    __builtin_memcpy(ending.A, ending.next, size_t(job.problems[b].K * ending.C) * sizeof(T));
}

// A problem that one thread has to itself.
template <typename T> static void end_alone(const FactorJob<T> &job, int64_t b, void *scratch) {
    if (job.ending == PLAIN || job.ending == GROUPED) return;
    for (int64_t k = 0; k < job.problems[b].K; ++k) end_row(job, b, k, scratch);
    end_problem(job, b);
}

// All problems, their rows shared out among the threads of a parallel region.
template <typename T> static void end_shared(const FactorJob<T> &job, void *scratch) {
    if (job.ending == PLAIN || job.ending == GROUPED) return;
    for (int64_t b = 0; b < job.count; ++b) {
#pragma omp for schedule(static)
        for (int64_t k = 0; k < job.problems[b].K; ++k) end_row(job, b, k, scratch);
#pragma omp single
        end_problem(job, b);
    }
}

// Bytes of scratch that `end_row` needs.
template <typename T> static int64_t ending_bytes(const FactorJob<T> &job) {
    int64_t most = 0;
    for (int64_t b = 0; b < job.count && job.ending != PLAIN; ++b) {
        const Problem &p = job.problems[b];
        const int64_t coupled = p.N * int64_t(3 * sizeof(double) + 4 * sizeof(Weighted));
        const int64_t regressed = job.ending == REGRESSED ? (p.K + job.endings[b].C) * int64_t(sizeof(T)) : 0;
        const int64_t size = job.ending == COUPLED ? coupled : regressed;
        if (size > most) most = size;
    }
    return most;
}
