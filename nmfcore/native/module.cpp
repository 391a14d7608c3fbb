// The Python module nmfcore._native: checks shapes, chooses the instruction-set variant, calls its kernels.

#include <algorithm>
#include <complex>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/complex.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#ifdef _OPENMP
#include <omp.h>
#if defined(__GNUC__) && !defined(__clang__) && !defined(_WIN32)
#define NMF_GNU_OPENMP
#include <pthread.h>
#endif
#endif

#include "kernels.hpp"

namespace nb = nanobind;
using namespace nmfcore;

namespace {

template <typename T> using In = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <typename T> using Out = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Table = nb::ndarray<const int64_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

int threads() {
#ifdef _OPENMP
    return omp_get_max_threads();
#else
    return 1;
#endif
}

// A child process has none of its parent's threads, but GNU's OpenMP would wait for them forever. So they end where a
// process forks; the next kernel makes new ones, in the parent as in the child. Other OpenMPs see to it themselves.
void survive_forks() {
#ifdef NMF_GNU_OPENMP
    pthread_atfork([] { omp_pause_resource_all(omp_pause_hard); }, nullptr, nullptr);
#endif
}

std::vector<const Variant *> supported() {
    std::vector<const Variant *> found;
#if defined(NMFCORE_HAVE_AVX512) || defined(NMFCORE_HAVE_AVX2)
    __builtin_cpu_init();
#endif
#if defined(NMFCORE_HAVE_AVX512)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        found.push_back(&avx512);
#endif
#if defined(NMFCORE_HAVE_AVX2)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) found.push_back(&avx2);
#endif
    found.push_back(&plain);
    return found;
}

const Variant *variant = nullptr;  // the one in use

const Variant &chosen() {
    if (!variant) variant = supported().front();
    return *variant;
}

void use(const std::string &name) {
    for (const Variant *v : supported())
        if (name == v->name) {
            variant = v;
            return;
        }
    throw nb::value_error(("instruction set '" + name + "' is not supported by this processor or build").c_str());
}

void need(bool condition, const char *message) {
    if (!condition) throw nb::value_error(message);
}

template <typename T> using Matrix = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

// What goes with an update in one problem, as nmfcore.layout.Ending has it: the kind, and what the last three kinds need.
using CouplingOf = std::tuple<Matrix<const double>, In<double>, double>;
template <typename T> using RegressionOf = std::tuple<Matrix<const T>, Matrix<T>, double, double>;
using GroupsOf = std::tuple<In<int64_t>, In<int64_t>, In<double>, In<double>, In<double>, double>;
template <typename T>
using EndingOf = std::tuple<std::string, std::optional<CouplingOf>, std::optional<RegressionOf<T>>, std::optional<GroupsOf>>;

// Half of a sweep, as nmfcore.layout.Half has it; H may be one to write or one to read.
template <typename T, typename H>
using Half = std::tuple<Table, In<T>, In<T>, H, double, In<double>, std::optional<In<T>>, std::optional<Out<T>>,
                        std::optional<std::vector<EndingOf<T>>>>;

// The table's problems must lie within the buffers: nothing outside is read or written, whatever Python passes.
template <typename T, typename HALF> FactorJob<T> job_of(const HALF &half) {
    const auto &[table, V, Wt, H, beta, floor, weights, last, endings] = half;
    need(table.shape(1) == sizeof(Problem) / sizeof(int64_t), "table must have nine columns");
    need(floor.size() == table.shape(0), "floor must have one value per problem");
    FactorJob<T> job{};
    job.problems = reinterpret_cast<const Problem *>(table.data());
    job.count = int64_t(table.shape(0));
    for (int64_t b = 0; b < job.count; ++b) {
        const Problem &p = job.problems[b];
        need(p.F > 0 && p.N > 0 && p.K > 0 && p.k0 >= 0 && p.k0 <= p.k1 && p.k1 <= p.K, "table has an impossible shape");
        need(p.v_at >= 0 && p.v_at + p.F * p.N <= int64_t(V.size()), "a problem lies outside V");
        need(p.w_at >= 0 && p.w_at + p.F * p.K <= int64_t(Wt.size()), "a problem lies outside Wt");
        need(p.h_at >= 0 && p.h_at + p.K * p.N <= int64_t(H.size()), "a problem lies outside H");
    }
    if (weights) need(weights->size() == V.size(), "weights must be as large as V");
    job.V = V.data();
    job.Wt = Wt.data();
    job.H = const_cast<T *>(H.data());  // one to read is never written
    job.weights = weights ? weights->data() : nullptr;
    job.floor = floor.data();
    job.beta = beta;
    job.exponent = 1;
    job.threads = threads();
    return job;
}

// The problems with the most work first: dealt out in this order, the last ones even out what the threads have.
std::vector<int64_t> largest_first(const Problem *problems, int64_t count) {
    std::vector<int64_t> order(size_t(count), 0);
    std::iota(order.begin(), order.end(), 0);
    const auto work = [&](int64_t b) { return problems[b].F * problems[b].N * problems[b].K; };
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return work(a) > work(b); });
    return order;
}

