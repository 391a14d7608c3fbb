// One EM iteration of the local Gaussian model, its gradient in the variances, and its Wiener filter.
//
// With P = Σ_x⁻¹ and S = PΨP − P the posterior covariance of source j is Σ̂_j = v_j R_j + v_j² R_j S R_j, so a frame needs
// P and S alone, and nothing of size (J, F, N, I, I) is ever formed:
//
//     R_j ← R_j + R_j (1/N Σ_n v_j S) R_j,     v_j ← v_j [tr(A_j) + v_j tr(B_j S)] / I,
//     A_j = R_new⁻¹ R_j,  B_j = R_j R_new⁻¹ R_j.
//
// `step`: a block owns one bin, a thread one frame at a time. First pass: each thread forms S; the
// block adds up v_j S over its frames, threads sharing the (source, entry) pairs. Then the I × I algebra of the bin,
// and a second pass forms S once more for the new variances: cheaper than keeping it, for what a bin reads lies in L1.
// Global memory sees X, v and R once each. Arithmetic is double throughout: the subtraction in S costs digits that
// float does not have.
//
// A Hermitian matrix is I² real planes: for a = 0 … I−1 the entry (a, a), then for b > a the real and the imaginary
// part of (a, b). Up to 4 channels they are registers, above shared memory (or, beyond its size, global memory) with
// one column per thread.
//
// Parameters: CH channels, THREADS, WIDE (1: double storage, 0: float).

#include "device.cuh"

#ifndef CH
#define CH 2
#define THREADS 128
#define WIDE 0
#endif

#if CH <= 8
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("unroll 1")
#endif

constexpr int SQ = CH * CH, PITCH = THREADS + 1;  // the odd pitch keeps sums over threads free of bank conflicts
constexpr bool IN_REGISTERS = CH <= 4;
constexpr double RIDGE = 1e-12;  // added to R_new relative to its trace, before its inversion
constexpr double LOG_PI = 1.1447298858494002;

struct Shape {
    i64 sources, F, N;
};

struct Complex {
    double re, im;
};

// Position of entry (a, b), a ≤ b, among the planes.
__device__ __forceinline__ constexpr int plane(int a, int b) {
    return a == b ? a * (2 * CH - a) : a * (2 * CH - a) + 1 + 2 * (b - a - 1);
}

struct InRegisters {
    double at[IN_REGISTERS ? SQ : 1];
    __device__ __forceinline__ explicit InRegisters(double *) {}
    __device__ __forceinline__ double &operator[](int i) { return at[i]; }
};
struct InColumns {
    double *at;
    __device__ __forceinline__ explicit InColumns(double *base) : at(base + threadIdx.x) {}
    __device__ __forceinline__ double &operator[](int i) { return at[i * PITCH]; }
};
template <bool>
struct Storage {
    typedef InColumns type;
};
template <>
struct Storage<true> {
    typedef InRegisters type;
};
typedef Storage<IN_REGISTERS>::type Planes;

__device__ __forceinline__ double read(const void *array, i64 i) {
    return WIDE ? static_cast<const double *>(array)[i] : double(static_cast<const float *>(array)[i]);
}
__device__ __forceinline__ void write(void *array, i64 i, double x) {
    if (WIDE)
        static_cast<double *>(array)[i] = x;
    else
        static_cast<float *>(array)[i] = float(x);
}

