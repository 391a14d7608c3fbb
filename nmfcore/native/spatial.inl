// One EM iteration of the local Gaussian model, and its Wiener filter. Included inside the variant's namespace.
//
// With P = Σ_x⁻¹ and S = PΨP − P, the posterior covariance of source j is Σ̂_j = v_j R_j + v_j² R_j S R_j. So per frame
// only P and S are needed; the M step follows from sums over frames of v_j S,
//     R_j ← R_j + R_j (1/N Σ_n v_j S) R_j,        v_j ← v_j [tr(A_j) + v_j tr(B_j S)] / I,
//     A_j = R_new⁻¹ R_j,   B_j = R_j R_new⁻¹ R_j,
// and nothing of size (J, F, N, I, I) is ever formed. Frames are the vector lanes, bins the parallel loop. Arithmetic
// is double throughout, whatever the storage: the subtraction in S costs digits that float does not have.
//
// A Hermitian matrix is kept as I² real planes: for a = 0…I−1 the entry (a, a), then for b > a the real and the
// imaginary part of (a, b).

typedef Vec<double> D;
constexpr int DL = Simd<double>::lanes;
constexpr double RIDGE = 1e-12;  // added to R_new relative to its trace, before its inversion
constexpr double LOG_PI = 1.1447298858494002;

// Position of entry (a, b), a ≤ b, among the planes.
NMF_INLINE int plane(int channels, int a, int b) {
    const int row = a * (2 * channels - a);  // planes before row a
    return a == b ? row : row + 1 + 2 * (b - a - 1);
}

struct Complex {
    double re, im;
};

// A small complex matrix of doubles: the per-bin algebra, which no frame count multiplies.
struct Small {
    Complex at[MAX_CHANNELS * MAX_CHANNELS];
};

static void multiply(int n, const Small &a, const Small &b, Small &out) {
    for (int i = 0; i < n; ++i)
        for (int j = 0; j < n; ++j) {
            Complex sum{0, 0};
            for (int k = 0; k < n; ++k) {
                const Complex x = a.at[i * n + k], y = b.at[k * n + j];
                sum.re += x.re * y.re - x.im * y.im;
                sum.im += x.re * y.im + x.im * y.re;
            }
            out.at[i * n + j] = sum;
        }
}

static void make_hermitian(int n, Small &a) {
    for (int i = 0; i < n; ++i) {
        a.at[i * n + i].im = 0;
        for (int j = i + 1; j < n; ++j) {
            Complex &up = a.at[i * n + j], &down = a.at[j * n + i];
            up.re = down.re = (up.re + down.re) / 2;
            up.im = (up.im - down.im) / 2;
            down.im = -up.im;
        }
    }
}

// Inverse of a Hermitian positive definite matrix by Gauss–Jordan elimination without pivoting.
static void invert(int n, Small a, Small &out) {
    for (int i = 0; i < n * n; ++i) out.at[i] = Complex{0, 0};
    for (int i = 0; i < n; ++i) out.at[i * n + i].re = 1;
    for (int p = 0; p < n; ++p) {
        const double scale = 1 / a.at[p * n + p].re;
        for (int j = 0; j < n; ++j) {
            a.at[p * n + j].re *= scale, a.at[p * n + j].im *= scale;
            out.at[p * n + j].re *= scale, out.at[p * n + j].im *= scale;
        }
        for (int i = 0; i < n; ++i) {
            if (i == p) continue;
            const Complex factor = a.at[i * n + p];
            for (int j = 0; j < n; ++j) {
                const Complex x = a.at[p * n + j], y = out.at[p * n + j];
                a.at[i * n + j].re -= factor.re * x.re - factor.im * x.im;
                a.at[i * n + j].im -= factor.re * x.im + factor.im * x.re;
                out.at[i * n + j].re -= factor.re * y.re - factor.im * y.im;
                out.at[i * n + j].im -= factor.re * y.im + factor.im * y.re;
            }
        }
    }
}