template <typename T> void run_sweeps(std::vector<FactorJob<T>> &halves, int64_t n) {
    const std::vector<int64_t> order = largest_first(halves[0].problems, halves[0].count);
    for (FactorJob<T> &half : halves) half.order = order.data();
    if constexpr (std::is_same_v<T, float>)
        chosen().update_f32(halves.data(), int(halves.size()), n);
    else
        chosen().update_f64(halves.data(), int(halves.size()), n);
}

template <typename T>
void update(const Half<T, Out<T>> &half, double exponent, std::optional<In<T>> add_neg, std::optional<In<T>> add_pos) {
    FactorJob<T> job = job_of<T>(half);
    for (const auto *add : {&add_neg, &add_pos})
        if (*add)
            for (int64_t b = 0; b < job.count; ++b) {
                const Problem &p = job.problems[b];
                need(p.row_at >= 0 && p.row_at + p.K <= int64_t((*add)->size()), "a problem lies outside add_neg or add_pos");
            }
    job.exponent = exponent;
    job.add_neg = add_neg ? add_neg->data() : nullptr;
    job.add_pos = add_pos ? add_pos->data() : nullptr;
    nb::gil_scoped_release release;
    std::vector<FactorJob<T>> one{job};
    run_sweeps(one, 1);
}

using Momentum = nb::ndarray<const double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