// A Hermitian positive definite matrix becomes its inverse, in place; returns log det. A pivot that rounding has eaten
// counts as 1e-15 of the largest diagonal entry, so that a singular matrix gives large numbers, not infinite ones.
template <typename P>
__device__ __forceinline__ double invert(P &A) {
    double value = 0, least = 1e-290;
    UNROLL
    for (int a = 0; a < CH; ++a) least = fmax(least, 1e-15 * A[plane(a, a)]);
    // A = Uᴴ U, row by row; the diagonal of U is kept inverted.
    UNROLL
    for (int j = 0; j < CH; ++j) {
        double d = A[plane(j, j)];
        UNROLL
        for (int k = 0; k < j; ++k) {
            const double re = A[plane(k, j)], im = A[plane(k, j) + 1];
            d -= re * re + im * im;
        }
        d = fmax(d, least);
        value += log(d);
        const double root = 1 / sqrt(d);
        A[plane(j, j)] = root;
        UNROLL
        for (int i = j + 1; i < CH; ++i) {
            double x = A[plane(j, i)], y = A[plane(j, i) + 1];
            UNROLL
            for (int k = 0; k < j; ++k) {
                const double ar = A[plane(k, j)], ai = A[plane(k, j) + 1], br = A[plane(k, i)], bi = A[plane(k, i) + 1];
                x -= ar * br + ai * bi;
                y -= ar * bi - ai * br;
            }
            A[plane(j, i)] = x * root;
            A[plane(j, i) + 1] = y * root;
        }
    }
    // U ← U⁻¹, column by column: entries above i in the column are done, those below still U.
    UNROLL
    for (int j = 1; j < CH; ++j)
        UNROLL
        for (int i = 0; i < j; ++i) {
            const double d = A[plane(i, i)];
            double x = d * A[plane(i, j)], y = d * A[plane(i, j) + 1];
            UNROLL
            for (int k = i + 1; k < j; ++k) {
                const double ar = A[plane(i, k)], ai = A[plane(i, k) + 1], br = A[plane(k, j)], bi = A[plane(k, j) + 1];
                x += ar * br - ai * bi;
                y += ar * bi + ai * br;
            }
            const double last = -A[plane(j, j)];
            A[plane(i, j)] = x * last;
            A[plane(i, j) + 1] = y * last;
        }
    // A⁻¹ = U⁻¹ U⁻ᴴ, again in place: row a is not read by the rows after it.
    UNROLL
    for (int a = 0; a < CH; ++a)
        UNROLL
        for (int b = a; b < CH; ++b) {
            double x = 0, y = 0;
            UNROLL
            for (int k = b; k < CH; ++k) {
                const double ar = A[plane(a, k)], ai = k == a ? 0.0 : A[plane(a, k) + 1];
                const double br = A[plane(b, k)], bi = k == b ? 0.0 : A[plane(b, k) + 1];
                x += ar * br + ai * bi;
                y += ai * br - ar * bi;
            }
            A[plane(a, b)] = x;
            if (a != b) A[plane(a, b) + 1] = y;
        }
    return value;
}

// y = A x for a Hermitian A.
template <typename P>
__device__ __forceinline__ void apply(P &A, const Complex *x, Complex *y) {
    UNROLL
    for (int a = 0; a < CH; ++a) y[a] = {A[plane(a, a)] * x[a].re, A[plane(a, a)] * x[a].im};
    UNROLL
    for (int a = 0; a < CH; ++a)
        UNROLL
        for (int b = a + 1; b < CH; ++b) {
            const double re = A[plane(a, b)], im = A[plane(a, b) + 1];
            y[a].re += re * x[b].re - im * x[b].im;
            y[a].im += re * x[b].im + im * x[b].re;
            y[b].re += re * x[a].re + im * x[a].im;
            y[b].im += re * x[a].im - im * x[a].re;
        }
}

// The bin of this block: where its data lie. Bins know nothing of each other, so those of several recordings of one
// length are as many bins of one.
struct Bin {
    const void *X, *psi, *v;  // X (I, F, N) complex, psi (I², F, N) or nullptr, v (J, F, N)
    const double *R;          // (J, I²) planes, in shared memory
    i64 step, sources, N;

