// Where CPU work runs: memory and threads. Passed by reference to every op; never global.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/core/pool.hpp>
#include <pfad/core/space.hpp>
#include <pfad/core/view.hpp>
#include <pfad/cpu/executor.hpp>

#include <algorithm>
#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>

namespace pfad::cpu {

/// The reference backend, as core/context.hpp has it: plain C++ loops on `thread_limit` threads (0: one per processor).
struct context {
    using space = host;

    /// On this many threads; 0: one per processor.
    explicit context(int thread_limit = 0)
        : context(std::make_unique<thread_team>(thread_count(thread_limit))) {}

    std::shared_ptr<pool> memory = std::make_shared<pool>(); ///< where empty() takes memory from
    std::unique_ptr<executor> threads;                       ///< who runs parallel loops

protected:
    /// For backends with threads of their own.
    explicit context(std::unique_ptr<executor> team) : threads(std::move(team)) {}
};

/// Copies elements; the arrays do not overlap.
template <class T, int R>
void copy(context&, in<T, R> from, out<T, R> to) {
    expect(from.dims == to.dims, "copy", "shapes are equal", from.dims, to.dims);
    std::copy_n(from.data, to.size(), to.data);
}

/// y[i] = value.
template <class T>
void fill_forward(context&, std::type_identity_t<T> value, out<T, 1> y) {
    std::fill_n(y.data, y.size(), value);
}

/// Nothing: work on the host is done when its function returns.
inline void synchronise(context&) {}

/// Where a second branch runs: here there is only this one.
template <std::derived_from<context> C>
C& fork(C& ctx) {
    return ctx;
}
/// Waits for what was forked: on the host nothing.
inline void join(context&) {}

} // namespace pfad::cpu