// The endings of a half, and the memory that they need beside it.
template <typename T> struct Endings {
    std::vector<Ending<T>> each;
    std::vector<T> neg, pos, next, more;
    std::vector<double> sums;

    void attach(FactorJob<T> &job, const std::vector<EndingOf<T>> &given, size_t size) {
        static const char *const names[] = {"", "unit sum", "unit norm", "coupling", "regression", "group sparsity"};
        need(int64_t(given.size()) == job.count && job.count > 0, "endings must have one entry per problem");
        const std::string &name = std::get<0>(given[0]);
        for (EndingKind kind : {UNIT_SUM, UNIT_NORM, COUPLED, REGRESSED, GROUPED})
            if (name == names[kind]) job.ending = kind;
        need(job.ending != PLAIN, "an ending is 'unit sum', 'unit norm', 'coupling', 'regression' or 'group sparsity'");
        need(job.ending != REGRESSED || job.beta != 2, "a regression within sweeps is not for beta = 2");
        size_t unknowns = 0, rows = 0, room = 0;
        for (int64_t b = 0; b < job.count; ++b) {
            need(std::get<0>(given[size_t(b)]) == name, "the endings of all problems must be of one kind");
            each.push_back(checked(job, job.problems[b], given[size_t(b)]));
            unknowns += size_t(job.problems[b].K * each.back().C);
            rows = std::max(rows, size_t(job.problems[b].row_at + job.problems[b].K));
            room += size_t(job.problems[b].K + each.back().blocks + each.back().sources);
        }
        if (job.ending == GROUPED) {
            more.resize(2 * rows);
            sums.resize(room);
            job.add_neg = more.data();
            job.add_pos = more.data() + rows;
            double *at = sums.data();
            for (int64_t b = 0; b < job.count; ++b) {
                Ending<T> &one = each[size_t(b)];
                one.more_neg = more.data() + job.problems[b].row_at;
                one.more_pos = one.more_neg + rows;
                one.sums = at;
                at += job.problems[b].K + one.blocks + one.sources;
            }
        }
        next.resize(unknowns);
        T *at = next.data();
        for (int64_t b = 0; b < job.count; at += job.problems[b].K * each[size_t(b)].C, ++b) each[size_t(b)].next = at;
        if (job.ending == UNIT_NORM || job.ending == COUPLED) {
            neg.resize(size);
            pos.resize(size);
            job.neg = neg.data();
            job.pos = pos.data();
        }
        job.endings = each.data();
    }

    static Ending<T> checked(const FactorJob<T> &job, const Problem &p, const EndingOf<T> &given) {
        Ending<T> out{};
        need(p.k0 == 0 && p.k1 == p.K, "a problem with an ending must be free in all rows");
        if (job.ending == COUPLED) {
            need(std::get<1>(given).has_value(), "a coupling needs its target");
            const auto &[target, alpha, smoothness] = *std::get<1>(given);
            need(int64_t(target.shape(0)) == p.K && int64_t(target.shape(1)) == p.N, "target must have the shape of H");
            need(int64_t(alpha.size()) == p.K, "alpha must have one value per row of H");
            out.target = target.data();
            out.alpha = alpha.data();
            out.smoothness = smoothness;
        } else if (job.ending == REGRESSED) {
            need(std::get<2>(given).has_value(), "a regression needs its signals");
            const auto &[M, A, lam, mu] = *std::get<2>(given);
            out.C = int64_t(M.shape(0));
            need(out.C > 0 && int64_t(M.shape(1)) == p.N, "M must be (C, N)");
            need(int64_t(A.shape(0)) == p.K && int64_t(A.shape(1)) == out.C, "A must be (K, C)");
            out.M = M.data();
            out.A = A.data();
            out.lam = lam;
            out.mu = mu;
        } else if (job.ending == GROUPED) {
            need(std::get<3>(given).has_value(), "group sparsity needs its groups");
            need(p.row_at >= 0, "table has an impossible shape");
            const auto &[block_of, source_of, of_block, of_row, of_source, eps] = *std::get<3>(given);
            need(int64_t(block_of.size()) == p.K && int64_t(source_of.size()) == p.K && int64_t(of_row.size()) == p.K,
                 "groups must have one value per row of H");
            for (int64_t k = 0; k < p.K; ++k)
                need(block_of(k) >= -1 && block_of(k) < int64_t(of_block.size()) && source_of(k) < int64_t(of_source.size()) &&
                         (block_of(k) < 0 || source_of(k) >= 0), "groups name a block or source that there is not");
            out.blocks = int64_t(of_block.size());
            out.sources = int64_t(of_source.size());
            out.block_of = block_of.data();
            out.source_of = source_of.data();
            out.of_block = of_block.data();
            out.of_row = of_row.data();
            out.of_source = of_source.data();
            out.eps = eps;
        }
        return out;
    }
};

template <typename T>
void sweeps(int64_t n, const std::vector<Half<T, Out<T>>> &halves, double exponent, std::optional<Momentum> momentum) {
    std::vector<FactorJob<T>> jobs;
    std::vector<Endings<T>> endings(halves.size());
    for (const auto &half : halves) {
        jobs.push_back(job_of<T>(half));
        jobs.back().exponent = exponent;
        if (const auto &given = std::get<8>(half)) endings[jobs.size() - 1].attach(jobs.back(), *given, std::get<3>(half).size());
        need(!jobs.back().weights == !jobs[0].weights, "the halves must both have weights, or neither");
        if (!momentum) continue;
        const auto &last = std::get<7>(half);
        need(last && last->size() == std::get<3>(half).size(), "with momentum, last must be as large as H");
        need(int64_t(momentum->shape(0)) == n && int64_t(momentum->shape(1)) == jobs[0].count, "momentum must be (n, problems)");
        jobs.back().last = last->data();
        jobs.back().momentum = momentum->data();
    }
    need(!jobs.empty(), "halves must not be empty");
    nb::gil_scoped_release release;
    run_sweeps(jobs, n);
}