    __device__ __forceinline__ Bin(const void *X, const void *psi, const void *v, const double *R, Shape s)
        : X(X), psi(psi), v(v), R(R), step(s.F * s.N), sources(s.sources), N(s.N) {}
    // Computed where it is used: kept, it would take the register that sm_80 does not have.
    __device__ __forceinline__ i64 row() const { return i64(blockIdx.x) * N; }
    __device__ __forceinline__ double variance(i64 j, i64 n) const { return read(v, row() + j * step + n); }
    __device__ __forceinline__ Complex x(int i, i64 n) const {
        const i64 at = 2 * (row() + i * step + n);
        return {read(X, at), read(X, at + 1)};
    }

    // Σ_j v_j R_j
    __device__ __forceinline__ void mixture(i64 n, Planes &A) const {
        UNROLL
        for (int i = 0; i < SQ; ++i) A[i] = 0;
        for (i64 j = 0; j < sources; ++j) {
            const double share = variance(j, n);
            UNROLL
            for (int i = 0; i < SQ; ++i) A[i] += R[j * SQ + i] * share;
        }
    }

    // P and S at frame n, with S in the place of P unless Ψ is averaged; returns log det Σ_x + tr(PΨ).
    __device__ __forceinline__ double posterior(i64 n, Planes &P, Planes &S) const {
        mixture(n, P);
        double cost = invert(P);
        if (psi) {
            for (int c = 0; c < CH; ++c) {  // column c of PΨP; rolled, as it is the rare case
                Complex p[CH], w[CH], z[CH];
                UNROLL
                for (int a = 0; a < CH; ++a) {
                    p[a] = {0, 0};
                    UNROLL
                    for (int b = 0; b < CH; ++b)
                        if (b == c) {
                            const int at = plane(a < b ? a : b, a < b ? b : a);
                            p[a] = {P[at], a == b ? 0.0 : a < b ? P[at + 1] : -P[at + 1]};
                        }
                    w[a] = {0, 0};
                }
                UNROLL
                for (int a = 0; a < CH; ++a)
                    UNROLL
                    for (int b = a; b < CH; ++b) {
                        const double re = read(psi, row() + plane(a, b) * step + n);
                        const double im = a == b ? 0.0 : read(psi, row() + (plane(a, b) + 1) * step + n);
                        w[a].re += re * p[b].re - im * p[b].im;
                        w[a].im += re * p[b].im + im * p[b].re;
                        if (a == b) continue;
                        w[b].re += re * p[a].re + im * p[a].im;
                        w[b].im += re * p[a].im - im * p[a].re;
                    }
                apply(P, w, z);
                UNROLL
                for (int b = 0; b < CH; ++b)
                    if (b == c) {
                        UNROLL
                        for (int a = 0; a <= b; ++a) {
                            S[plane(a, b)] = z[a].re - P[plane(a, b)];
                            if (a != b) S[plane(a, b) + 1] = z[a].im - P[plane(a, b) + 1];
                        }
                    }
            }
            // tr(PΨ), entry by entry
            UNROLL
            for (int a = 0; a < CH; ++a)
                UNROLL
                for (int i = plane(a, a); i < plane(a, a) + 2 * (CH - a) - 1; ++i)
                    cost += (i == plane(a, a) ? 1 : 2) * P[i] * read(psi, row() + i * step + n);
        } else {  // Ψ = x xᴴ: S = y yᴴ − P with y = P x
            Complex in[CH], y[CH];
            UNROLL
            for (int i = 0; i < CH; ++i) in[i] = x(i, n);
            apply(P, in, y);
            UNROLL
            for (int a = 0; a < CH; ++a) {
                cost += in[a].re * y[a].re + in[a].im * y[a].im;
                S[plane(a, a)] = y[a].re * y[a].re + y[a].im * y[a].im - P[plane(a, a)];
                UNROLL
                for (int b = a + 1; b < CH; ++b) {
                    const int at = plane(a, b);
                    S[at] = y[a].re * y[b].re + y[a].im * y[b].im - P[at];
                    S[at + 1] = y[a].im * y[b].re - y[a].re * y[b].im - P[at + 1];
                }
            }
        }
        return cost;
    }
};

