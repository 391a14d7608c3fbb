// What the instruction-set variants offer to the module. Each variant is one translation unit that compiles the same
// sources (factor.inl, spatial.inl) in a namespace of its own with its own flags. Nothing here may be an inline
// function or a standard container: a linker that keeps one copy of those might keep the AVX-512 one.
#pragma once

#include <cstdint>

namespace nmfcore {

// One row of the table of nmfcore/layout.py, in its order.
struct Problem {
    int64_t F, N, K;              // V (F, N), Wt (K, F), H (K, N)
    int64_t v_at, w_at, h_at;     // where they begin in the flat buffers
    int64_t row_at;               // where this problem's rows begin in a flat vector with one value per row of H
    int64_t k0, k1;               // the rows of H to be updated
};

// What goes with the update of H in a sweep, of one kind in all problems; nmfcore/layout.py tells what each is.
enum EndingKind { PLAIN, UNIT_SUM, UNIT_NORM, COUPLED, REGRESSED, GROUPED };

template <typename T>
struct Ending {
    const double *target, *alpha;  // COUPLED: (K, N), and one per row
    double smoothness;
    int64_t C;                    // REGRESSED: the signals
    const T *M;                   // (C, N)
    T *A, *next;                  // (K, C), and room for as much
    double lam, mu;
    int64_t blocks, sources;      // GROUPED
    const int64_t *block_of, *source_of;                // (K,), −1 for a row that belongs to none
    const double *of_block, *of_row, *of_source;        // (blocks,), (K,), (sources,)
    double eps;
    double *sums;                 // room for K + blocks + sources
    T *more_neg, *more_pos;       // (K,): what is added to the two parts in this sweep
};

template <typename T>
struct FactorJob {
    const Problem *problems;
    int64_t count;
    const int64_t *order;         // the problems, the largest first
    const T *V, *Wt;
    T *H;
    T *last;                      // H of the sweep before, or nullptr: no momentum
    const T *weights;             // nullptr: none
    const double *floor;          // one per problem
    double beta, exponent;
    const double *momentum;       // (sweeps, problems), beside `last`
    const T *add_neg, *add_pos;   // one per row of H, or nullptr
    T *neg, *pos;                 // where to store the two parts; nullptr: scale H instead
    const int64_t *first_panel;   // of each problem in by_panel: for the divergence
    double *by_panel;
    EndingKind ending;
    const Ending<T> *endings;     // one per problem, where there is one; UNIT_NORM and COUPLED need neg and pos
    int threads;
};

template <typename T>
struct SpatialJob {
    int64_t channels, sources, F, N;
    const T *X;                   // (I, F, N) complex, interleaved
    const T *psi;                 // (I², F, N) planes, or nullptr for x xᴴ
    T *v;                         // (J, F, N), updated in place
    const double *R;              // (J, F, I, I) complex, interleaved
    double *R_new;                // likewise
    bool keep_v;                  // leave v as it is: an update of R alone
    T *neg, *pos;                 // (J, F, N): the two parts of the gradient in v, instead of any update
    T *images;                    // (J, I, F, N) complex, for the Wiener filter
    double *log_likelihood;       // (F,)
    int threads;
};

// One sweep of coordinate descent over rows of H (K, N).
template <typename T>
struct SweepJob {
    int64_t N, K, count;
    T *H;
    const T *gram, *cross, *inverse;  // WᵀW (K, K), WᵀV (K, N), 1 / diagonal of gram, 0 where a row stays
    const int64_t *order;             // the rows to move, `count` of them
    int threads;
};

// One problem whose V is compressed by columns.
template <typename T>
struct SparseJob {
    int64_t F, N, K;
    const int64_t *starts;        // (N + 1), where each column begins in rows and values
    const int32_t *rows;
    const T *values, *Wt, *H;
    double floor;
    bool kullback;                // divide the values by Λ
    T *neg;                       // (K, N), or nullptr for the divergence
    int threads;
};

struct Variant {
    const char *name;
    void (*update_f32)(const FactorJob<float> *halves, int count, int64_t sweeps);
    void (*update_f64)(const FactorJob<double> *halves, int count, int64_t sweeps);
    void (*divergence_f32)(const FactorJob<float> &, double *);
    void (*divergence_f64)(const FactorJob<double> &, double *);
    void (*spatial_step_f32)(const SpatialJob<float> &);
    void (*spatial_step_f64)(const SpatialJob<double> &);
    void (*wiener_f32)(const SpatialJob<float> &);
    void (*wiener_f64)(const SpatialJob<double> &);
    void (*scale_f32)(const FactorJob<float> &);
    void (*scale_f64)(const FactorJob<double> &);
    double (*coordinate_sweep_f32)(const SweepJob<float> &);
    double (*coordinate_sweep_f64)(const SweepJob<double> &);
    double (*sparse_f32)(const SparseJob<float> &);
    double (*sparse_f64)(const SparseJob<double> &);
};

constexpr int64_t MAX_CHANNELS = 32;  // of the spatial kernels

extern const Variant plain;
#if defined(__x86_64__) || defined(__i386__)
extern const Variant avx2, avx512;
#endif

}  // namespace nmfcore
