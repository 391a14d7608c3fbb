// The device on a processor: takes the place of device.cuh, so that the very same kernel sources run without a GPU.
//
// Every thread of a block is a fiber with a stack of its own. A fiber runs until it waits at a barrier; the last one to
// arrive opens it. Warp collectives (shuffles, tensor-core products) gather the operands of all 32 lanes, and the last
// lane computes. What a GPU leaves open is made as unfriendly as the rules allow: shared memory begins as NaN, warps
// take turns in changing order, an asynchronous copy arrives as late as its wait allows, or at once, in turn, and the
// approximate functions err as far as they may. Subnormal floats count as zero, as CuPy's compiler option -ftz=true has
// it. What a GPU would refuse stops the program: copies that are not aligned, writing beyond the shared memory.
#pragma once

#include <csetjmp>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <vector>

#include <ucontext.h>
#ifdef __SSE__
#include <xmmintrin.h>
#endif

typedef long long i64;

#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(n) alignas(n)
#define SHARED_MEMORY(name) unsigned char *name = emulated::shared

struct Index {
    unsigned x;
};
static Index threadIdx, blockIdx, blockDim, gridDim;

namespace emulated {

constexpr size_t STACK = 1 << 17;
constexpr size_t FENCE = 4096;  // bytes on either side of the shared memory that nobody may write to
constexpr int WARP = 32;

[[noreturn]] inline void fail(const char *what) {
    std::fprintf(stderr, "emulated device: %s\n", what);
    std::abort();
}

// Subnormal numbers are zero while this lives.
struct Flushing {
#ifdef __SSE__
    const unsigned before = _mm_getcsr();
    explicit Flushing(bool wanted) { _mm_setcsr(wanted ? before | 0x8040u : before); }
    ~Flushing() { _mm_setcsr(before); }
#else
    explicit Flushing(bool) {}
#endif
};

struct Copy {
    void *to;
    const void *from;
    int bytes;
    int group;
    bool valid;
};

// Where fibers wait for each other: it opens when `expected` have arrived.
struct Barrier {
    int arrived = 0;
    unsigned round = 0;
};

struct Fiber {
    jmp_buf here;
    bool started = false, running = false;
    const Barrier *waits = nullptr;
    unsigned round = 0;  // of that barrier when it began to wait
    std::vector<Copy> copies;
    int groups = 0;
    std::vector<unsigned char> stack;
};

struct Warp {
    Barrier barrier;
    float a[WARP][4], b[WARP][2], c[WARP][4];
    double value[WARP], result[WARP];
};

static std::vector<Fiber> fibers;
static std::vector<Warp> warps;
static Barrier everybody;
static unsigned char *shared;
static std::function<void()> kernel;
static jmp_buf scheduler;
static Fiber *current;
static unsigned coin;

inline int lane() { return int(threadIdx.x % WARP); }

inline void leave() {
    const Index mine = threadIdx;
    if (!_setjmp(current->here)) _longjmp(scheduler, 1);
    threadIdx = mine;
}

template <typename Last>
inline void meet(Barrier &barrier, int expected, Last last) {
    if (++barrier.arrived == expected) {
        last();
        barrier.arrived = 0;
        ++barrier.round;
        return;
    }
    current->waits = &barrier;
    current->round = barrier.round;
    leave();
}

inline void body() {
    for (;;) {
        kernel();
        current->running = false;
        leave();
    }
}

inline void resume(Fiber &fiber) {
    current = &fiber;
    fiber.waits = nullptr;
    if (_setjmp(scheduler)) return;
    if (fiber.started) _longjmp(fiber.here, 1);
    fiber.started = true;
    ucontext_t start;
    getcontext(&start);
    fiber.stack.resize(STACK);
    start.uc_stack.ss_sp = fiber.stack.data();
    start.uc_stack.ss_size = STACK;
    start.uc_link = nullptr;
    makecontext(&start, body, 0);
    setcontext(&start);
}

inline void run_block(int threads) {
    for (int t = 0; t < threads; ++t) {
        fibers[t].running = true;
        fibers[t].copies.clear();
        fibers[t].groups = 0;
    }
    const int count = (threads + WARP - 1) / WARP;
    for (int alive = threads; alive;) {
        bool moved = false;
        ++coin;
        alive = 0;
        for (int turn = 0; turn < count; ++turn) {
            const int w = coin % 2 ? turn : count - 1 - turn;
            for (bool again = true; again;) {  // a warp runs on as long as its own collectives open
                again = false;
                for (int t = w * WARP; t < threads && t < (w + 1) * WARP; ++t) {
                    Fiber &fiber = fibers[t];
                    if (!fiber.running || (fiber.waits && fiber.waits->round == fiber.round)) continue;
                    threadIdx.x = unsigned(t);
                    resume(fiber);
                    moved = again = true;
                }
            }
        }
        for (int t = 0; t < threads; ++t) alive += fibers[t].running;
        if (alive && !moved) fail("some threads wait for ever");
    }
}

inline void run(int grid, int threads, int shared_bytes, std::function<void()> body_of_thread) {
    kernel = std::move(body_of_thread);
    if (int(fibers.size()) < threads) fibers = std::vector<Fiber>(size_t(threads));
    warps.assign(size_t(threads + WARP - 1) / WARP, Warp());
    std::vector<unsigned char> memory(size_t(shared_bytes) + 2 * FENCE + 16, 0xff);
    shared = memory.data() + FENCE;
    shared += 16 - reinterpret_cast<uintptr_t>(shared) % 16;  // what device.cuh asks for, and no more
    const Flushing flushing(FLUSHES);
    blockDim.x = unsigned(threads);
    gridDim.x = unsigned(grid);
    for (int b = 0; b < grid; ++b) {
        std::memset(shared, 0xff, size_t(shared_bytes));
        blockIdx.x = unsigned(b);
        run_block(threads);
    }
    for (const unsigned char *at = memory.data(); at != memory.data() + memory.size(); ++at)
        if ((at < shared || at >= shared + shared_bytes) && *at != 0xff) fail("written beyond the shared memory");
}

inline float cut_to_tf32(float x) {
    uint32_t bits;
    std::memcpy(&bits, &x, 4);
    bits &= ~0x1fffu;
    std::memcpy(&x, &bits, 4);
    return x;
}

// To float32 towards zero, as tensor cores accumulate.
inline float towards_zero(double x) {
    const float near = float(x);
    return std::fabs(double(near)) > std::fabs(x) ? std::nextafterf(near, 0.0f) : near;
}

}  // namespace emulated