// R_j of this block's bin as planes into shared memory.
__device__ __forceinline__ void load_covariances(const Complex *R, Shape s, double *planes) {
    for (int i = threadIdx.x; i < s.sources * SQ; i += THREADS) {
        const int j = i / SQ, a = i % SQ / CH, b = i % CH;
        if (a > b) continue;
        const Complex r = R[(j * s.F + blockIdx.x) * SQ + a * CH + b];
        planes[j * SQ + plane(a, b)] = r.re;
        if (a != b) planes[j * SQ + plane(a, b) + 1] = r.im;
    }
    __syncthreads();
}

// out = left × right of full I × I matrices, all threads.
__device__ __forceinline__ void multiply(const Complex *left, const Complex *right, Complex *out) {
    for (int i = threadIdx.x; i < SQ; i += THREADS) {
        Complex sum = {0, 0};
        for (int k = 0; k < CH; ++k) {
            const Complex x = left[i / CH * CH + k], y = right[k * CH + i % CH];
            sum.re += x.re * y.re - x.im * y.im;
            sum.im += x.re * y.im + x.im * y.re;
        }
        out[i] = sum;
    }
    __syncthreads();
}

// Planes → full matrix, all threads.
__device__ __forceinline__ void unfold(const double *planes, double factor, Complex *out) {
    for (int i = threadIdx.x; i < SQ; i += THREADS) {
        const int a = i / CH, b = i % CH, at = plane(a < b ? a : b, a < b ? b : a);
        out[i] = {planes[at] * factor, a == b ? 0.0 : (a < b ? 1 : -1) * planes[at + 1] * factor};
    }
    __syncthreads();
}

// tr(BS) = Σ_i weight_i S_i: the weights of the planes of S, into `planes`; all threads.
__device__ __forceinline__ void trace_weights(const Complex *B, double *planes) {
    for (int i = threadIdx.x; i < SQ; i += THREADS) {
        const int a = i / CH, b = i % CH;
        if (a > b) continue;
        const Complex up = B[a * CH + b], down = B[b * CH + a];
        planes[plane(a, b)] = a == b ? up.re : up.re + down.re;
        if (a != b) planes[plane(a, b) + 1] = up.im - down.im;
    }
    __syncthreads();
}

