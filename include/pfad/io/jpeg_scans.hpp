// The coded data of JPEG files, walked without making pixels (ITU-T T.81, sections B, F and G). stb
// decodes what is damaged as if it were whole, from memory that nobody wrote; what passes here is whole.
#pragma once

#include <pfad/io/jpeg_huffman.hpp>
#include <pfad/io/picture_file.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace pfad::detail {

/// A JPEG file as it is walked, and copied: what is not needed for its pixels stays behind.
class jpeg_walk {
public:
    /// Throws errc::io for a file that is damaged or truncated.
    jpeg_walk(const std::string& path, byte_span bytes) : path_(path), in_(bytes) {
        out_ = {0xff, 0xd8};
        out_.reserve(bytes.size() + 512);
        while (segment()) {
        }
        out_.insert(out_.end(), {0xff, 0xd9});
    }

    /// The file, in the form that stb reads right.
    [[nodiscard]] const std::vector<std::uint8_t>& clean() const { return out_; }

private:
    struct component {
        std::uint8_t id = 0, quantisation = 0;
        int across = 1, down = 1;           ///< blocks of an MCU
        std::size_t columns = 0, rows = 0;  ///< blocks that have pixels
        std::size_t stride = 0;             ///< blocks of a row, those of whole MCUs
        std::vector<std::uint64_t> nonzero; ///< of progressive files: a bit for each coefficient
        const huffman_table* dc = nullptr;
        const huffman_table* ac = nullptr;
    };

    [[noreturn]] void damaged(const std::string& what) const {
        fail(errc::io, path_ + ": is a damaged JPEG: " + what);
    }
    void expect_bytes(std::size_t count) const {
        if (in_.size() - at_ < count)
            fail(errc::io, path_ + ": is truncated");
    }

    /// Goes over one segment and the scan that may follow it. Returns false at the end.
    bool segment() {
        expect_bytes(2);
        while (in_[at_] == 0xff && in_[at_ + 1] == 0xff) {
            ++at_;
            expect_bytes(2);
        }
        const std::uint8_t marker = in_[at_ + 1];
        if (in_[at_] != 0xff || marker == 0)
            damaged("there is no segment where one should begin");
        if (marker == 0xd9) {
            if (!scanned_)
                damaged("it has no picture");
            return false;
        }
        expect_bytes(4);
        const std::size_t length = big_endian(in_, at_ + 2, 2);
        if (length < 2)
            damaged("a segment has no length");
        expect_bytes(2 + length);
        const byte_span whole = in_.subspan(at_, 2 + length), content = whole.subspan(4);
        at_ += 2 + length;
        const bool application = marker >= 0xe0 && marker <= 0xef;
        if (marker == 0xda)
            prepare_scan(content);
        if (!application || marker == 0xe0 || marker == 0xee)
            out_.insert(out_.end(), whole.begin(), whole.end());
        adobe_ |= marker == 0xee;
        if (marker == 0xc4)
            read_tables(content);
        else if (marker == 0xdb)
            read_steps(content);
        else if (marker == 0xdd && content.size() >= 2)
            interval_ = big_endian(content, 0, 2);
        else if (marker == 0xda)
            scan();
        else if (marker >= 0xc0 && marker <= 0xc2)
            read_frame(content, marker == 0xc2);
        return true;
    }

    void read_tables(byte_span from) {
        while (!from.empty()) {
            const std::size_t kind = from[0] >> 4, number = from[0] & 15;
            const std::size_t size =
                kind < 2 && number < 4 ? tables_[kind][number].read(from.subspan(1)) : 0;
            if (size == 0)
                damaged("a Huffman table is none");
            from = from.subspan(1 + size);
        }
    }

    /// Which tables of quantisation there are.
    void read_steps(byte_span from) {
        while (!from.empty()) {
            const std::size_t wide = from[0] >> 4, number = from[0] & 15;
            if (wide > 1 || number > 3 || from.size() < 65 + 64 * wide)
                damaged("a table of quantisation is none");
            steps_[number] = true;
            from = from.subspan(65 + 64 * wide);
        }
    }

