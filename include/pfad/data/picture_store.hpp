// Pictures at the size of the model, decoded once and kept as bytes.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/data/resample.hpp>
#include <pfad/io/image.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <thread>
#include <utility>
#include <vector>

namespace pfad::data {

/// RGB pictures of size x size. Every file is opened when the store is made, so a bad one is found
/// before any work; as many as fit in `byte_limit` stay in memory, the others are read again when
/// asked for. After that the store does not change: any number of threads may read it.
class picture_store {
public:
    /// Decodes on `threads` threads. Throws what the first bad file (in the order given) throws.
    picture_store(std::vector<std::filesystem::path> files,
                  int size,
                  std::size_t byte_limit,
                  int threads,
                  const picture_options& reading = {})
        : files_(std::move(files)), reading_(reading), size_(size) {
        expect(size > 0, "picture_store", "the size is positive");
        expect(threads > 0, "picture_store", "there is at least one thread");
        expect(!files_.empty(), "picture_store", "there is at least one picture");
        kept_ = std::min(files_.size(), byte_limit / bytes());
        pixels_.resize(kept_ * bytes());
        read_all(threads);
    }

    /// Number of pictures.
    [[nodiscard]] int count() const { return static_cast<int>(files_.size()); }
    /// How many are in memory: the first ones.
    [[nodiscard]] int kept() const { return static_cast<int>(kept_); }
    /// Bytes of one picture.
    [[nodiscard]] std::size_t bytes() const {
        return static_cast<std::size_t>(size_) * static_cast<std::size_t>(size_) * 3;
    }

    /// Picture `index`, dense; in `buffer` if it is not kept in memory. Throws errc::io where a
    /// file has become unreadable.
    [[nodiscard]] picture_view get(int index, std::vector<std::uint8_t>& buffer) const {
        const std::size_t at = static_cast<std::size_t>(index);
        const std::uint8_t* data = pixels_.data() + at * bytes();
        if (at >= kept_) {
            buffer.resize(bytes());
            read(at, buffer.data());
            data = buffer.data();
        }
        return {data, size_, size_, 3, static_cast<std::ptrdiff_t>(size_) * 3};
    }

private:
    void read(std::size_t at, std::uint8_t* to) const {
        const image_u8 picture = read_picture(files_[at], reading_);
        resize_into(picture, {size_, size_}, to);
    }

    void read_all(int threads) {
        std::atomic<std::size_t> next = 0;
        std::vector<std::exception_ptr> failures(files_.size());
        const auto work = [&] {
            std::vector<std::uint8_t> discarded;
            // Files are taken in order, so that all before a bad one are taken before it is found.
            for (std::size_t at = next++; at < files_.size(); at = next++) {
                try {
                    if (at >= kept_)
                        discarded.resize(bytes());
                    read(at, at < kept_ ? pixels_.data() + at * bytes() : discarded.data());
                } catch (...) {
                    next = files_.size();
                    failures[at] = std::current_exception();
                }
            }
        };
        {
            std::vector<std::jthread> helpers;
            const int useful = std::min(threads, count());
            for (int i = 1; i < useful; ++i)
                helpers.emplace_back(work);
            work();
        }
        for (const auto& failure : failures)
            if (failure)
                std::rethrow_exception(failure);
    }

    std::vector<std::filesystem::path> files_;
    picture_options reading_;
    std::vector<std::uint8_t> pixels_;
    std::size_t kept_ = 0;
    int size_;
};

} // namespace pfad::data
