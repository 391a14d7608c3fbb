// What the kernels of the factor update share: the table, the work list, the β-ratio, and the multiplicative step.
#pragma once
#include "device.cuh"

// One row of the table of nmfcore/layout.py, in its order.
struct Problem {
    i64 F, N, K;           // V (F, N), Wt (K, F), H (K, N)
    i64 v_at, w_at, h_at;  // where they begin in the flat buffers
    i64 row_at;            // where this problem's rows begin in a flat vector with one value per row of H
    i64 k0, k1;            // the rows of H to be updated
};

// What one block does: a tile of columns of H against some of the rows of V. A problem too small to fill the device
// alone is cut into `parts` by rows; each part writes its sums to the workspace and finish.cu adds them in order.
struct Item {
    int problem, column, part, parts;
    i64 first, last;     // rows of V; in finish.cu, entries of H
    i64 neg_at, pos_at;  // where the parts of this problem lie in the workspace
};

enum Divergence { KL, KL_WEIGHTED, IS, EUCLIDEAN, ROOT, GENERAL };  // KIND; ROOT: β = 0.5 and 1.5, without powers

__device__ __forceinline__ float largest(float) { return 3.402823466e38f; }
__device__ __forceinline__ double largest(double) { return 1.7976931348623157e308; }
__device__ __forceinline__ float lesser(float a, float b) { return fminf(a, b); }
__device__ __forceinline__ double lesser(double a, double b) { return fmin(a, b); }
__device__ __forceinline__ float greater(float a, float b) { return fmaxf(a, b); }
__device__ __forceinline__ double greater(double a, double b) { return fmax(a, b); }
__device__ __forceinline__ float power(float x, float p) { return powf(x, p); }
__device__ __forceinline__ double power(double x, double p) { return pow(x, p); }
__device__ __forceinline__ float root(float x) { return sqrtf(x); }
__device__ __forceinline__ double root(double x) { return sqrt(x); }

// 1 / √x. One Newton step takes the two units in the last place that a device's root may be off to about one; where the
// root itself is 0 or infinite it stays so.
template <typename T>
__device__ __forceinline__ T refined_inverse_root(T x) {
    const T rough = inverse_root(x), off = T(1) - x * rough * rough;
    return off * off < T(1) ? rough + T(0.5) * rough * off : rough;
}

// neg = u v Λ^(β−2) and pos = u Λ^(β−1), finite whatever comes in.
template <typename T>
__device__ __forceinline__ void ratio(int kind, T lam, T v, T u, T low, T beta, T &neg, T &pos) {
    const T most = largest(T(0));
    lam = greater(lam, low);
    if (kind == KL) {
        neg = lesser(v * reciprocal(lam), most);
        pos = T(1);
    } else if (kind == KL_WEIGHTED) {
        neg = lesser(u * lesser(v * reciprocal(lam), most), most);
        pos = u;
    } else if (kind == IS) {
        const T inverse = reciprocal(lam);
        pos = u * inverse;
        neg = lesser(lesser(greater(v, low) * inverse, most) * pos, most);
    } else if (kind == EUCLIDEAN) {
        neg = u * v;
        pos = u * lam;
    } else {
        T less;  // Λ^(β−2)
        if (kind == ROOT) {
            less = refined_inverse_root(lam);
            if (beta < T(1)) less *= reciprocal(lam);
        } else {
            less = power(lam, beta - T(2));
        }
        less = lesser(less, most);
        neg = lesser(u * lesser((beta < T(0) ? greater(v, low) : v) * less, most), most);
        pos = lesser(u * lesser(lam * less, most), most);
    }
}

// h (neg / pos)^exponent. What is zero stays so, also where Λ is at its floor and the step beyond all numbers.
template <typename T>
__device__ __forceinline__ T stepped(T h, T neg, T pos, T exponent) {
    const T most = largest(T(0));
    const T step = pos > T(0) ? lesser(neg, most) / lesser(pos, most) : T(0);
    const T factor = exponent == T(1) ? step : exponent == T(0.5) ? root(step) : power(step, exponent);
    return h > T(0) ? lesser(h * lesser(factor, most), most) : T(0);
}

// Where the two sums of one entry of H go: the workspace, the parts of the gradient, or at once into H.
template <typename T>
struct Target {
    T *H, *neg, *pos, *work;
    const T *add_neg, *add_pos;  // one value per row of H, or nullptr
    T exponent;

    __device__ __forceinline__ void put(const Problem &p, i64 k, i64 n, T above, T below) const {
        if (k < p.k0 || k >= p.k1) return;
        const i64 at = p.h_at + k * p.N + n;
        const T most = largest(T(0));
        above = lesser(above + (add_neg ? add_neg[p.row_at + k] : T(0)), most);
        below = lesser(below + (add_pos ? add_pos[p.row_at + k] : T(0)), most);
        if (neg) {
            neg[at] = above;
            pos[at] = below;
        } else {
            H[at] = stepped(H[at], above, below, exponent);
        }
    }

    // With `one_pos` the second sum is the same for all columns, and kept once per row.
    __device__ __forceinline__ void put(const Item &item, const Problem &p, i64 k, i64 n, T above, T below, bool one_pos) const {
        if (item.parts == 1) return put(p, k, n, above, below);
        const i64 at = (item.part * p.K + k) * p.N + n;
        work[item.neg_at + at] = above;
        if (!one_pos)
            work[item.pos_at + at] = below;
        else if (n == 0)
            work[item.pos_at + item.part * p.K + k] = below;
    }
};