template <typename T> void split_gradient(const Half<T, In<T>> &half, Out<T> neg, Out<T> pos) {
    FactorJob<T> job = job_of<T>(half);
    need(neg.size() == std::get<3>(half).size() && pos.size() == neg.size(), "neg and pos must be as large as H");
    job.neg = neg.data();
    job.pos = pos.data();
    nb::gil_scoped_release release;
    std::vector<FactorJob<T>> one{job};
    run_sweeps(one, 1);
}

template <typename T> void divergence(const Half<T, In<T>> &half, Out<double> values) {
    FactorJob<T> job = job_of<T>(half);
    need(int64_t(values.size()) == job.count, "values must have one entry per problem");
    nb::gil_scoped_release release;
    const std::vector<int64_t> order = largest_first(job.problems, job.count);
    job.order = order.data();
    if constexpr (std::is_same_v<T, float>)
        chosen().divergence_f32(job, values.data());
    else
        chosen().divergence_f64(job, values.data());
}

template <typename C> using Real = typename C::value_type;
template <typename C> using Mixture = nb::ndarray<const C, nb::ndim<3>, nb::c_contig, nb::device::cpu>;
template <typename C> using Covariances = nb::ndarray<C, nb::ndim<4>, nb::c_contig, nb::device::cpu>;
template <typename T> using Variances = nb::ndarray<T, nb::ndim<3>, nb::c_contig, nb::device::cpu>;

template <typename T>
SpatialJob<T> spatial_job(const Mixture<std::complex<T>> &X, size_t sources, const int64_t *v_shape,
                          const Covariances<const std::complex<double>> &R) {
    SpatialJob<T> job{};
    job.channels = int64_t(X.shape(0));
    job.F = int64_t(X.shape(1));
    job.N = int64_t(X.shape(2));
    job.sources = int64_t(sources);
    need(job.channels <= MAX_CHANNELS, "the compiled spatial kernels take at most 32 channels");
    need(v_shape[1] == job.F && v_shape[2] == job.N, "v must have the bins and frames of X");
    need(int64_t(R.shape(0)) == job.sources && int64_t(R.shape(1)) == job.F && int64_t(R.shape(2)) == job.channels &&
             int64_t(R.shape(3)) == job.channels, "R must be (J, F, I, I)");
    job.X = reinterpret_cast<const T *>(X.data());
    job.R = reinterpret_cast<const double *>(R.data());
    job.threads = threads();
    return job;
}

void run_step(const SpatialJob<float> &job) { chosen().spatial_step_f32(job); }
void run_step(const SpatialJob<double> &job) { chosen().spatial_step_f64(job); }
void run_filter(const SpatialJob<float> &job) { chosen().wiener_f32(job); }
void run_filter(const SpatialJob<double> &job) { chosen().wiener_f64(job); }

template <typename T>
void spatial_step(Mixture<std::complex<T>> X, Variances<T> v, Covariances<const std::complex<double>> R,
                  Covariances<std::complex<double>> R_new, std::optional<Variances<const T>> psi, Out<double> values,
                  bool keep_v) {
    const int64_t shape[] = {int64_t(v.shape(0)), int64_t(v.shape(1)), int64_t(v.shape(2))};
    SpatialJob<T> job = spatial_job<T>(X, v.shape(0), shape, R);
    need(R_new.size() == R.size(), "R_new must be as large as R");
    if (psi) need(int64_t(psi->size()) == job.channels * job.channels * job.F * job.N, "psi must be (I², F, N)");
    need(int64_t(values.size()) == job.F, "values must have one entry per bin");
    job.psi = psi ? psi->data() : nullptr;
    job.v = v.data();
    job.R_new = reinterpret_cast<double *>(R_new.data());
    job.log_likelihood = values.data();
    job.keep_v = keep_v;
    nb::gil_scoped_release release;
    run_step(job);
}