    void read_frame(byte_span from, bool progressive) {
        if (!components_.empty())
            damaged("it has two frames");
        if (from.size() < 6 || from.size() < 6 + 3u * from[5] || from[5] == 0 || from[5] > 4)
            damaged("its frame's header is none");
        progressive_ = progressive;
        const std::size_t height = big_endian(from, 1, 2), width = big_endian(from, 3, 2);
        components_.resize(from[5]);
        int across = 1, down = 1;
        for (std::size_t i = 0; i < components_.size(); ++i) {
            auto& c = components_[i];
            c.id = from[6 + 3 * i];
            c.across = from[7 + 3 * i] >> 4;
            c.down = from[7 + 3 * i] & 15;
            c.quantisation = from[8 + 3 * i];
            if (c.across < 1 || c.across > 4 || c.down < 1 || c.down > 4)
                damaged("its frame's header is none");
            across = std::max(across, c.across);
            down = std::max(down, c.down);
        }
        const auto divide = [](std::size_t a, std::size_t b) { return (a + b - 1) / b; };
        const auto wide = static_cast<std::size_t>(across), high = static_cast<std::size_t>(down);
        mcu_columns_ = divide(width, 8 * wide);
        mcu_rows_ = divide(height, 8 * high);
        for (auto& c : components_) {
            const auto x = static_cast<std::size_t>(c.across), y = static_cast<std::size_t>(c.down);
            c.columns = divide(divide(width * x, wide), 8);
            c.rows = divide(divide(height * y, high), 8);
            c.stride = mcu_columns_ * x;
            if (progressive)
                c.nonzero.assign(c.stride * mcu_rows_ * y, 0);
        }
        // Without Adobe's marker stb takes four colours for something else than CMYK.
        if (components_.size() == 4 && !adobe_) {
            const std::array<std::uint8_t, 16> marker{0xff, 0xee, 0,   14, 'A', 'd',
                                                      'o',  'b',  'e', 0,  100};
            out_.insert(out_.end(), marker.begin(), marker.end());
        }
    }

    /// What has to stand in front of the scan's header.
    void prepare_scan(byte_span from) {
        const auto missing = [&](std::size_t kind, std::size_t number) {
            return number > 3 || !tables_[kind][number].defined;
        };
        bool none = true;
        for (const auto& kind : tables_)
            for (const auto& table : kind)
                none &= !table.defined;
        if (none) {
            const auto usual = usual_huffman_tables();
            out_.insert(out_.end(), usual.begin(), usual.end());
            read_tables(byte_span(usual).subspan(4));
        }
        if (components_.empty() || from.empty() || from[0] == 0 || from[0] > 4 ||
            from.size() != 4 + 2u * from[0])
            damaged("a scan's header is none");
        first_ = from[from.size() - 3];
        last_ = from[from.size() - 2];
        refines_ = progressive_ && (from[from.size() - 1] >> 4) != 0;
        if (!progressive_) {
            first_ = 0;
            last_ = 63;
        }
        if (first_ > last_ || last_ > 63 || (first_ == 0) != (last_ == 0 || !progressive_) ||
            (first_ > 0 && from[0] != 1))
            damaged("a scan's header is none");
        scan_.clear();
        for (std::size_t i = 0; i < from[0]; ++i) {
            const auto found = std::find_if(components_.begin(), components_.end(),
                                            [&](const auto& c) { return c.id == from[1 + 2 * i]; });
            const std::size_t dc = from[2 + 2 * i] >> 4, ac = from[2 + 2 * i] & 15;
            if (found == components_.end() || (first_ == 0 && !refines_ && missing(0, dc)) ||
                (last_ > 0 && missing(1, ac)) || found->quantisation > 3 ||
                !steps_[found->quantisation])
                damaged("a scan lacks its component or a table");
            found->dc = &tables_[0][dc & 3];
            found->ac = &tables_[1][ac & 3];
            scan_.push_back(&*found);
        }
    }

    /// Blocks of one component: a scan of its own has no MCUs.
    void scan() {
        scanned_ = true;
        const bool alone = scan_.size() == 1;
        const std::size_t columns = alone ? scan_[0]->columns : mcu_columns_;
        const std::size_t count = columns * (alone ? scan_[0]->rows : mcu_rows_);
        const std::size_t every = interval_ == 0 ? count : interval_;
        std::vector<std::uint8_t> coded;
        for (std::size_t done = 0, restart = 0; done < count; ++restart) {
            if (restart > 0) {
                // Where the last run ended, no other marker stands.
                expect_bytes(2);
                if (in_[at_ + 1] != 0xd0 + (restart - 1) % 8)
                    damaged("its coded data ends early");
                out_.insert(out_.end(), {0xff, in_[at_ + 1]});
                at_ += 2;
            }
            const std::size_t begin = at_;
            take_run(coded);
            jpeg_bits bits(coded);
            skipped_ = 0;
            const std::size_t end = std::min(count, done + every);
            for (; done < end && !bits.missing; ++done)
                if (alone)
                    block(bits, *scan_[0], done / columns * scan_[0]->stride + done % columns);
                else
                    mcu(bits, done / columns, done % columns);
            if (bits.missing)
                damaged("its coded data ends early or fits no code");
            expect_bytes(2);
            if (bits.left() > 0 && (done < count || in_[at_ + 1] != 0xd9))
                damaged("it has more coded data than pixels");
            copy_run(begin, coded.size() - bits.left());
        }
    }

