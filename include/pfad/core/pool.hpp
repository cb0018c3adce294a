// A caching memory resource: freed blocks are kept and handed out again, so that a training step
// touches no fresh page after its first run.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <memory_resource>
#include <mutex>
#include <utility>
#include <vector>

namespace pfad {

/// Thread-safe. Blocks are 64-byte aligned. A request takes the smallest free block that is at most
/// an eighth larger than itself, or a new one from `upstream`. Never reads or writes a block.
class pool final : public std::pmr::memory_resource {
public:
    static constexpr std::size_t alignment = 64;

    pool()
        : pool(std::shared_ptr<memory_resource>(std::pmr::new_delete_resource(), [](auto*) {})) {}
    explicit pool(std::shared_ptr<memory_resource> upstream) : upstream_(std::move(upstream)) {}
    pool(const pool&) = delete;
    pool& operator=(const pool&) = delete;
    ~pool() override { trim(); }

    /// Bytes taken from the system, in use or cached.
    [[nodiscard]] std::size_t reserved_bytes() const {
        std::lock_guard const hold(mutex_);
        return reserved_;
    }

    /// Gives every free block back to the system.
    void trim() {
        std::lock_guard const hold(mutex_);
        for (const auto& [size, blocks] : free_)
            for (void* const block : blocks) {
                upstream_->deallocate(block, size, alignment);
                reserved_ -= size;
            }
        free_.clear();
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

    void* do_allocate(std::size_t bytes, std::size_t) override {
        std::size_t const size = rounded(bytes);
        std::lock_guard const hold(mutex_);
        const auto found = free_.lower_bound(size);
        if (found != free_.end() && found->first <= size + size / 8) {
            void* const block = found->second.back();
            found->second.pop_back();
            sizes_[block] = found->first;
            if (found->second.empty())
                free_.erase(found);
            return block;
        }
        void* const block = upstream_->allocate(size, alignment);
        reserved_ += size;
        sizes_[block] = size;
        return block;
    }

    void do_deallocate(void* block, std::size_t, std::size_t) override {
        std::lock_guard const hold(mutex_);
        const auto found = sizes_.find(block);
        free_[found->second].push_back(block);
        sizes_.erase(found);
    }

    [[nodiscard]] bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
        return this == &other;
    }

    std::shared_ptr<memory_resource> upstream_;
    mutable std::mutex mutex_;
    std::map<std::size_t, std::vector<void*>> free_;
    std::map<void*, std::size_t> sizes_;
    std::size_t reserved_ = 0;
};

} // namespace pfad
