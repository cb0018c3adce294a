// Pictures that find no room, and how much a large one takes.
#include "detect/loaded_inspector.hpp"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <limits>
#include <new>

using namespace pfad;

namespace {

std::atomic<std::size_t> largest_block = std::numeric_limits<std::size_t>::max();
std::atomic<std::size_t> taken = 0, most_taken = 0;

/// Until its end no block of more than so many bytes is to be had.
struct limited_memory {
    explicit limited_memory(std::size_t bytes) { largest_block = bytes; }
    ~limited_memory() { largest_block = std::numeric_limits<std::size_t>::max(); }
};

void* take(std::size_t bytes, std::size_t alignment) {
    void* const block =
        bytes > largest_block
            ? nullptr
            : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
    if (block == nullptr)
        throw std::bad_alloc();
    const std::size_t now = taken += malloc_usable_size(block);
    for (std::size_t most = most_taken;
         most < now && !most_taken.compare_exchange_weak(most, now);) {
    }
    return block;
}

// Not inlined, where g++ would see a free() for its own idea of new.
[[gnu::noinline]] void give_back(void* block) noexcept {
    taken -= malloc_usable_size(block); // 0 of no block
    std::free(block);
}

} // namespace

// Of the pool, and of everything else.
void* operator new(std::size_t bytes, std::align_val_t alignment) {
    return take(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* block, std::align_val_t) noexcept {
    give_back(block);
}
void operator delete(void* block, std::size_t, std::align_val_t) noexcept {
    give_back(block);
}
void* operator new(std::size_t bytes) {
    return take(std::max<std::size_t>(bytes, 1), __STDCPP_DEFAULT_NEW_ALIGNMENT__);
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
    try {
        return operator new(bytes);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}
void operator delete(void* block) noexcept {
    give_back(block);
}
void operator delete(void* block, std::size_t) noexcept {
    give_back(block);
}

TEST_CASE("inspector: a picture larger than memory is one sentence, and the next is inspected",
          "[detect]") {
    const auto inspector = pfad::inspector::load(loaded_inspector::path(), {.threads = 1});
    const auto small = some_picture(64, 64, 3);
    const auto want = inspector.inspect(small);
    // 20 MB of pixels with a map of 80 MB; a narrow picture of a million rows, each of 64 pixels at
    // the model's width.
    const std::vector<std::uint8_t> pixels(20'000'000, 100);
    const picture_view wide(pixels.data(), 5000, 4000, 1, 5000);
    const picture_view narrow(pixels.data(), 1, 1'000'000, 1, 1);
    const auto refused = [&](std::size_t bytes, auto&& f) {
        const limited_memory limit(bytes);
        return sentence_of(errc::memory, f);
    };
    const std::string map = "out of memory: 80000000 bytes on the host, beside ";
    CHECK(contains(refused(70'000'000, [&] { (void)inspector.inspect(wide); }), map));
    CHECK(contains(refused(70'000'000, [&] { (void)inspector.inspect_tiles(wide, 4000); }), map));
    CHECK(refused(50'000'000, [&] { (void)inspector.inspect(narrow); }) ==
          "inspect: out of memory");
    const picture_view both[] = {small, narrow};
    CHECK(refused(50'000'000, [&] { (void)inspector.inspect(both); }) == "inspect: out of memory");
    CHECK(same(want, inspector.inspect(small)));
}

// At the model's own size it takes thousands of tiles: bench_tiles measures that.
TEST_CASE("inspector: 4096x4096 pixels in tiles stay within 1.5 GB", "[detect]") {
    const auto& inspector = loaded_inspector::get();
    const int side = 4096;
    const std::vector<std::uint8_t> pixels(std::size_t(side) * side * 3, 128);
    most_taken = taken.load();
    const auto found =
        inspector.inspect_tiles({pixels.data(), side, side, pixel_format::bgr, 3 * side}, 1024);
    CHECK(found.map.dims() == shape<2>{{side, side}});
    INFO("most at a time: " << most_taken << " bytes");
    CHECK(most_taken > pixels.size());
    CHECK(most_taken < 1'500'000'000);
}

TEST_CASE("inspector: a model that cannot be used is one sentence", "[detect]") {
    const temporary_folder folder;
    const auto path = folder / "model.safetensors";
    const auto load = [&] { (void)pfad::inspector::load(path, {.threads = 1}); };
    auto file = load_safetensors(loaded_inspector::path());
    file.metadata["version"] = "2";
    save_safetensors(path, file.tensors, file.metadata);
    CHECK(sentence_of(errc::unsupported, load) ==
          path + ": is a model of version 2, and this pfad reads version 1");
    file.metadata["version"] = "1";

    std::filesystem::copy_file(loaded_inspector::path(), path,
                               std::filesystem::copy_options::overwrite_existing);
    for (const auto left : {std::filesystem::file_size(path) - 1, std::uintmax_t(1000)}) {
        std::filesystem::resize_file(path, left);
        const auto said = sentence_of(errc::io, load);
        CHECK(said.starts_with(path + ": "));
        CHECK(contains(said, "truncated"));
    }

    std::vector<float> weights = file.at("teacher.conv1.weight").values<float>();
    weights[5] = std::nanf("");
    file.tensors["teacher.conv1.weight"] =
        owned_entry(weights, file.at("teacher.conv1.weight").dims);
    save_safetensors(path, file.tensors, file.metadata);
    CHECK(sentence_of(errc::value, load) ==
          path + ": tensor `teacher.conv1.weight` holds a value that is not finite");
}