// P = Σ⁻¹ and log det Σ for a vector of Hermitian positive definite matrices in planes. CH = 0: `n` decides.
template <int CH> NMF_INLINE D inverse_planes(const D *sigma, D *P, int n) {
    if constexpr (CH == 1) {
        P[0] = 1.0 / sigma[0];
        return vlog<double>(sigma[0]);
    } else if constexpr (CH == 2) {
        const D det = sigma[0] * sigma[3] - sigma[1] * sigma[1] - sigma[2] * sigma[2], scale = 1.0 / det;
        P[0] = sigma[3] * scale;
        P[1] = -sigma[1] * scale;
        P[2] = -sigma[2] * scale;
        P[3] = sigma[0] * scale;
        return vlog<double>(det);
    } else {
        constexpr int M = CH ? CH : MAX_CHANNELS;
        const int I = CH ? CH : n;
        D re[M][M], im[M][M];  // lower triangle: L of Σ = L Lᴴ, then L⁻¹
        D logdet{};
        for (int j = 0; j < I; ++j) {
            D d = sigma[plane(I, j, j)];
            for (int k = 0; k < j; ++k) d -= re[j][k] * re[j][k] + im[j][k] * im[j][k];
            logdet += vlog<double>(d);
            const D root = 1.0 / vsqrt(d);
            re[j][j] = root;  // the diagonal of L is kept inverted
            im[j][j] = D{};
            for (int i = j + 1; i < I; ++i) {
                const int at = plane(I, j, i);
                D x = sigma[at], y = -sigma[at + 1];  // entry (i, j) is the conjugate of (j, i)
                for (int k = 0; k < j; ++k) {
                    x -= re[i][k] * re[j][k] + im[i][k] * im[j][k];
                    y -= im[i][k] * re[j][k] - re[i][k] * im[j][k];
                }
                re[i][j] = x * root;
                im[i][j] = y * root;
            }
        }
        // L⁻¹ column by column. Column j of L is read until its own inverse is complete, so that is built in the upper
        // triangle first.
        for (int j = 0; j < I; ++j) {
            for (int i = j + 1; i < I; ++i) {
                D x = re[i][j] * re[j][j], y = im[i][j] * re[j][j];
                for (int k = j + 1; k < i; ++k) {
                    x += re[i][k] * re[j][k] - im[i][k] * im[j][k];
                    y += re[i][k] * im[j][k] + im[i][k] * re[j][k];
                }
                re[j][i] = -x * re[i][i];
                im[j][i] = -y * re[i][i];
            }
            for (int i = j + 1; i < I; ++i) re[i][j] = re[j][i], im[i][j] = im[j][i];
        }
        // P = L⁻ᴴ L⁻¹.
        for (int a = 0; a < I; ++a)
            for (int b = a; b < I; ++b) {
                D x{}, y{};
                for (int k = b; k < I; ++k) {
                    const D ar = re[k][a], ai = k == a ? D{} : im[k][a];
                    const D br = re[k][b], bi = k == b ? D{} : im[k][b];
                    x += ar * br + ai * bi;
                    y += ar * bi - ai * br;
                }
                const int at = plane(I, a, b);
                P[at] = x;
                if (a != b) P[at + 1] = y;
            }
        return logdet;
    }
}

// y = P x for a Hermitian P in planes.
template <int CH> NMF_INLINE void apply(const D *P, const D *xr, const D *xi, D *yr, D *yi, int n) {
    const int I = CH ? CH : n;
    for (int a = 0; a < I; ++a) yr[a] = P[plane(I, a, a)] * xr[a], yi[a] = P[plane(I, a, a)] * xi[a];
    for (int a = 0; a < I; ++a)
        for (int b = a + 1; b < I; ++b) {
            const D re = P[plane(I, a, b)], im = P[plane(I, a, b) + 1];
            yr[a] += re * xr[b] - im * xi[b];
            yi[a] += re * xi[b] + im * xr[b];
            yr[b] += re * xr[a] + im * xi[a];
            yi[b] += re * xi[a] - im * xr[a];
        }
}

// S = PΨP − P and tr(PΨ), for Ψ in planes.
template <int CH> NMF_INLINE D sandwich(const D *P, const D *psi, D *S, int n) {
    constexpr int M = CH ? CH : MAX_CHANNELS;
    const int I = CH ? CH : n;
    D qr[M][M], qi[M][M], trace{};  // PΨ, column by column
    for (int c = 0; c < I; ++c) {
        D xr[M], xi[M], yr[M], yi[M];
        for (int a = 0; a < I; ++a) {
            const int at = plane(I, a < c ? a : c, a < c ? c : a);
            xr[a] = psi[at];
            xi[a] = a == c ? D{} : a < c ? psi[at + 1] : -psi[at + 1];
        }
        apply<CH>(P, xr, xi, yr, yi, I);
        for (int a = 0; a < I; ++a) qr[a][c] = yr[a], qi[a][c] = yi[a];
        trace += yr[c];
    }
    for (int a = 0; a < I; ++a)
        for (int b = a; b < I; ++b) {
            D x{}, y{};
            for (int c = 0; c < I; ++c) {
                const int at = plane(I, c < b ? c : b, c < b ? b : c);
                const D pr = P[at], pi = c == b ? D{} : c < b ? P[at + 1] : -P[at + 1];
                x += qr[a][c] * pr - qi[a][c] * pi;
                y += qr[a][c] * pi + qi[a][c] * pr;
            }
            const int at = plane(I, a, b);
            S[at] = x - P[at];
            if (a != b) S[at + 1] = y - P[at + 1];
        }
    return trace;
}

