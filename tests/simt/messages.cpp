#include "messages.hpp"

namespace simt {

namespace {

std::string text(uint3 v) {
    return "(" + std::to_string(v.x) + ", " + std::to_string(v.y) + ", " + std::to_string(v.z) +
           ")";
}

} // namespace

const char* name(operation what) {
    static constexpr const char* names[] = {
        "__syncthreads",   "__syncthreads_count", "__syncthreads_or", "__syncthreads_and",
        "__syncwarp",      "__shfl_sync",         "__shfl_up_sync",   "__shfl_down_sync",
        "__shfl_xor_sync", "__ballot_sync",       "__any_sync",       "__all_sync",
    };
    return names[static_cast<int>(what)];
}

std::string hexadecimal(unsigned mask) {
    std::string digits = "0x";
    for (int shift = 28; shift >= 0; shift -= 4)
        digits += "0123456789abcdef"[mask >> shift & 15];
    return digits;
}

std::string place(const fiber& f) {
    return "thread " + text(f.index) + " of block " + text(blockIdx);
}

std::string waiting(const fiber& f) {
    return place(f) + " in " + name(f.wants.what) + " at " + f.wants.where.file_name() + ":" +
           std::to_string(f.wants.where.line());
}

} // namespace simt