// Doubles of shared memory beside the matrices of the threads: covariances, sums, weights, per source; v; the cost.
// `scratch`: the matrices where shared memory has no room for them, else nullptr.
extern "C" __global__ void __launch_bounds__(THREADS)
step(const void *X, void *v, const Complex *R, Complex *R_new, const void *psi, double *values, double *scratch,
     i64 sources, i64 F, i64 N, int keep_v) {
    SHARED_MEMORY(shared);
    const Shape s{sources, F, N};
    const int pairs = int(sources) * SQ, shares = pairs < THREADS ? THREADS / pairs : 1;
    double *covariances = reinterpret_cast<double *>(shared), *weights = covariances + pairs, *sums = weights + pairs;
    double *share = sums + pairs * shares, *traces = share + sources * THREADS, *costs = traces + sources;
    double *matrices = scratch ? scratch + i64(blockIdx.x) * 2 * SQ * PITCH : costs + THREADS;
    load_covariances(R, s, covariances);
    const Bin bin(X, psi, v, covariances, s);
    for (int i = threadIdx.x; i < pairs * shares; i += THREADS) sums[i] = 0;

    // Σ_n v_j S, every (source, plane) in so many shares of frames.
    Planes P(matrices), S(psi ? matrices + SQ * PITCH : matrices);
    double value = 0;
    for (i64 first = 0; first < N; first += THREADS) {
        const i64 n = first + threadIdx.x;
        const bool valid = n < N;
        const double cost = bin.posterior(valid ? n : N - 1, P, S);
        if (valid) value -= cost;
        double *board = IN_REGISTERS ? matrices : psi ? matrices + SQ * PITCH : matrices;
        if (IN_REGISTERS) {
            UNROLL
            for (int i = 0; i < SQ; ++i) board[i * PITCH + threadIdx.x] = S[i];
        }
        for (i64 j = 0; j < sources; ++j) share[j * THREADS + threadIdx.x] = valid ? bin.variance(j, n) : 0.0;
        __syncthreads();
        for (int i = threadIdx.x; i < pairs * shares; i += THREADS) {
            const int pair = i % pairs, part = i / pairs, j = pair / SQ;
            const double *entry = board + pair % SQ * PITCH;
            double sum = 0;
            for (int m = part * THREADS / shares; m < (part + 1) * THREADS / shares; ++m) sum += share[j * THREADS + m] * entry[m];
            sums[i] += sum;
        }
        __syncthreads();
    }
    costs[threadIdx.x] = value;
    for (int half = THREADS / 2; half > 0; half /= 2) {
        __syncthreads();
        if (int(threadIdx.x) < half) costs[threadIdx.x] += costs[threadIdx.x + half];
    }
    if (threadIdx.x == 0) values[blockIdx.x] = costs[0] - double(N) * CH * LOG_PI;
    for (int i = threadIdx.x; i < pairs; i += THREADS)
        for (int part = 1; part < shares; ++part) sums[i] += sums[part * pairs + i];
    __syncthreads();

    // The algebra of the bin, in the place of the matrices. `sums` becomes R_new, then its inverse.
    Complex *full = reinterpret_cast<Complex *>(matrices), *mean = full + SQ, *left = mean + SQ, *fresh = left + SQ;
    for (i64 j = 0; j < sources; ++j) {
        double *now = sums + j * SQ;
        unfold(covariances + j * SQ, 1.0, full);
        unfold(now, 1.0 / double(N), mean);
        multiply(full, mean, left);
        multiply(left, full, fresh);
        if (threadIdx.x == 0) {
            double trace = 0, before = 0;
            for (int a = 0; a < CH; ++a) {
                before += full[a * CH + a].re;
                trace += full[a * CH + a].re + fresh[a * CH + a].re;
            }
            costs[0] = RIDGE / CH * trace;
            costs[1] = trace > RIDGE * before;  // else the source has vanished, and has no variances to speak of
        }
        __syncthreads();
        const i64 at = (j * F + blockIdx.x) * SQ;
        for (int i = threadIdx.x; i < SQ; i += THREADS) {
            const int a = i / CH, b = i % CH;
            if (a > b) continue;
            const Complex up = fresh[a * CH + b], down = fresh[b * CH + a];
            const Complex sum = {full[i].re + (up.re + down.re) / 2 + (a == b ? costs[0] : 0.0), full[i].im + (up.im - down.im) / 2};
            now[plane(a, b)] = sum.re;
            if (a != b) now[plane(a, b) + 1] = sum.im;
            R_new[at + a * CH + b] = {sum.re, a == b ? 0.0 : sum.im};
            if (a != b) R_new[at + b * CH + a] = {sum.re, -sum.im};
        }
        if (threadIdx.x == 0) traces[j] = costs[1];
        __syncthreads();
    }
    if (keep_v) return;
    for (i64 j = threadIdx.x; j < sources; j += THREADS) {
        double *now = sums + j * SQ;
        invert(now);
    }
    __syncthreads();
    for (i64 j = 0; j < sources; ++j) {
        unfold(covariances + j * SQ, 1.0, full);
        unfold(sums + j * SQ, 1.0, mean);
        multiply(mean, full, left);
        multiply(full, left, fresh);
        trace_weights(fresh, weights + j * SQ);
        if (threadIdx.x == 0) {
            double trace = 0;
            for (int a = 0; a < CH; ++a) trace += left[a * CH + a].re;
            traces[j] = traces[j] > 0 ? trace : -1;
        }
        __syncthreads();
    }
    for (i64 n = threadIdx.x; n < N; n += THREADS) {
        bin.posterior(n, P, S);
        for (i64 j = 0; j < sources; ++j) {
            if (traces[j] < 0) continue;
            double sum = 0;
            UNROLL
            for (int i = 0; i < SQ; ++i) sum += weights[j * SQ + i] * S[i];
            const double was = share[j * THREADS + threadIdx.x] = bin.variance(j, n);
            // R_new ≥ Σ̂ / (N v) bounds the growth of v; beyond lies rounding only.
            const double now = fmin(was * (traces[j] + was * sum) / CH, double(N) * was);
            share[j * THREADS + threadIdx.x] = fmax(now, 0.0);
        }
        for (i64 j = 0; j < sources; ++j)
            if (!(traces[j] < 0)) write(v, bin.row() + j * bin.step + n, share[j * THREADS + threadIdx.x]);
    }
}