// R_j(f), all sources, as planes of doubles.
static void covariance_planes(const double *R, int64_t J, int64_t F, int I, int64_t f, double *out) {
    for (int64_t j = 0; j < J; ++j) {
        const double *r = R + (j * F + f) * I * I * 2;
        for (int a = 0; a < I; ++a)
            for (int b = a; b < I; ++b) {
                double *at = out + j * I * I + plane(I, a, b);
                at[0] = r[(a * I + b) * 2];
                if (a != b) at[1] = r[(a * I + b) * 2 + 1];
            }
    }
}

// One row of the storage type → doubles, padded with `fill` to whole vectors.
template <typename T> NMF_INLINE void widen(const T *in, int64_t stride, int64_t N, int64_t padded, double fill, double *out) {
    for (int64_t n = 0; n < N; ++n) out[n] = double(in[n * stride]);
    for (int64_t n = N; n < padded; ++n) out[n] = fill;
}

// The data of one bin, frames padded to whole vectors. Padding frames have v = 1, x = 0.
struct Bin {
    double *xr, *xi, *v, *S, *psi, *R;
};

template <typename T> static int64_t bin_doubles(const SpatialJob<T> &job, int64_t padded) {
    const int64_t I = job.channels, square = I * I;
    return padded * (2 * I + job.sources + 2 * square) + job.sources * square;
}

template <typename T> static Bin read_bin(const SpatialJob<T> &job, int64_t f, int64_t padded, double *scratch) {
    const int64_t I = job.channels, J = job.sources, N = job.N, square = I * I;
    Bin bin;
    bin.xr = scratch;
    bin.xi = bin.xr + I * padded;
    bin.v = bin.xi + I * padded;
    bin.S = bin.v + J * padded;
    bin.psi = bin.S + square * padded;
    bin.R = bin.psi + square * padded;
    for (int64_t i = 0; i < I; ++i) {
        const T *x = job.X + 2 * (i * job.F + f) * N;
        widen(x, 2, N, padded, 0.0, bin.xr + i * padded);
        widen(x + 1, 2, N, padded, 0.0, bin.xi + i * padded);
    }
    for (int64_t j = 0; j < J; ++j) widen(job.v + (j * job.F + f) * N, 1, N, padded, 1.0, bin.v + j * padded);
    if (job.psi)
        for (int64_t i = 0; i < square; ++i)
            widen(job.psi + (i * job.F + f) * N, 1, N, padded, 0.0, bin.psi + i * padded);
    covariance_planes(job.R, J, job.F, int(I), f, bin.R);
    return bin;
}

// Σ_x = Σ_j v_j R_j at one vector of frames.
template <int CH> NMF_INLINE void mixture_planes(const Bin &bin, int64_t J, int64_t padded, int64_t n, D *sigma, int I) {
    const int square = I * I;
    for (int i = 0; i < square; ++i) sigma[i] = D{};
    for (int64_t j = 0; j < J; ++j) {
        const D v = load(bin.v + j * padded + n);
        for (int i = 0; i < square; ++i) sigma[i] += bin.R[j * square + i] * v;
    }
}