template <typename T>
void spatial_gradient(Mixture<std::complex<T>> X, Variances<const T> v, Covariances<const std::complex<double>> R,
                      Variances<T> neg, Variances<T> pos, std::optional<Variances<const T>> psi) {
    const int64_t shape[] = {int64_t(v.shape(0)), int64_t(v.shape(1)), int64_t(v.shape(2))};
    SpatialJob<T> job = spatial_job<T>(X, v.shape(0), shape, R);
    need(neg.size() == v.size() && pos.size() == v.size(), "neg and pos must be as large as v");
    if (psi) need(int64_t(psi->size()) == job.channels * job.channels * job.F * job.N, "psi must be (I², F, N)");
    job.psi = psi ? psi->data() : nullptr;
    job.v = const_cast<T *>(v.data());  // read only
    job.neg = neg.data();
    job.pos = pos.data();
    nb::gil_scoped_release release;
    run_step(job);
}

template <typename T>
void wiener(Mixture<std::complex<T>> X, Variances<const T> v, Covariances<const std::complex<double>> R,
            Covariances<std::complex<T>> images) {
    const int64_t shape[] = {int64_t(v.shape(0)), int64_t(v.shape(1)), int64_t(v.shape(2))};
    SpatialJob<T> job = spatial_job<T>(X, v.shape(0), shape, R);
    need(int64_t(images.size()) == job.sources * job.channels * job.F * job.N, "images must be (J, I, F, N)");
    job.v = const_cast<T *>(v.data());  // read only
    job.images = reinterpret_cast<T *>(images.data());
    nb::gil_scoped_release release;
    run_filter(job);
}

void run_scale(const FactorJob<float> &job) { chosen().scale_f32(job); }
void run_scale(const FactorJob<double> &job) { chosen().scale_f64(job); }
double run(const SweepJob<float> &job) { return chosen().coordinate_sweep_f32(job); }
double run(const SweepJob<double> &job) { return chosen().coordinate_sweep_f64(job); }
double run(const SparseJob<float> &job) { return chosen().sparse_f32(job); }
double run(const SparseJob<double> &job) { return chosen().sparse_f64(job); }

template <typename T> void scale(Table table, Out<T> H, Out<T> neg, Out<T> pos, double exponent) {
    need(table.shape(1) == sizeof(Problem) / sizeof(int64_t), "table must have nine columns");
    need(neg.size() == H.size() && pos.size() == H.size(), "neg and pos must be as large as H");
    FactorJob<T> job{};
    job.problems = reinterpret_cast<const Problem *>(table.data());
    job.count = int64_t(table.shape(0));
    for (int64_t b = 0; b < job.count; ++b) {
        const Problem &p = job.problems[b];
        need(p.N > 0 && p.k0 >= 0 && p.k0 <= p.k1 && p.k1 <= p.K, "table has an impossible shape");
        need(p.h_at >= 0 && p.h_at + p.K * p.N <= int64_t(H.size()), "a problem lies outside H");
    }
    job.H = H.data();
    job.neg = neg.data();
    job.pos = pos.data();
    job.exponent = exponent;
    nb::gil_scoped_release release;
    run_scale(job);
}

template <typename T>
double coordinate_sweep(Matrix<T> H, Matrix<const T> gram, Matrix<const T> cross, In<T> inverse, In<int64_t> order) {
    SweepJob<T> job{int64_t(H.shape(1)), int64_t(H.shape(0)), int64_t(order.size()), H.data(), gram.data(),
                    cross.data(), inverse.data(), order.data(), threads()};
    need(gram.shape(0) == H.shape(0) && gram.shape(1) == H.shape(0), "gram must be (K, K)");
    need(cross.shape(0) == H.shape(0) && cross.shape(1) == H.shape(1), "cross must have the shape of H");
    need(inverse.size() == H.shape(0), "inverse must have one value per row of H");
    for (int64_t i = 0; i < job.count; ++i) need(order(i) >= 0 && order(i) < job.K, "order names a row that H has not");
    nb::gil_scoped_release release;
    return run(job);
}

