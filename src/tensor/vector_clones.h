// Marks a hot loop: compiled for plain x86-64, AVX2 and AVX-512, chosen at load time. Only for loops whose
// result does not depend on the vector width (element-wise work; the project never contracts a product and a
// sum), so that every clone gives the same bits.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__) && \
    !defined(__SANITIZE_ADDRESS__)
#define TT_VECTOR_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define TT_VECTOR_CLONES
#endif
