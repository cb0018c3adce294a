// Runs a launch: its blocks one after the other, the threads of a block as fibers.
#pragma once

#include "choosing.hpp"
#include "fiber.hpp"
#include "messages.hpp"
#include "race_watch.hpp"
#include "simt.hpp"
#include "stacks.hpp"

#include <boost/context/detail/fcontext.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

namespace simt {

/// Shared memory, exactly as long as asked for: AddressSanitizer sees the first byte beyond.
struct shared_block {
    static constexpr auto alignment = std::align_val_t(128);
    struct release {
        void operator()(void* p) const { operator delete(p, alignment); }
    };
    std::unique_ptr<void, release> at;

    shared_block() = default;
    explicit shared_block(std::size_t bytes) : at(operator new(bytes, alignment)) {
        // A float of these bits is NaN, so that what was never written spreads.
        std::memset(at.get(), 0xff, bytes);
    }
};

struct warp {
    unsigned existing = 0, returned = 0, waiting = 0;
};

/// Runs launches, one at a time, and keeps its stacks between them.
class engine {
public:
    void run(const launch_shape& shape, void (*body)(const void*), const void* arguments);

    /// For the running thread: waits until the request is met.
    std::uint64_t wait(const request& what, state how);

    [[nodiscard]] void* dynamic_shared() const { return dynamic_.at.get(); }
    void* static_shared(const void* key, std::size_t bytes);

    /// Where the running thread is, for a message.
    [[nodiscard]] std::string here() const { return place(*running_); }

private:
    struct static_array {
        const void* key;
        shared_block memory;
    };

    static void enter(boost::context::detail::transfer_t from);
    void suspend();

    struct launched;
    void set_up_launch();
    void run_blocks();
    void run_block(uint3 index);
    void set_up_block(uint3 index);
    void clean_up_block();
    unsigned choose();
    void resume(fiber& f);
    void settle(fiber& f);
    void make_ready(fiber& f);

    void arrive_at_barrier(fiber& f);
    void open_barrier();
    void arrive_in_warp(fiber& f);
    void finish_round(unsigned mask, unsigned first);
    [[nodiscard]] std::uint64_t shuffled(const fiber& f);
    void leave(fiber& f);
    [[noreturn]] void deadlock() const;

    launch_shape shape_;
    void (*body_)(const void*) = nullptr;
    const void* arguments_ = nullptr;
    race_watch watch_;
    std::optional<random_numbers> random_;
    std::string late_error_; // found, but the launch could go on

    // The block
    std::array<fiber, threads_limit> fibers_;
    std::array<warp, 32> warps_;
    std::vector<fiber*> barrier_; // who waits
    std::vector<fiber*> round_;   // whom a warp round lets go
    ready_set ready_;
    unsigned threads_ = 0, returned_ = 0;
    unsigned last_ = 0; // who ran
    shared_block dynamic_;
    std::vector<static_array> static_;
    std::size_t static_bytes_ = 0;

    // The jump between scheduler and thread
    stacks stacks_;
    fiber* running_ = nullptr;
    boost::context::detail::fcontext_t scheduler_ = nullptr;
    const void* scheduler_stack_ = nullptr;
    std::size_t scheduler_stack_size_ = 0;
    std::exception_ptr thrown_;
};

} // namespace simt
