// What the kernels need of the device beyond plain C++: shared memory, shuffles, asynchronous copies, tensor cores.
// emulation.hpp offers the same names on a processor, which is how the kernels run in tests without a GPU.
#pragma once

typedef long long i64;

#define SHARED_MEMORY(name) extern __shared__ __align__(16) unsigned char name[]

__device__ __forceinline__ float shuffle_xor(float x, int mask) { return __shfl_xor_sync(0xffffffffu, x, mask); }
__device__ __forceinline__ double shuffle_xor(double x, int mask) { return __shfl_xor_sync(0xffffffffu, x, mask); }

// BYTES (4, 8 or 16) from global to shared memory; zeros where not `valid`. In place after wait_copies and a barrier.
template <int BYTES>
__device__ __forceinline__ void copy_async(void *to, const void *from, bool valid) {
    const unsigned at = static_cast<unsigned>(__cvta_generic_to_shared(to));
    const int size = valid ? BYTES : 0;
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(at), "l"(from), "n"(BYTES), "r"(size) : "memory");
}
__device__ __forceinline__ void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Until all but the last PENDING groups of this thread's copies have arrived.
template <int PENDING>
__device__ __forceinline__ void wait_copies() {
    asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
}

// c (16 × 8) += a (16 × 8) b (8 × 8) by one warp; operands rounded to tf32 by cutting. With g = lane / 4, t = lane % 4:
// a = (g, t), (g + 8, t), (g, t + 4), (g + 8, t + 4); b = (t, g), (t + 4, g); c = (g, 2t), (g, 2t + 1), (g + 8, 2t), ….
__device__ __forceinline__ void mma(float (&c)[4], const float (&a)[4], float b0, float b1) {
    asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(__float_as_uint(a[0])), "r"(__float_as_uint(a[1])), "r"(__float_as_uint(a[2])), "r"(__float_as_uint(a[3])),
          "r"(__float_as_uint(b0)), "r"(__float_as_uint(b1)));
}

// To the nearest tf32, and half a unit added so that the tensor core's cut rounds to nearest.
__device__ __forceinline__ float tf32_nearest(float x) { return __uint_as_float((__float_as_uint(x) + 0x1000u) & ~0x1fffu); }
__device__ __forceinline__ float tf32_half_up(float x) { return __uint_as_float(__float_as_uint(x) + 0x1000u); }

// 1 / x to one unit in the last place, for 1e-37 < x < 1e37; a division costs as much as ten multiply-adds.
__device__ __forceinline__ float reciprocal(float x) { return __fdividef(1.0f, x); }
__device__ __forceinline__ double reciprocal(double x) { return 1.0 / x; }
__device__ __forceinline__ float inverse_root(float x) { return rsqrtf(x); }
__device__ __forceinline__ double inverse_root(double x) { return rsqrt(x); }