// The parts of the gradient of −log-likelihood in v: tr(R_j PΨP) and tr(R_j P).
extern "C" __global__ void __launch_bounds__(THREADS)
slope(const void *X, const void *v, const Complex *R, const void *psi, void *neg, void *pos, double *scratch, i64 sources,
      i64 F, i64 N) {
    SHARED_MEMORY(shared);
    const Shape s{sources, F, N};
    double *covariances = reinterpret_cast<double *>(shared);
    double *matrices = scratch ? scratch + i64(blockIdx.x) * 2 * SQ * PITCH : covariances + sources * SQ;
    load_covariances(R, s, covariances);
    const Bin bin(X, psi, v, covariances, s);
    Planes P(matrices), S(matrices + SQ * PITCH);  // apart: both are wanted
    for (i64 n = threadIdx.x; n < N; n += THREADS) {
        bin.posterior(n, P, S);
        for (i64 j = 0; j < sources; ++j) {
            double above = 0, below = 0;
            UNROLL
            for (int a = 0; a < CH; ++a)
                UNROLL
                for (int i = plane(a, a); i < plane(a, a) + 2 * (CH - a) - 1; ++i) {
                    const double weight = (i == plane(a, a) ? 1 : 2) * covariances[j * SQ + i];
                    below += weight * P[i];
                    above += weight * S[i];
                }
            write(neg, bin.row() + j * bin.step + n, fmax(above + below, 0.0));
            write(pos, bin.row() + j * bin.step + n, below);
        }
    }
}

// The source images v_j R_j Σ_x⁻¹ x, (J, I, F, N).
extern "C" __global__ void __launch_bounds__(THREADS)
wiener(const void *X, const void *v, const Complex *R, void *images, double *scratch, i64 sources, i64 F, i64 N) {
    SHARED_MEMORY(shared);
    const Shape s{sources, F, N};
    double *covariances = reinterpret_cast<double *>(shared);
    double *matrices = scratch ? scratch + i64(blockIdx.x) * 2 * SQ * PITCH : covariances + sources * SQ;
    load_covariances(R, s, covariances);
    const Bin bin(X, nullptr, v, covariances, s);
    Planes P(matrices);
    for (i64 n = threadIdx.x; n < N; n += THREADS) {
        bin.mixture(n, P);
        invert(P);
        Complex x[CH], y[CH], image[CH];
        UNROLL
        for (int i = 0; i < CH; ++i) x[i] = bin.x(i, n);
        apply(P, x, y);
        for (i64 j = 0; j < sources; ++j) {
            const double *r = covariances + j * SQ;
            apply(r, y, image);
            const double share = bin.variance(j, n);
            UNROLL
            for (int i = 0; i < CH; ++i) {
                const i64 at = 2 * (bin.row() + (j * CH + i) * bin.step + n);
                write(images, at, share * image[i].re);
                write(images, at + 1, share * image[i].im);
            }
        }
    }
}