    /// Takes coded data up to the next marker, without the zeros behind its 0xff.
    void take_run(std::vector<std::uint8_t>& coded) {
        coded.clear();
        for (;;) {
            const byte_span rest = in_.subspan(at_);
            const auto* const stop = static_cast<const std::uint8_t*>(
                rest.empty() ? nullptr : std::memchr(rest.data(), 0xff, rest.size()));
            if (stop == nullptr)
                fail(errc::io, path_ + ": is truncated");
            coded.insert(coded.end(), rest.data(), stop);
            at_ += static_cast<std::size_t>(stop - rest.data());
            expect_bytes(2);
            while (in_[at_ + 1] == 0xff) {
                ++at_;
                expect_bytes(2);
            }
            if (in_[at_ + 1] != 0)
                return;
            coded.push_back(0xff);
            at_ += 2;
        }
    }
    /// Copies the first `count` bytes of a run, with the zeros.
    void copy_run(std::size_t from, std::size_t count) {
        for (; count > 0; --count) {
            while (in_[from] == 0xff && in_[from + 1] == 0xff)
                ++from;
            out_.push_back(in_[from]);
            if (in_[from] == 0xff)
                out_.push_back(in_[++from]);
            ++from;
        }
    }

    void mcu(jpeg_bits& bits, std::size_t row, std::size_t column) {
        for (component* const c : scan_) {
            const auto down = static_cast<std::size_t>(c->down);
            const auto across = static_cast<std::size_t>(c->across);
            for (std::size_t y = 0; y < down; ++y)
                for (std::size_t x = 0; x < across; ++x)
                    block(bits, *c, (row * down + y) * c->stride + column * across + x);
        }
    }

    void block(jpeg_bits& bits, component& c, std::size_t at) {
        if (first_ == 0) {
            if (refines_)
                bits.take(1);
            else
                take_difference(bits, *c.dc);
        }
        if (last_ == 0)
            return;
        if (!progressive_)
            coefficients(bits, *c.ac, 1, nullptr);
        else if (refines_)
            refine(bits, *c.ac, c.nonzero[at]);
        else if (skipped_ > 0)
            --skipped_;
        else
            coefficients(bits, *c.ac, first_, &c.nonzero[at]);
    }

    void take_difference(jpeg_bits& bits, const huffman_table& table) const {
        const int size = bits.symbol(table);
        if (size > 15)
            damaged("its coded data fits no code");
        bits.take(size);
    }

    /// F.2.2.2 and G.1.2.2: runs of zeros and sizes of values; of a progressive scan, runs of blocks.
    void
    coefficients(jpeg_bits& bits, const huffman_table& table, int first, std::uint64_t* nonzero) {
        for (int k = first; k <= last_; ++k) {
            const int symbol = bits.symbol(table), run = symbol >> 4, size = symbol & 15;
            if (size == 0 && run < 15) {
                if (nonzero != nullptr)
                    skipped_ = (1u << run) - 1 + (run > 0 ? bits.take(run) : 0);
                return;
            }
            k += run;
            if (k > last_)
                damaged("its coded data fits no block");
            if (size > 0) {
                bits.take(size);
                if (nonzero != nullptr)
                    *nonzero |= std::uint64_t(1) << k;
            }
        }
    }

    /// G.1.2.3: a bit for each value that is there, between those that come.
    void refine(jpeg_bits& bits, const huffman_table& table, std::uint64_t& nonzero) {
        int k = first_;
        for (; k <= last_ && skipped_ == 0; ++k) {
            const int symbol = bits.symbol(table), size = symbol & 15;
            int run = symbol >> 4;
            if (bits.missing)
                return;
            if (size > 1)
                damaged("its coded data fits no code");
            if (size == 1)
                bits.take(1);
            else if (run < 15) {
                skipped_ = (1u << run) + (run > 0 ? bits.take(run) : 0);
                break;
            }
            for (; k <= last_; ++k) {
                if (nonzero >> k & 1)
                    bits.take(1);
                else if (--run < 0)
                    break;
            }
            if (size == 1) {
                if (k > last_)
                    damaged("its coded data fits no block");
                nonzero |= std::uint64_t(1) << k;
            }
        }
        if (skipped_ > 0) {
            for (; k <= last_; ++k)
                if (nonzero >> k & 1)
                    bits.take(1);
            --skipped_;
        }
    }

    std::string path_;
    byte_span in_;
    std::size_t at_ = 2;
    std::vector<std::uint8_t> out_;
    std::array<std::array<huffman_table, 4>, 2> tables_{}; ///< DC, AC
    std::array<bool, 4> steps_{}; ///< which tables of quantisation there are
    std::vector<component> components_;
    std::vector<component*> scan_;
    std::size_t mcu_columns_ = 0, mcu_rows_ = 0;
    std::size_t interval_ = 0; ///< MCUs from one restart to the next
    std::uint32_t skipped_ = 0;
    int first_ = 0, last_ = 63;
    bool progressive_ = false, refines_ = false, adobe_ = false, scanned_ = false;
};

} // namespace pfad::detail
