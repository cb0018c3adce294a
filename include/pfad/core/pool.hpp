// A caching memory resource: freed blocks are kept and handed out again, so that a training step
// touches no fresh page after its first run.
#pragma once

#include <pfad/core/error.hpp>

#include <cstddef>
#include <map>
#include <memory>
#include <memory_resource>
#include <mutex>
#include <new>
#include <string>
#include <string_view>
#include <utility>

namespace pfad {

/// Thread-safe. Blocks are 64-byte aligned. A request takes the smallest free block that is at most
/// an eighth larger than itself, or a new one from `upstream`. Where upstream has none, the pool
/// gives its free blocks back and asks once more. Never reads or writes a block.
class pool final : public std::pmr::memory_resource {
public:
    static constexpr std::size_t alignment = 64; ///< bytes

    pool()
        : pool(std::shared_ptr<memory_resource>(std::pmr::new_delete_resource(), [](auto*) {})) {}
    /// `upstream` throws std::bad_alloc where it has no memory; `place` says where that is, for
    /// messages.
    explicit pool(std::shared_ptr<memory_resource> upstream, std::string place = "on the host")
        : upstream_(std::move(upstream)), place_(std::move(place)) {}
    pool(const pool&) = delete;
    pool& operator=(const pool&) = delete;
    ~pool() override { give_back(); }

    /// As allocate(bytes, 64). Throws errc::memory where there is not enough, or the pool is frozen
    /// and has no such block; the message names `who`, of the path of a source file its stem.
    [[nodiscard]] void* take(std::size_t bytes, const char* who) {
        const std::size_t size = rounded(bytes);
        const std::lock_guard hold(mutex_);
        const auto found = free_.lower_bound(size);
        if (found != free_.end() && found->first <= size + size / 8) {
            void* const block = found->second;
            auto& kept = used_[block];
            kept = free_.extract(found);
            return block;
        }
        if (frozen_)
            fail(errc::memory, stem(who) + ": needs " + std::to_string(bytes) + " more bytes " +
                                   place_ + " from a pool that is frozen");
        void* const block = fresh(size, bytes, who);
        try {
            std::multimap<std::size_t, void*> one;
            one.emplace(size, block);
            used_[block] = one.extract(one.begin());
        } catch (...) {
            upstream_->deallocate(block, size, alignment);
            throw;
        }
        reserved_ += size;
        return block;
    }

    /// Bytes taken from the system, in use or cached.
    [[nodiscard]] std::size_t reserved_bytes() const {
        const std::lock_guard hold(mutex_);
        return reserved_;
    }

    /// Gives every free block back to the system; of a frozen pool none.
    void trim() {
        const std::lock_guard hold(mutex_);
        if (!frozen_)
            give_back();
    }

    /// From now on the pool neither grows nor shrinks, since somebody relies on its addresses.
    void freeze() {
        const std::lock_guard hold(mutex_);
        frozen_ = true;
    }
    /// Lets the pool grow again.
    void thaw() {
        const std::lock_guard hold(mutex_);
        frozen_ = false;
    }

private:
    // Sizes are rounded so that few distinct ones occur: to 64 bytes, above 8 KiB to an eighth of
    // the power of two below.
    static std::size_t rounded(std::size_t bytes) {
        std::size_t step = alignment;
        while (step * 16 <= bytes)
            step *= 2;
        return bytes == 0 ? alignment : (bytes + step - 1) / step * step;
    }

    // "conv2d" of ".../ops/conv2d.hpp".
    static std::string stem(std::string_view path) {
        path.remove_prefix(path.rfind('/') + 1); // no slash: npos + 1 is 0
        return std::string(path.substr(0, path.find('.')));
    }

    void* fresh(std::size_t size, std::size_t bytes, const char* who) {
        try {
            return upstream_->allocate(size, alignment);
        } catch (const std::bad_alloc&) {
            give_back();
        }
        try {
            return upstream_->allocate(size, alignment);
        } catch (const std::bad_alloc&) {
            fail(errc::memory, stem(who) + ": out of memory: " + std::to_string(bytes) + " bytes " +
                                   place_ + ", beside " + std::to_string(reserved_) +
                                   " that its pool has in use");
        }
    }

    void give_back() {
        for (const auto& [size, block] : free_) {
            upstream_->deallocate(block, size, alignment);
            reserved_ -= size;
        }
        free_.clear();
    }

    void* do_allocate(std::size_t bytes, std::size_t) override { return take(bytes, "pool"); }

    void do_deallocate(void* block, std::size_t, std::size_t) override {
        const std::lock_guard hold(mutex_);
        const auto found = used_.find(block);
        auto& kept = found->second;
        // In front of those of its size: what was used last is in the caches.
        const auto place = free_.lower_bound(kept.key());
        free_.insert(place, std::move(kept));
        used_.erase(found);
    }

    [[nodiscard]] bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
        return this == &other;
    }

    std::shared_ptr<memory_resource> upstream_;
    std::string place_;
    mutable std::mutex mutex_;
    // Free blocks by size. A used one's entry is kept beside it, since to give a block back must not need
    // memory: destructors do it.
    std::multimap<std::size_t, void*> free_;
    std::map<void*, std::multimap<std::size_t, void*>::node_type> used_;
    std::size_t reserved_ = 0;
    bool frozen_ = false;
};

} // namespace pfad