template <typename T, int CH> static void step_bin(const SpatialJob<T> &job, int64_t f, double *scratch) {
    constexpr int M = CH ? CH : MAX_CHANNELS;
    const int I = CH ? CH : int(job.channels), square = I * I;
    const int64_t J = job.sources, N = job.N, padded = (N + DL - 1) / DL * DL;
    const Bin bin = read_bin(job, f, padded, scratch);
    double *sums = scratch + bin_doubles(job, padded);  // J × I² vectors: Σ_n v_j S
    for (int64_t i = 0; i < J * square * DL; ++i) sums[i] = 0;

    D value{};
    for (int64_t n = 0; n < padded; n += DL) {
        D sigma[M * M], P[M * M], S[M * M], xr[M], xi[M], yr[M], yi[M];
        mixture_planes<CH>(bin, J, padded, n, sigma, I);
        D cost = inverse_planes<CH>(sigma, P, I);
        if (job.psi) {
            for (int i = 0; i < square; ++i) sigma[i] = load(bin.psi + i * padded + n);
            cost += sandwich<CH>(P, sigma, S, I);
        } else {  // Ψ = x xᴴ has rank one: S = y yᴴ − P with y = P x
            for (int i = 0; i < I; ++i) xr[i] = load(bin.xr + i * padded + n), xi[i] = load(bin.xi + i * padded + n);
            apply<CH>(P, xr, xi, yr, yi, I);
            for (int a = 0; a < I; ++a) {
                cost += xr[a] * yr[a] + xi[a] * yi[a];
                S[plane(I, a, a)] = yr[a] * yr[a] + yi[a] * yi[a] - P[plane(I, a, a)];
                for (int b = a + 1; b < I; ++b) {
                    const int at = plane(I, a, b);
                    S[at] = yr[a] * yr[b] + yi[a] * yi[b] - P[at];
                    S[at + 1] = yi[a] * yr[b] - yr[a] * yi[b] - P[at + 1];
                }
            }
        }
        if (job.neg) {  // of −log p in v_j: tr(R_j P) − tr(R_j PΨP)
            for (int64_t j = 0; j < J; ++j) {
                const double *r = bin.R + j * square;
                D below{}, above{};
                for (int a = 0; a < I; ++a)
                    for (int i = plane(I, a, a); i < plane(I, a, a) + 2 * (I - a) - 1; ++i) {
                        const double weight = (i == plane(I, a, a) ? 1 : 2) * r[i];
                        below += weight * P[i];
                        above += weight * S[i];
                    }
                above = vmax(above + below, D{});
                const int64_t out = (j * job.F + f) * N + n;
                for (int i = 0; i < DL && n + i < N; ++i) {
                    job.neg[out + i] = T(above[i]);
                    job.pos[out + i] = T(below[i]);
                }
            }
            continue;
        }
        if (n + DL > N)  // padding weighs nothing
            for (int i = 0; i < DL; ++i)
                if (n + i >= N) {
                    cost[i] = 0;
                    for (int s = 0; s < square; ++s) S[s][i] = 0;
                }
        value -= cost;
        for (int i = 0; i < square; ++i) store(bin.S + i * padded + n, S[i]);
        for (int64_t j = 0; j < J; ++j) {
            const D v = load(bin.v + j * padded + n);
            double *sum = sums + j * square * DL;
            for (int i = 0; i < square; ++i) store(sum + i * DL, load(sum + i * DL) + v * S[i]);
        }
    }
    if (job.neg) return;
    double total = -double(N) * I * LOG_PI;
    for (int i = 0; i < DL; ++i) total += value[i];
    job.log_likelihood[f] = total;

    for (int64_t j = 0; j < J; ++j) {
        Small R, mean, left, fresh, inverse, A, B;
        const double *r = job.R + (j * job.F + f) * square * 2;
        for (int i = 0; i < square; ++i) R.at[i] = Complex{r[2 * i], r[2 * i + 1]};
        for (int a = 0; a < I; ++a)
            for (int b = a; b < I; ++b) {
                double both[2] = {0, 0};
                for (int part = 0; part < (a == b ? 1 : 2); ++part)
                    for (int i = 0; i < DL; ++i) both[part] += sums[(j * square + plane(I, a, b) + part) * DL + i] / N;
                mean.at[a * I + b] = Complex{both[0], both[1]};
                mean.at[b * I + a] = Complex{both[0], -both[1]};
            }
        multiply(I, R, mean, left);
        multiply(I, left, R, fresh);
        for (int i = 0; i < square; ++i) fresh.at[i].re += R.at[i].re, fresh.at[i].im += R.at[i].im;
        make_hermitian(I, fresh);
        double trace = 0;
        for (int a = 0; a < I; ++a) trace += fresh.at[a * I + a].re;
        for (int a = 0; a < I; ++a) fresh.at[a * I + a].re += RIDGE * trace / I;
        double *out = job.R_new + (j * job.F + f) * square * 2;
        for (int i = 0; i < square; ++i) out[2 * i] = fresh.at[i].re, out[2 * i + 1] = fresh.at[i].im;
        if (job.keep_v) continue;
        invert(I, fresh, inverse);
        multiply(I, inverse, R, A);
        multiply(I, R, A, B);
        double trace_A = 0, weight[M * M];  // tr(B S) = Σ_i weight_i S_i over the planes
        for (int a = 0; a < I; ++a) {
            trace_A += A.at[a * I + a].re;
            weight[plane(I, a, a)] = B.at[a * I + a].re;
            for (int b = a + 1; b < I; ++b) {
                weight[plane(I, a, b)] = B.at[a * I + b].re + B.at[b * I + a].re;
                weight[plane(I, a, b) + 1] = B.at[a * I + b].im - B.at[b * I + a].im;
            }
        }
        for (int64_t n = 0; n < padded; n += DL) {
            D sum{};
            for (int i = 0; i < square; ++i) sum += weight[i] * load(bin.S + i * padded + n);
            const D v = load(bin.v + j * padded + n);
            // R_new ≥ Σ̂ / (N v) bounds the new variance by N v, whatever rounding makes of a nearly singular R.
            const D fresh = vmin(v * (trace_A + v * sum) / double(I), double(N) * v);
            store(bin.v + j * padded + n, vmax(fresh, D{}));
        }
        T *v = job.v + (j * job.F + f) * N;
        for (int64_t n = 0; n < N; ++n) v[n] = T(bin.v[j * padded + n]);
    }
}