inline void __syncthreads() { emulated::meet(emulated::everybody, int(blockDim.x), [] {}); }

template <typename X>
inline X shuffle_xor(X x, int mask) {
    emulated::Warp &warp = emulated::warps[threadIdx.x / emulated::WARP];
    const int lane = emulated::lane();
    warp.value[lane] = x;
    emulated::meet(warp.barrier, emulated::WARP, [&] { std::memcpy(warp.result, warp.value, sizeof warp.value); });
    return X(warp.result[lane ^ mask]);
}

inline void arrive(const emulated::Copy &copy) {
    if (copy.valid)
        std::memcpy(copy.to, copy.from, size_t(copy.bytes));
    else
        std::memset(copy.to, 0, size_t(copy.bytes));
}
template <int BYTES>
inline void copy_async(void *to, const void *from, bool valid) {
    const uintptr_t both = reinterpret_cast<uintptr_t>(to) | reinterpret_cast<uintptr_t>(from);
    if (both % BYTES) emulated::fail("an asynchronous copy is not aligned");
    const emulated::Copy copy{to, from, BYTES, emulated::current->groups, valid};
    if (emulated::coin % 2)
        arrive(copy);
    else
        emulated::current->copies.push_back(copy);
}
inline void commit_copies() { ++emulated::current->groups; }
template <int PENDING>
inline void wait_copies() {
    std::vector<emulated::Copy> left;
    for (const emulated::Copy &copy : emulated::current->copies)
        if (copy.group < emulated::current->groups - PENDING)
            arrive(copy);
        else
            left.push_back(copy);
    emulated::current->copies.swap(left);
}

inline void mma(float (&c)[4], const float (&a)[4], float b0, float b1) {
    using namespace emulated;
    Warp &warp = warps[threadIdx.x / WARP];
    const int lane = emulated::lane();
    for (int i = 0; i < 4; ++i) warp.a[lane][i] = cut_to_tf32(a[i]), warp.c[lane][i] = c[i];
    warp.b[lane][0] = cut_to_tf32(b0), warp.b[lane][1] = cut_to_tf32(b1);
    meet(warp.barrier, WARP, [&] {
        float A[16][8], B[8][8];
        for (int l = 0; l < WARP; ++l) {
            const int g = l / 4, t = l % 4;
            A[g][t] = warp.a[l][0], A[g + 8][t] = warp.a[l][1], A[g][t + 4] = warp.a[l][2], A[g + 8][t + 4] = warp.a[l][3];
            B[t][g] = warp.b[l][0], B[t + 4][g] = warp.b[l][1];
        }
        for (int l = 0; l < WARP; ++l)
            for (int i = 0; i < 4; ++i) {
                const int row = l / 4 + i / 2 * 8, column = l % 4 * 2 + i % 2;
                double sum = warp.c[l][i];
                for (int k = 0; k < 8; ++k) sum += double(A[row][k]) * double(B[k][column]);
                warp.c[l][i] = towards_zero(sum);
            }
    });
    for (int i = 0; i < 4; ++i) c[i] = warp.c[lane][i];
}

inline float tf32_half_up(float x) {
    uint32_t bits;
    std::memcpy(&bits, &x, 4);
    bits += 0x1000u;
    std::memcpy(&x, &bits, 4);
    return x;
}
inline float tf32_nearest(float x) { return emulated::cut_to_tf32(tf32_half_up(x)); }

// As far off as the device's may be: this way or the other, the same for the same number, by so many units in the last
// place.
inline float off(float x, int units) {
    uint32_t bits;
    std::memcpy(&bits, &x, 4);
    const float way = bits % 2 ? INFINITY : 0.0f;
    for (; units && x > 0 && x < INFINITY; --units) x = std::nextafterf(x, way);
    return x;
}
inline float reciprocal(float x) { return off(1.0f / x, 2); }
inline double reciprocal(double x) { return 1.0 / x; }
inline float inverse_root(float x) { return off(1.0f / std::sqrt(x), 2); }
inline double inverse_root(double x) { return 1.0 / std::sqrt(x); }