template <typename T>
double sparse(In<int64_t> starts, In<int32_t> rows, In<T> values, Matrix<const T> Wt, Matrix<const T> H, double floor,
              bool kullback, std::optional<Matrix<T>> neg) {
    SparseJob<T> job{int64_t(Wt.shape(1)), int64_t(H.shape(1)), int64_t(H.shape(0)), starts.data(), rows.data(),
                     values.data(), Wt.data(), H.data(), floor, kullback, neg ? neg->data() : nullptr, threads()};
    need(Wt.shape(0) == H.shape(0), "Wt and H must have the same number of rows");
    need(int64_t(starts.size()) == job.N + 1, "starts must have one entry more than H has columns");
    need(starts(0) == 0 && starts(job.N) <= int64_t(rows.size()) && rows.size() == values.size(), "starts and rows do not fit");
    if (neg) need(neg->shape(0) == H.shape(0) && neg->shape(1) == H.shape(1), "neg must have the shape of H");
    for (int64_t n = 0; n < job.N; ++n) need(starts(n) <= starts(n + 1), "starts must not fall");
    for (int64_t i = 0; i < starts(job.N); ++i) need(rows(i) >= 0 && rows(i) < job.F, "rows name a row that V has not");
    nb::gil_scoped_release release;
    return run(job);
}

template <typename T> void define(nb::module_ &m) {
    using namespace nb::literals;
    // noconvert: an array of the wrong kind must fail, not be copied silently.
    m.def("update", &update<T>, nb::arg("half").noconvert(), "exponent"_a, nb::arg("add_neg").noconvert().none(),
          nb::arg("add_pos").noconvert().none());
    m.def("sweeps", &sweeps<T>, "n"_a, nb::arg("halves").noconvert(), "exponent"_a, nb::arg("momentum").noconvert().none());
    m.def("split_gradient", &split_gradient<T>, nb::arg("half").noconvert(), nb::arg("neg").noconvert(),
          nb::arg("pos").noconvert());
    m.def("divergence", &divergence<T>, nb::arg("half").noconvert(), nb::arg("values").noconvert());
    m.def("spatial_step", &spatial_step<T>, nb::arg("X").noconvert(), nb::arg("v").noconvert(), nb::arg("R").noconvert(),
          nb::arg("R_new").noconvert(), nb::arg("psi").noconvert().none(), nb::arg("values").noconvert(), "keep_v"_a);
    m.def("spatial_gradient", &spatial_gradient<T>, nb::arg("X").noconvert(), nb::arg("v").noconvert(),
          nb::arg("R").noconvert(), nb::arg("neg").noconvert(), nb::arg("pos").noconvert(), nb::arg("psi").noconvert().none());
    m.def("wiener", &wiener<T>, nb::arg("X").noconvert(), nb::arg("v").noconvert(), nb::arg("R").noconvert(),
          nb::arg("images").noconvert());
    m.def("scale", &scale<T>, nb::arg("table").noconvert(), nb::arg("H").noconvert(), nb::arg("neg").noconvert(),
          nb::arg("pos").noconvert(), "exponent"_a);
    m.def("coordinate_sweep", &coordinate_sweep<T>, nb::arg("H").noconvert(), nb::arg("gram").noconvert(),
          nb::arg("cross").noconvert(), nb::arg("inverse").noconvert(), nb::arg("order").noconvert());
    m.def("sparse", &sparse<T>, nb::arg("starts").noconvert(), nb::arg("rows").noconvert(), nb::arg("values").noconvert(),
          nb::arg("Wt").noconvert(), nb::arg("H").noconvert(), "floor"_a, "kullback"_a, nb::arg("neg").noconvert().none());
}

}  // namespace

NB_MODULE(_native, m) {
    survive_forks();
    define<float>(m);
    define<double>(m);
    m.def("threads", &threads);
    m.def("instruction_sets", [] {
        std::vector<std::string> names;
        for (const Variant *v : supported()) names.push_back(v->name);
        return names;
    });
    m.def("instruction_set", [] { return std::string(chosen().name); });
    m.def("use_instruction_set", &use);
    m.attr("MAX_CHANNELS") = MAX_CHANNELS;
}
