// Training batches, made by threads ahead of the training step.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/core/host_memory.hpp>
#include <pfad/core/pool.hpp>
#include <pfad/core/tensor.hpp>
#include <pfad/data/batches/batch.hpp>
#include <pfad/data/sampler.hpp>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace pfad::data {

/// How batches are made; what is in them is up to recipe and sampler.
struct loader_options {
    int threads = 1;                  ///< that make samples
    int ahead = 4;                    ///< batches made before they are asked for, at most
    std::int64_t first_iteration = 0; ///< where to start: a resumed run gets the same batches
    std::shared_ptr<pool> memory = std::make_shared<pool>(); ///< batches lie here
};

/// Batches first_iteration, first_iteration + 1, ... without end, the same whatever the number of
/// threads, by a recipe. Dropping a batch gives its memory back. next() may be called from one thread at a time.
/// A loader can be destroyed at any time.
template <class Recipe>
class loader {
public:
    /// What next() returns.
    using batch = training_batch<Recipe>;

    /// The sampler outlives the loader. Throws errc::value for options out of range, and where the
    /// recipe needs textures and there are none.
    loader(const sampler& samples, Recipe recipe, const loader_options& options = {})
        : samples_(samples), recipe_(recipe), memory_(options.memory),
          wanted_(options.first_iteration), iteration_(options.first_iteration) {
        expect(!Recipe::needs_textures || samples.texture_count() > 0, "loader",
               "there are textures to paint anomalies with");
        expect(options.threads > 0, "loader", "there is at least one thread");
        expect(options.ahead > 0, "loader", "there is at least one batch ahead");
        expect(options.first_iteration >= 0, "loader", "iterations count from 0");
        slots_.resize(static_cast<std::size_t>(options.ahead));
        try {
            for (int i = 0; i < options.threads; ++i)
                workers_.emplace_back([this] { work(); });
        } catch (...) {
            stop();
            throw;
        }
    }

    loader(const loader&) = delete;
    loader& operator=(const loader&) = delete;
    ~loader() { stop(); }

    /// The next batch; waits for it. Rethrows what went wrong while it was made, a file that has
    /// become unreadable for example, now and in every later call.
    [[nodiscard]] batch next() {
        std::unique_lock hold(mutex_);
        slot& place = at(wanted_);
        ready_.wait(hold, [&] {
            return place.failure || (place.batch.iteration == wanted_ && place.left == 0);
        });
        if (place.failure)
            std::rethrow_exception(place.failure);
        batch result = std::exchange(place.batch, {});
        ++wanted_;
        hold.unlock();
        room_.notify_all();
        return result;
    }

private:
    /// A batch in the making.
    struct slot {
        loader::batch batch;
        int left = 0; ///< samples that are not made yet
        std::exception_ptr failure;
    };

    slot& at(std::int64_t iteration) {
        return slots_[static_cast<std::size_t>(iteration) % slots_.size()];
    }

    void stop() {
        {
            const std::lock_guard hold(mutex_);
            stop_ = true;
        }
        room_.notify_all();
        for (auto& worker : workers_)
            worker.join();
    }

    void work() {
        sampler::scratch scratch(samples_);
        std::unique_lock hold(mutex_);
        const std::int64_t ahead = static_cast<std::int64_t>(slots_.size());
        while (true) {
            room_.wait(hold, [&] { return stop_ || iteration_ < wanted_ + ahead; });
            if (stop_)
                return;
            const std::int64_t iteration = iteration_;
            const int index = index_;
            if (++index_ == samples_.options().batch) {
                index_ = 0;
                ++iteration_;
            }
            slot& place = at(iteration);
            std::exception_ptr failure;
            try {
                if (place.batch.iteration != iteration)
                    begin(place, iteration);
                const auto arrays = place.batch.arrays; // shares the memory
                hold.unlock();
                recipe_.make(samples_, iteration, index, scratch, arrays);
            } catch (...) {
                failure = std::current_exception();
            }
            if (!hold)
                hold.lock();
            if (failure && !place.failure)
                place.failure = failure;
            if (--place.left == 0 || failure)
                ready_.notify_all();
        }
    }

    void begin(slot& place, std::int64_t iteration) {
        const std::int64_t n = samples_.options().batch;
        const std::int64_t size = samples_.options().size;
        place.left = samples_.options().batch;
        place.batch = empty_batch<Recipe>(memory_, n, size, iteration);
    }

    const sampler& samples_;
    Recipe recipe_;
    host_memory memory_;
    std::vector<slot> slots_;
    std::vector<std::thread> workers_;
    std::mutex mutex_;
    std::condition_variable ready_; // a batch is complete or has failed
    std::condition_variable room_;  // a batch was taken
    std::int64_t wanted_;           // the next iteration that next() returns
    std::int64_t iteration_;        // the next sample to be made: its iteration
    int index_ = 0;                 // and its place in the batch
    bool stop_ = false;
};

} // namespace pfad::data
