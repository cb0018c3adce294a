#include "support/catch.hpp"

#include <pfad/core/pool.hpp>

#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

using namespace pfad;

TEST_CASE("pool: blocks are aligned, distinct and reused [core]", "[core]") {
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

TEST_CASE("pool: a small request does not take a large block [core]", "[core]") {
    pool p;
    void* const large = p.allocate(1 << 20, 64);
    p.deallocate(large, 1 << 20, 64);
    void* const small = p.allocate(1 << 10, 64);
    CHECK(small != large);
    CHECK(p.allocate(1 << 20, 64) == large);
    p.deallocate(small, 1 << 10, 64);
    p.deallocate(large, 1 << 20, 64);
}

TEST_CASE("pool: every size has room, none included [core]", "[core]") {
    pool p;
    for (std::size_t bytes = 0; bytes < 70000; bytes = bytes * 5 / 4 + 1) {
        void* const block = p.allocate(bytes, 64);
        std::memset(block, 0xAB, bytes); // the address sanitiser watches the end
        p.deallocate(block, bytes, 64);
    }
}

TEST_CASE("pool: trim gives free blocks back and keeps the others [core]", "[core]") {
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

TEST_CASE("pool: serves several threads [core]", "[core]") {
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