template <typename T, int CH> static void wiener_bin(const SpatialJob<T> &job, int64_t f, double *scratch) {
    constexpr int M = CH ? CH : MAX_CHANNELS;
    const int I = CH ? CH : int(job.channels), square = I * I;
    const int64_t J = job.sources, N = job.N, padded = (N + DL - 1) / DL * DL;
    const Bin bin = read_bin(job, f, padded, scratch);
    for (int64_t n = 0; n < padded; n += DL) {
        D sigma[M * M], P[M * M], R[M * M], xr[M], xi[M], yr[M], yi[M], cr[M], ci[M];
        mixture_planes<CH>(bin, J, padded, n, sigma, I);
        inverse_planes<CH>(sigma, P, I);
        for (int i = 0; i < I; ++i) xr[i] = load(bin.xr + i * padded + n), xi[i] = load(bin.xi + i * padded + n);
        apply<CH>(P, xr, xi, yr, yi, I);
        for (int64_t j = 0; j < J; ++j) {
            const D v = load(bin.v + j * padded + n);
            for (int i = 0; i < square; ++i) R[i] = splat(bin.R[j * square + i]);
            apply<CH>(R, yr, yi, cr, ci, I);
            for (int i = 0; i < I; ++i) {
                T *out = job.images + 2 * ((j * I + i) * job.F + f) * N;
                for (int64_t m = n; m < n + DL && m < N; ++m) {
                    out[2 * m] = T(v[m - n] * cr[i][m - n]);
                    out[2 * m + 1] = T(v[m - n] * ci[i][m - n]);
                }
            }
        }
    }
}

template <typename T> struct Step {
    template <int CH> static void run(const SpatialJob<T> &job, int64_t f, double *scratch) { step_bin<T, CH>(job, f, scratch); }
};
template <typename T> struct Filter {
    template <int CH> static void run(const SpatialJob<T> &job, int64_t f, double *scratch) { wiener_bin<T, CH>(job, f, scratch); }
};

template <typename T, typename WORK> static void for_all_bins(const SpatialJob<T> &job) {
    const int64_t padded = (job.N + DL - 1) / DL * DL;
    const int64_t doubles = bin_doubles(job, padded) + job.sources * job.channels * job.channels * DL + 64;
    const int threads = job.F * job.N < 4096 ? 1 : job.threads;
#pragma omp parallel num_threads(threads) if (threads > 1)
    {
        FlushSubnormals flush;
        Scratch own(doubles * int64_t(sizeof(double)));
        double *scratch = static_cast<double *>(own.memory);
#pragma omp for schedule(dynamic, 4)
        for (int64_t f = 0; f < job.F; ++f) switch (job.channels) {
                case 1: WORK::template run<1>(job, f, scratch); break;
                case 2: WORK::template run<2>(job, f, scratch); break;
                case 3: WORK::template run<3>(job, f, scratch); break;
                case 4: WORK::template run<4>(job, f, scratch); break;
                case 6: WORK::template run<6>(job, f, scratch); break;
                case 8: WORK::template run<8>(job, f, scratch); break;
                default: WORK::template run<0>(job, f, scratch); break;
            }
    }
}

template <typename T> static void spatial_step(const SpatialJob<T> &job) { for_all_bins<T, Step<T>>(job); }
template <typename T> static void wiener(const SpatialJob<T> &job) { for_all_bins<T, Filter<T>>(job); }
