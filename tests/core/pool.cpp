#include "support/catch.hpp"

#include <pfad/core/pool.hpp>
#include <pfad/core/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <memory_resource>
#include <new>
#include <string>
#include <thread>
#include <vector>

using namespace pfad;

namespace {

/// Memory that ends.
class limited final : public std::pmr::memory_resource {
public:
    explicit limited(std::size_t bytes) : left_(bytes) {}

private:
    void* do_allocate(std::size_t bytes, std::size_t alignment) override {
        if (bytes > left_)
            throw std::bad_alloc();
        left_ -= bytes;
        return std::pmr::new_delete_resource()->allocate(bytes, alignment);
    }
    void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override {
        left_ += bytes;
        std::pmr::new_delete_resource()->deallocate(block, bytes, alignment);
    }
    [[nodiscard]] bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
        return this == &other;
    }
    std::size_t left_;
};

struct small_context {
    using space = host;
    std::shared_ptr<pfad::pool> memory =
        std::make_shared<pfad::pool>(std::make_shared<limited>(8192), "in a small box");
};

template <class F>
std::string memory_error(F&& f) {
    try {
        f();
    } catch (const error& e) {
        CHECK(e.code() == errc::memory);
        return e.what();
    }
    return "nothing was thrown";
}

} // namespace

TEST_CASE("pool: blocks are aligned, distinct and reused", "[core]") {
    pool p;
    void* const a = p.allocate(1000, 64);
    void* const b = p.allocate(1000, 64);
    CHECK(a != b);
    CHECK(reinterpret_cast<std::uintptr_t>(a) % 64 == 0);
    CHECK(reinterpret_cast<std::uintptr_t>(b) % 64 == 0);
    const std::size_t before = p.reserved_bytes();
    CHECK(before >= 2000);
    p.deallocate(a, 1000, 64);
    CHECK(p.reserved_bytes() == before);
    CHECK(p.allocate(990, 64) == a);
    p.deallocate(a, 990, 64);
    p.deallocate(b, 1000, 64);
}

TEST_CASE("pool: a small request does not take a large block", "[core]") {
    pool p;
    void* const large = p.allocate(1 << 20, 64);
    p.deallocate(large, 1 << 20, 64);
    void* const small = p.allocate(1 << 10, 64);
    CHECK(small != large);
    CHECK(p.allocate(1 << 20, 64) == large);
    p.deallocate(small, 1 << 10, 64);
    p.deallocate(large, 1 << 20, 64);
}

TEST_CASE("pool: every size has room, none included", "[core]") {
    pool p;
    for (std::size_t bytes = 0; bytes < 70000; bytes = bytes * 5 / 4 + 1) {
        void* const block = p.allocate(bytes, 64);
        std::memset(block, 0xAB, bytes); // the address sanitiser watches the end
        p.deallocate(block, bytes, 64);
    }
}

TEST_CASE("pool: trim gives free blocks back and keeps the others", "[core]") {
    pool p;
    void* const used = p.allocate(4096, 64);
    void* const spare = p.allocate(1 << 16, 64);
    p.deallocate(spare, 1 << 16, 64);
    p.trim();
    CHECK(p.reserved_bytes() >= 4096);
    CHECK(p.reserved_bytes() < 8192);
    std::memset(used, 1, 4096);
    p.deallocate(used, 4096, 64);
    p.trim();
    CHECK(p.reserved_bytes() == 0);
}

TEST_CASE("pool: gives its free blocks back before it fails", "[core]") {
    const small_context ctx;
    pool& p = *ctx.memory;
    void* const kept = p.allocate(1024, 64);
    p.deallocate(p.allocate(4096, 64), 4096, 64);
    void* const large = p.allocate(7168, 64); // only without the free 4096
    CHECK(p.reserved_bytes() == 8192);
    p.deallocate(large, 7168, 64);
    p.deallocate(kept, 1024, 64);
}

TEST_CASE("pool: says who has no memory, how much and where", "[core]") {
    small_context ctx;
    const auto kept = empty<float>(ctx, shape<1>{{256}});
    // The op is the stem of the file that asks, this one.
    CHECK(memory_error([&] { static_cast<void>(empty<char>(ctx, shape<1>{{7169}})); }) ==
          "pool: out of memory: 7169 bytes in a small box, beside 1024 that its pool has in use");
    CHECK(memory_error([&] { static_cast<void>(ctx.memory->take(9000, "a/b/conv2d.cuh")); }) ==
          "conv2d: out of memory: 9000 bytes in a small box, beside 1024 that its pool has in use");
    CHECK(memory_error([&] { static_cast<void>(full(ctx, shape<1>{{3000}}, 1.0f, "softmax")); }) ==
          "softmax: out of memory: 12000 bytes in a small box, beside 1024 that its pool has in "
          "use");
    CHECK(empty<char>(ctx, shape<1>{{7168}})); // and goes on
}

// Sanitizers end a program that asks for so much.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("pool: the memory of the host ends with a sentence, too", "[core]") {
    pool p;
    CHECK(memory_error([&] { static_cast<void>(p.take(std::size_t(1) << 60, "conv2d")); }) ==
          "conv2d: out of memory: 1152921504606846976 bytes on the host, beside 0 that its pool "
          "has in use");
}
#endif

TEST_CASE("pool: a frozen one neither grows nor shrinks", "[core]") {
    pool p;
    void* const a = p.allocate(1000, 64);
    p.deallocate(a, 1000, 64);
    p.freeze();
    p.trim();
    CHECK(p.take(990, "conv2d") == a);
    CHECK(memory_error([&] { static_cast<void>(p.take(990, "x/conv2d.hpp")); }) ==
          "conv2d: needs 990 more bytes on the host from a pool that is frozen");
    CHECK(p.reserved_bytes() == 1024);
    p.deallocate(a, 990, 64);
    p.thaw();
    p.trim();
    CHECK(p.reserved_bytes() == 0);
}

TEST_CASE("pool: serves several threads", "[core]") {
    pool p;
    std::vector<std::thread> threads;
    std::vector<int> wrong(4);
    for (int id = 0; id < 4; ++id)
        threads.emplace_back([&, id] {
            for (int round = 0; round < 200; ++round) {
                const std::size_t bytes = static_cast<std::size_t>(64 * (1 + round % 7));
                unsigned char* const block = static_cast<unsigned char*>(p.allocate(bytes, 64));
                std::memset(block, id, bytes);
                for (std::size_t i = 0; i < bytes; ++i)
                    wrong[static_cast<std::size_t>(id)] += block[i] != id;
                p.deallocate(block, bytes, 64);
            }
        });
    for (auto& thread : threads)
        thread.join();
    CHECK(wrong == std::vector<int>(4));
}
