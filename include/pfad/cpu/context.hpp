// Where CPU work runs: memory and threads. Passed by reference to every op; never global.
#pragma once

#include <pfad/core/pool.hpp>
#include <pfad/core/space.hpp>
#include <pfad/cpu/executor.hpp>

#include <memory>
#include <utility>

namespace pfad::cpu {

/// The reference backend: plain C++ loops on `thread_limit` threads (0: one per processor).
struct context {
    using space = host;

    explicit context(int thread_limit = 0)
        : context(std::make_unique<thread_team>(thread_count(thread_limit))) {}

    std::shared_ptr<pool> memory = std::make_shared<pool>();
    std::unique_ptr<executor> threads;

protected:
    explicit context(std::unique_ptr<executor> team) : threads(std::move(team)) {}
};

} // namespace pfad::cpu
